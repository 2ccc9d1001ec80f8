/* The outside client of infra/rolling: asks for products at a constant rate through NGINX's three listeners, and counts
 * what failed. It does what a good client does, and no more: an HTTP/1.1 connection that was closed before a request
 * was sent, or that said "Connection: close", is made anew; so is an HTTP/2 connection that said GOAWAY, after the
 * streams that this still allows, and what it says was not processed is asked again. Nothing else is retried. A thread
 * a connection, in plain blocking code. */
#include "client.h"

#include "base/clock.h"
#include "base/option.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LIMIT_S = 10, CONNECTIONS_MAX = 128 };

struct options {
    int64_t http, edge, tls, rate, products, seconds;
};

#define AT(field) offsetof(struct options, field)
static const struct option_row rows[] = {
    {"http", OPTION_INT, AT(http), "8080", 1, 65535, "PORT", "HTTP/1.1 in clear: four tenths of the requests"},
    {"edge", OPTION_INT, AT(edge), "8444", 1, 65535, "PORT", "HTTP/2 that NGINX ends: three tenths"},
    {"tls", OPTION_INT, AT(tls), "8443", 1, 65535, "PORT", "HTTP/2 that replicas end: three tenths"},
    {"rate", OPTION_INT, AT(rate), "10000", 10, 1000000, "N", "Requests a second, all together"},
    {"products", OPTION_INT, AT(products), "1000", 1, 100000000, "N", "Products, of ids 1 to N"},
    {"seconds", OPTION_INT, AT(seconds), "600", 1, 86400, "N", "How long at most; SIGTERM ends it sooner"},
};
static const struct option_table table = {
    .program = "client",
    .usage = "[OPTION …]",
    .purpose = "Asks for products at a constant rate until it is told to end, and prints what failed as JSON.",
    .env_prefix = "ROLLING",
    .rows = rows,
    .count = sizeof rows / sizeof *rows,
};

static struct options options;
static SSL_CTX *tls;
static int64_t end_us;
static _Atomic bool stopped;

static bool is_over(void)
{
    return stopped || clock_us() >= end_us;
}

/* ---- bytes ---------------------------------------------------------------------------------- */

void connection_close(struct connection *c)
{
    SSL_free(c->ssl);
    c->ssl = NULL;
    if (c->fd >= 0) {
        close(c->fd);
    }
    c->fd = -1;
}

bool send_all(struct connection *c, const void *bytes, size_t len)
{
    return c->ssl ? SSL_write(c->ssl, bytes, (int)len) == (int)len
                  : send(c->fd, bytes, len, MSG_NOSIGNAL) == (ssize_t)len;
}

/* false: closed, broken, or silent for LIMIT_S. */
bool receive(struct connection *c)
{
    uint8_t *at = c->buffer + c->len;
    int room = (int)(sizeof c->buffer - 1 - c->len);
    errno = 0;
    int n = c->ssl ? SSL_read(c->ssl, at, room) : (int)recv(c->fd, at, (size_t)room, 0);
    if (n <= 0) { /* a session ticket is no bytes and no failure */
        return c->ssl && errno == 0 && SSL_get_error(c->ssl, n) == SSL_ERROR_WANT_READ;
    }
    c->len += (size_t)n;
    c->buffer[c->len] = '\0';
    return true;
}

bool is_readable(const struct connection *c)
{
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    return (c->ssl && SSL_pending(c->ssl) > 0) || poll(&p, 1, 0) == 1;
}

void consume(struct connection *c, size_t len)
{
    c->len -= len;
    memmove(c->buffer, c->buffer + len, c->len + 1);
}

bool connection_open(struct connection *c)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)c->listener->port)};
    struct timeval limit = {.tv_sec = LIMIT_S};
    int one = 1;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->len = 0;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    bool ok = connect(c->fd, (struct sockaddr *)&to, sizeof to) == 0;
    if (ok && c->listener->http2) {
        c->ssl = SSL_new(tls);
        ok = SSL_set_fd(c->ssl, c->fd) == 1 && SSL_connect(c->ssl) == 1 && http2_begin(c);
    }
    c->listener->connections++;
    if (!ok) {
        connection_close(c);
    }
    return ok;
}

/* ---- counting ------------------------------------------------------------------------------- */

void count_answer(struct connection *c, int64_t sent_us)
{
    uint64_t took_us = (uint64_t)(clock_us() - sent_us);
    c->listener->answered++;
    if (took_us > c->listener->slowest_us) {
        c->listener->slowest_us = took_us;
    }
}

/* Says why, the first time. */
void count_failures(struct connection *c, uint64_t requests, const char *why)
{
    c->listener->failed += requests;
    if (requests > 0 && !atomic_exchange(&c->listener->complained, true)) {
        fprintf(stderr, "client: %s: %s (%s)\n", c->listener->name, why, strerror(errno));
    }
    connection_close(c);
}

void make_path(struct connection *c, char path[64])
{
    static const char *const kinds[] = {"", "/styles", "/related", "/full"};
    unsigned id = 1 + (unsigned)rand_r(&c->seed) % (unsigned)options.products;
    snprintf(path, 64, "/products/%u%s", id, kinds[(unsigned)rand_r(&c->seed) % 4]);
}

/* ---- HTTP/1.1 ------------------------------------------------------------------------------- */

/* Length of the whole answer once its head is there; 0: not yet. */
static size_t answer_length(const struct connection *c, int *status, bool *closes)
{
    const char *text = (const char *)c->buffer;
    const char *body = strstr(text, "\r\n\r\n");
    const char *length = body ? strcasestr(text, "\r\nContent-Length: ") : NULL;
    const char *close = body ? strcasestr(text, "\r\nConnection: close") : NULL;
    *status = body ? atoi(text + strlen("HTTP/1.1 ")) : 0;
    *closes = close && close < body;
    if (!body || !length || length > body) {
        return 0;
    }
    return (size_t)(body + 4 - text) + strtoul(length + strlen("\r\nContent-Length: "), NULL, 10);
}

static void ask_http1(struct connection *c)
{
    char path[64];
    char request[160];
    int status = 0;
    bool closes = false;
    make_path(c, path);
    int len = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
    if (c->fd >= 0 && is_readable(c)) {
        connection_close(c); /* it was closed while nothing was asked */
    }
    int64_t sent_us = clock_us();
    if ((c->fd < 0 && !connection_open(c)) || !send_all(c, request, (size_t)len)) {
        count_failures(c, 1, "cannot be asked");
        return;
    }
    size_t whole = 0;
    while (!(whole = answer_length(c, &status, &closes)) || c->len < whole) {
        if (!receive(c)) {
            count_failures(c, 1, "closed before the answer was whole");
            return;
        }
    }
    if (status != 200) {
        count_failures(c, 1, "not 200");
        return;
    }
    count_answer(c, sent_us);
    consume(c, whole);
    if (closes) {
        connection_close(c);
    }
}

/* ---- threads -------------------------------------------------------------------------------- */

static void *work(void *context)
{
    struct connection *c = context;
    const struct listener *l = c->listener;
    int64_t size = l->http2 ? BATCH : 1;
    int64_t pitch_us = INT64_C(10000000) * size * l->threads / (options.rate * l->share);
    int64_t due_us = clock_us() + (int64_t)(rand_r(&c->seed) % (unsigned)(pitch_us + 1));
    while (!is_over()) {
        int64_t early_us = due_us - clock_us();
        if (early_us > 0) {
            struct timespec pause = {.tv_sec = early_us / 1000000, .tv_nsec = early_us % 1000000 * 1000};
            nanosleep(&pause, NULL);
        }
        (l->http2 ? http2_ask : ask_http1)(c);
        due_us += pitch_us;
    }
    connection_close(c);
    free(c);
    return NULL;
}

static void print(const struct listener *l, double seconds, const char *end)
{
    printf(" \"%s\": {\"answered\": %" PRIu64 ", \"failed\": %" PRIu64 ", \"asked_again\": %" PRIu64
           ", \"connections\": %" PRIu64 ", \"goaways\": %" PRIu64 ", \"slowest_ms\": %.1f, \"rate\": %.0f}%s\n",
           l->name, l->answered, l->failed, l->asked_again, l->connections, l->goaways, (double)l->slowest_us / 1000,
           (double)l->answered / seconds, end);
}

static void stop(int signal)
{
    (void)signal;
    stopped = true;
}

static void run(struct listener *all, size_t count)
{
    pthread_t threads[CONNECTIONS_MAX];
    size_t started = 0;
    int64_t begun_us = clock_us();
    end_us = begun_us + options.seconds * 1000000;
    for (size_t i = 0; i < count; i++) {
        for (int k = 0; k < all[i].threads; k++) {
            struct connection *c = calloc(1, sizeof *c);
            ENSURE(c);
            c->listener = &all[i];
            c->seed = (unsigned)started + 1;
            c->fd = -1;
            ENSURE(pthread_create(&threads[started++], NULL, work, c) == 0);
        }
    }
    while (started > 0) {
        pthread_join(threads[--started], NULL);
    }
    double seconds = (double)(clock_us() - begun_us) / 1e6;
    printf("{\"seconds\": %.1f,\n", seconds);
    for (size_t i = 0; i < count; i++) {
        print(&all[i], seconds, i + 1 < count ? "," : "}");
    }
}

int main(int argc, char **argv)
{
    struct option_rest rest;
    struct error e;
    if (!options_parse(&table, &options, argc, argv, &rest, &e) || rest.count > 0) {
        fprintf(stderr, "client: %s\n", rest.count ? "there is a word too many" : e.text);
        return 2;
    }
    struct listener all[] = {{.name = "http", .threads = 96, .share = 4, .port = options.http},
                             {.name = "edge", .http2 = true, .threads = 8, .share = 3, .port = options.edge},
                             {.name = "tls", .http2 = true, .threads = 8, .share = 3, .port = options.tls}};
    tls = SSL_CTX_new(TLS_client_method());
    ENSURE(tls && SSL_CTX_set_alpn_protos(tls, (const unsigned char *)"\x02h2", 3) == 0);
    SSL_CTX_clear_mode(tls, SSL_MODE_AUTO_RETRY);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, stop);
    run(all, sizeof all / sizeof *all);
    return 0;
}
