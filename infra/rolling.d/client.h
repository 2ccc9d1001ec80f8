/* What the files of the client share: a connection to one listener, and what is counted of it. */
#pragma once
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BATCH = 10, BUFFER = 1 << 18 }; /* streams that are asked at once; bytes */

/* One listener, as all its connections use it. */
struct listener {
    const char *name;
    bool http2;
    int threads;
    int64_t share; /* tenths of the rate */
    int64_t port;
    _Atomic uint64_t answered, failed, asked_again, connections, goaways, slowest_us;
    _Atomic bool complained;
};

struct connection {
    struct listener *listener;
    unsigned seed;
    int fd; /* -1: none */
    SSL *ssl;
    size_t len; /* of what has come and is not looked at yet */
    uint8_t buffer[BUFFER];
    /* HTTP/2 */
    uint32_t next_stream, last_stream; /* last: that GOAWAY allows */
    uint32_t first_stream;             /* of the batch */
    bool done[BATCH];
    bool going;
};

bool connection_open(struct connection *c);
void connection_close(struct connection *c);
bool send_all(struct connection *c, const void *bytes, size_t len);
/* false: closed, broken, or silent for ten seconds. */
bool receive(struct connection *c);
/* Whether something has come, or the end. */
bool is_readable(const struct connection *c);
/* Forgets the first bytes of what has come. */
void consume(struct connection *c, size_t len);
void count_answer(struct connection *c, int64_t sent_us);
/* Closes it, too, and says why, the first time. */
void count_failures(struct connection *c, uint64_t requests, const char *why);
/* Of a product at random. */
void make_path(struct connection *c, char path[64]);

/* http2.c */
bool http2_begin(struct connection *c); /* on a new connection */
void http2_ask(struct connection *c);   /* a batch */
