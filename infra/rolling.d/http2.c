/* HTTP/2 as far as this client needs it: requests that need no table, answers of which the status and the end count. */
#include "client.h"

#include "base/clock.h"

#include <string.h>

enum { FRAME_DATA, FRAME_HEADERS, FRAME_RESET = 3, FRAME_SETTINGS, FRAME_PING = 6, FRAME_GOAWAY, FRAME_WINDOW };
enum { HEAD = 9, ACK = 1, END_STREAM = 1, END_HEADERS = 4, STATUS_200 = 0x88 /* HPACK's static table */ };

static size_t frame(uint8_t *out, size_t len, uint8_t type, uint8_t flags, uint32_t stream)
{
    const uint8_t head[HEAD] = {
        (uint8_t)(len >> 16),    (uint8_t)(len >> 8),     (uint8_t)len,           type,           flags,
        (uint8_t)(stream >> 24), (uint8_t)(stream >> 16), (uint8_t)(stream >> 8), (uint8_t)stream};
    memcpy(out, head, HEAD);
    return HEAD;
}

/* Our windows are as large as they can be. */
bool http2_begin(struct connection *c)
{
    static const uint8_t settings[] = {0, 2, 0, 0, 0, 0, 0, 4, 0x7F, 0xFF, 0xFF, 0xFF}; /* no push; window */
    static const uint8_t window[] = {0x7F, 0xFF, 0, 0};
    uint8_t hello[128];
    size_t len = strlen("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    memcpy(hello, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", len);
    len += frame(hello + len, sizeof settings, FRAME_SETTINGS, 0, 0);
    memcpy(hello + len, settings, sizeof settings);
    len += sizeof settings;
    len += frame(hello + len, sizeof window, FRAME_WINDOW, 0, 0);
    memcpy(hello + len, window, sizeof window);
    len += sizeof window;
    c->next_stream = 1;
    c->last_stream = INT32_MAX;
    c->going = false;
    return send_all(c, hello, len);
}

/* :method GET, :scheme https, :path, :authority; nothing that would need a table. */
static size_t put_request(uint8_t *out, const char *path, uint32_t stream)
{
    uint8_t *at = out + HEAD;
    size_t len = strlen(path);
    *at++ = 0x82;
    *at++ = 0x87;
    *at++ = 0x04;
    *at++ = (uint8_t)len;
    memcpy(at, path, len);
    at += len;
    memcpy(at, "\x01\x09localhost", 11);
    at += 11;
    frame(out, (size_t)(at - out - HEAD), FRAME_HEADERS, END_STREAM | END_HEADERS, stream);
    return (size_t)(at - out);
}

static uint32_t number(const uint8_t *at)
{
    return ((uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]) & INT32_MAX;
}

/* NULL: all is well; else what is wrong. */
static const char *take_frame(struct connection *c, const uint8_t *head, size_t len, int64_t sent_us)
{
    uint8_t type = head[3];
    uint8_t flags = head[4];
    uint32_t stream = number(head + 5);
    uint8_t pong[HEAD + 8];
    if ((type == FRAME_SETTINGS || type == FRAME_PING) && !(flags & ACK)) {
        size_t echoed = type == FRAME_PING ? len : 0;
        frame(pong, echoed, type, ACK, 0);
        memcpy(pong + HEAD, head + HEAD, echoed);
        return send_all(c, pong, HEAD + echoed) ? NULL : "broken";
    }
    if (type == FRAME_GOAWAY) {
        c->listener->goaways += !c->going;
        c->going = true;
        c->last_stream = number(head + HEAD);
        return NULL;
    }
    if (type == FRAME_RESET) {
        return "a stream was reset";
    }
    if (type == FRAME_HEADERS && head[HEAD] != STATUS_200) {
        return "not 200";
    }
    size_t index = (stream - c->first_stream) / 2;
    if ((type == FRAME_HEADERS || type == FRAME_DATA) && (flags & END_STREAM) && index < BATCH && !c->done[index]) {
        c->done[index] = true;
        count_answer(c, sent_us);
    }
    return NULL;
}

static const char *take_frames(struct connection *c, int64_t sent_us)
{
    size_t at = 0;
    const char *wrong = NULL;
    while (!wrong && c->len - at >= HEAD) {
        size_t len = (size_t)c->buffer[at] << 16 | (size_t)c->buffer[at + 1] << 8 | c->buffer[at + 2];
        if (c->len - at < HEAD + len) {
            break;
        }
        wrong = take_frame(c, c->buffer + at, len, sent_us);
        at += HEAD + len;
    }
    consume(c, at);
    return wrong;
}

/* Streams of the batch that are not answered; those that GOAWAY says were not processed are not counted. */
static uint64_t open_streams(const struct connection *c, uint64_t *again)
{
    uint64_t open = 0;
    *again = 0;
    for (uint32_t i = 0; i < BATCH; i++) {
        bool allowed = c->first_stream + 2 * i <= c->last_stream;
        open += !c->done[i] && allowed;
        *again += !c->done[i] && !allowed;
    }
    return open;
}

/* Takes in what came while nothing was asked, above all GOAWAY. */
static void look(struct connection *c)
{
    while (c->fd >= 0 && is_readable(c)) {
        if (!receive(c) || take_frames(c, 0)) {
            connection_close(c);
        }
    }
    if (c->fd >= 0 && c->going) {
        connection_close(c);
    }
}

void http2_ask(struct connection *c)
{
    uint8_t requests[BATCH * 128];
    size_t len = 0;
    uint64_t again = 0;
    memset(c->done, true, sizeof c->done);
    look(c);
    int64_t sent_us = clock_us();
    if (c->fd < 0 && !connection_open(c)) {
        count_failures(c, BATCH, "cannot be asked");
        return;
    }
    c->first_stream = c->next_stream;
    memset(c->done, false, sizeof c->done);
    for (int i = 0; i < BATCH; i++, c->next_stream += 2) {
        char path[64];
        make_path(c, path);
        len += put_request(requests + len, path, c->next_stream);
    }
    const char *wrong = send_all(c, requests, len) ? NULL : "broken";
    while (!wrong && open_streams(c, &again) > 0) {
        wrong = receive(c) ? take_frames(c, sent_us) : "closed before all was answered";
    }
    uint64_t open = open_streams(c, &again);
    c->listener->asked_again += again; /* as part of the next batches: they ask for something at random anyway */
    if (wrong) {
        count_failures(c, open, wrong);
    } else if (c->going) {
        connection_close(c);
    }
}
