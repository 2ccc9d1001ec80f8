#include "readers.h"

#include "base/clock.h"
#include "response.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CONNECTIONS_MAX = 256,    /* to one replica */
    BUFFER = 64 * 1024,       /* for one answer */
    PITCH_US = 250,           /* between the requests that follow one write … */
    PITCH_SHARE = 40,         /* … once that is less than such a part of the time gone by, that part of it */
    BOUND_US = 250000,        /* an older answer that claims to be fresh is a violation */
    FOLLOW_MAX_US = 10000000, /* then the write counts as never seen */
    FILLERS_MAX = 16,         /* requests for products at random under way, to one replica */
};

struct connection {
    struct source source; /* first; fd -1: not connected */
    struct readers *all;
    size_t replica;
    struct connection *next_idle;
    bool busy, tried_again, following;
    int64_t id, sent_us;
    /* while it follows a write: */
    int64_t stamp, acked_us, stale_us, next_us, polls; /* stale: when the last request without it was sent */
    size_t len;
    char buffer[BUFFER + 1];
};

struct replica {
    struct connection *idle; /* the one used last comes first */
    struct connection *all[CONNECTIONS_MAX];
    size_t connections, following, fillers;
    int64_t asked; /* requests so far */
};

struct readers {
    struct readers_options options;
    struct results *results;
    struct drand48_data random;
    int64_t started_us; /* 0: not yet */
    struct replica replicas[REPLICAS_MAX];
};

/* ---- a request, out ---------------------------------------------------------------------------- */

static bool connect_one(struct connection *c, struct error *e)
{
    int port = c->all->options.ports[c->replica];
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int one = 1;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->source.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->source.fd < 0 || connect(c->source.fd, (struct sockaddr *)&to, sizeof to) != 0) {
        return error_errno(e, "cannot connect to 127.0.0.1:%d", port);
    }
    setsockopt(c->source.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return loop_add(c->all->options.epoll, &c->source, e);
}

static void disconnect(struct connection *c)
{
    if (c->source.fd >= 0) {
        close(c->source.fd);
        c->source.fd = -1;
    }
}

static bool ask(struct connection *c, struct error *e)
{
    char request[128];
    int len = snprintf(request, sizeof request, "GET /products/%" PRId64 " HTTP/1.1\r\nHost: localhost\r\n\r\n", c->id);
    c->busy = true;
    c->len = 0;
    if (c->source.fd < 0 && !connect_one(c, e)) {
        return false;
    }
    c->sent_us = clock_us();
    /* A connection that the server has just closed takes no bytes: on_ready hears of it and asks on another. */
    if (send(c->source.fd, request, (size_t)len, MSG_NOSIGNAL) != len && errno != EPIPE && errno != ECONNRESET) {
        return error_errno(e, "cannot ask 127.0.0.1:%d", c->all->options.ports[c->replica]);
    }
    return true;
}

static bool on_ready(struct source *source, int64_t now_us, struct error *e);

/* NULL: there is no more. */
static struct connection *take_connection(struct readers *r, size_t replica)
{
    struct replica *to = &r->replicas[replica];
    struct connection *c = to->idle;
    if (c) {
        to->idle = c->next_idle;
    } else if (to->connections < CONNECTIONS_MAX && (c = calloc(1, sizeof *c))) {
        c->source = (struct source){.fd = -1, .ready = on_ready};
        c->all = r;
        c->replica = replica;
        to->all[to->connections++] = c;
    }
    return c;
}

static void give_back(struct connection *c)
{
    struct replica *to = &c->all->replicas[c->replica];
    c->next_idle = to->idle;
    to->idle = c;
}

/* ---- an answer --------------------------------------------------------------------------------- */

static void end_following(struct connection *c, int64_t latency_us)
{
    int64_t before = c->stale_us ? c->stale_us : c->acked_us;
    struct sample s = {.stamp = c->stamp,
                       .replica = (int)c->replica,
                       .latency_us = latency_us,
                       .gap_us = c->sent_us - before,
                       .polls = c->polls};
    results_add_sample(c->all->results, &s);
    c->all->replicas[c->replica].following--;
    c->following = false;
    give_back(c);
}

static int64_t pitch_us(int64_t age_us)
{
    return age_us / PITCH_SHARE > PITCH_US ? age_us / PITCH_SHARE : PITCH_US;
}

static void judge(struct connection *c, const struct response *response, int64_t received_us)
{
    int64_t age_us = c->sent_us - c->acked_us;
    c->polls++;
    if (response->stamp >= c->stamp) {
        end_following(c, received_us - c->acked_us);
        return;
    }
    c->stale_us = c->sent_us;
    if (age_us > BOUND_US && response->status == 200 && !response->admits) {
        struct violation v = {.stamp = c->stamp, .replica = (int)c->replica, .age_us = age_us};
        results_add_violation(c->all->results, &v);
    }
    if (age_us > FOLLOW_MAX_US) {
        end_following(c, -1);
        return;
    }
    c->next_us = c->sent_us + pitch_us(age_us);
}

static bool take_answer(struct connection *c, int64_t received_us, struct error *e)
{
    struct response response;
    struct results *results = c->all->results;
    enum response_state state = response_parse(c->buffer, c->len, &response);
    if (state == RESPONSE_PARTIAL && c->len < BUFFER) {
        return true;
    }
    if (state != RESPONSE_WHOLE || (response.status != 200 && response.status != 503)) {
        return error_set(e, ERROR_DATA, "/products/%" PRId64 " on 127.0.0.1:%d was answered with: %.120s", c->id,
                         c->all->options.ports[c->replica], c->buffer);
    }
    c->busy = c->tried_again = false;
    if (response.close) {
        disconnect(c);
        results->reconnects++;
    }
    results->reads[c->replica]++;
    results->refused += response.status == 503;
    results->admitted += response.admits;
    if (c->following) {
        judge(c, &response, received_us);
    } else {
        c->all->replicas[c->replica].fillers--;
        give_back(c);
    }
    return true;
}

/* The server closed it: between two requests that is its right, so the request is sent again, once. */
static bool lost(struct connection *c, struct error *e)
{
    disconnect(c);
    if (!c->busy) {
        return true;
    }
    if (c->tried_again || c->len > 0) {
        return error_set(e, ERROR_DATA, "127.0.0.1:%d closed the connection instead of answering",
                         c->all->options.ports[c->replica]);
    }
    c->tried_again = true;
    c->all->results->reconnects++;
    return ask(c, e);
}

static bool on_ready(struct source *source, int64_t now_us, struct error *e)
{
    struct connection *c = (struct connection *)source;
    (void)now_us;
    if (c->source.fd < 0) {
        return true; /* closed in this very turn */
    }
    ssize_t got = recv(c->source.fd, c->buffer + c->len, BUFFER - c->len, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return true;
    }
    if (got <= 0) {
        return lost(c, e);
    }
    c->len += (size_t)got;
    if (!c->busy) {
        return error_set(e, ERROR_DATA, "127.0.0.1:%d sent something nobody asked for",
                         c->all->options.ports[c->replica]);
    }
    return take_answer(c, clock_us(), e);
}

/* ---- what is due ------------------------------------------------------------------------------- */

bool readers_follow(struct readers *r, int64_t stamp, int64_t id, int64_t acked_us, struct error *e)
{
    for (size_t i = 0; i < r->options.replicas; i++) {
        struct connection *c = take_connection(r, i);
        if (!c) {
            r->results->skipped++;
            continue;
        }
        c->following = true;
        c->id = id;
        c->stamp = stamp;
        c->acked_us = acked_us;
        c->stale_us = c->polls = 0;
        r->replicas[i].following++;
        r->replicas[i].asked++;
        if (!ask(c, e)) {
            return false;
        }
    }
    return true;
}

static int64_t next_filler_us(const struct readers *r, size_t replica)
{
    const struct replica *to = &r->replicas[replica];
    bool none = !r->started_us || to->fillers >= FILLERS_MAX;
    return none ? INT64_MAX : r->started_us + to->asked * 1000000 / r->options.rate;
}

static bool fill(struct readers *r, size_t replica, int64_t now_us, struct error *e)
{
    while (now_us >= next_filler_us(r, replica)) {
        struct connection *c = take_connection(r, replica);
        long drawn;
        r->replicas[replica].asked++;
        if (!c) {
            continue;
        }
        lrand48_r(&r->random, &drawn);
        c->id = 1 + drawn % r->options.products;
        r->replicas[replica].fillers++;
        if (!ask(c, e)) {
            return false;
        }
    }
    return true;
}

static bool poll_due(struct readers *r, size_t replica, int64_t now_us, struct error *e)
{
    struct replica *to = &r->replicas[replica];
    for (size_t i = 0; to->following > 0 && i < to->connections; i++) {
        struct connection *c = to->all[i];
        if (c->following && !c->busy && now_us >= c->next_us) {
            to->asked++;
            if (!ask(c, e)) {
                return false;
            }
        }
    }
    return true;
}

bool readers_run(struct readers *r, int64_t now_us, bool filling, struct error *e)
{
    for (size_t i = 0; i < r->options.replicas; i++) {
        if (!poll_due(r, i, now_us, e) || (filling && !fill(r, i, now_us, e))) {
            return false;
        }
    }
    return true;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t readers_next_us(const struct readers *r)
{
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < r->options.replicas; i++) {
        const struct replica *to = &r->replicas[i];
        next = earlier(next, next_filler_us(r, i));
        for (size_t k = 0; to->following > 0 && k < to->connections; k++) {
            const struct connection *c = to->all[k];
            next = c->following && !c->busy ? earlier(next, c->next_us) : next;
        }
    }
    return next;
}

/* ---- life --------------------------------------------------------------------------------------- */

bool readers_new(struct readers **out, const struct readers_options *options, struct results *results, struct error *e)
{
    struct readers *r = calloc(1, sizeof *r);
    if (!r) {
        return error_set(e, ERROR_SYSTEM, "no memory for the readers");
    }
    r->options = *options;
    r->results = results;
    srand48_r(options->seed, &r->random);
    *out = r;
    return true;
}

void readers_free(struct readers **readers)
{
    struct readers *r = *readers;
    for (size_t i = 0; r && i < r->options.replicas; i++) {
        for (size_t k = 0; k < r->replicas[i].connections; k++) {
            disconnect(r->replicas[i].all[k]);
            free(r->replicas[i].all[k]);
        }
    }
    free(r);
    *readers = NULL;
}

void readers_start(struct readers *r, int64_t now_us)
{
    r->started_us = now_us;
}

bool readers_done(const struct readers *r)
{
    size_t following = 0;
    for (size_t i = 0; i < r->options.replicas; i++) {
        following += r->replicas[i].following;
    }
    return following == 0;
}
