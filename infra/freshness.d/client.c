/* The outside client of infra/freshness: writes SQL at a constant rate, reads HTTP, and takes the time from the commit
 * that was acknowledged to the answer that shows it. One thread: at these rates it has nothing to do most of the time,
 * and no lock or wake-up of its own comes between two moments that are compared. */
#include "readers.h"
#include "writers.h"

#include "base/clock.h"
#include "base/option.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { EVENTS = 64, END_MAX_US = 20000000 /* from the last write that is due to the end */ };

struct options {
    const char *postgres, *replicas;
    int64_t writers, rate, seconds, reads, products, first_stamp, follow_every, seed;
};

#define AT(field) offsetof(struct options, field)
static const struct option_row rows[] = {
    {"postgres", OPTION_STRING, AT(postgres), "", 0, 0, "CONNINFO", "Where to write"},
    {"replicas", OPTION_STRING, AT(replicas), "", 0, 0, "PORTS", "Ports of replicas on 127.0.0.1, with commas between"},
    {"writers", OPTION_INT, AT(writers), "16", 2, 64, "N", "Connections that write"},
    {"rate", OPTION_INT, AT(rate), "1000", 1, 100000, "N", "Transactions a second"},
    {"seconds", OPTION_INT, AT(seconds), "10", 1, 120, "N", "How long"},
    {"reads", OPTION_INT, AT(reads), "500", 1, 100000, "N", "Requests a second to each replica"},
    {"products", OPTION_INT, AT(products), "10000", 100, 100000000, "N", "Products, of ids 1 to N"},
    {"first-stamp", OPTION_INT, AT(first_stamp), "1", 1, INT64_MAX / 2, "N", "Stamp of the first write"},
    {"follow-every", OPTION_INT, AT(follow_every), "15", 0, 100000, "N", "One write in N is followed; 0: none"},
    {"seed", OPTION_INT, AT(seed), "1", 0, INT32_MAX, "N", "Of which products are written and read"},
};
static const struct option_table table = {
    .program = "client",
    .usage = "--postgres CONNINFO [OPTION …]",
    .purpose = "Writes SQL and reads HTTP at constant rates, and prints how long each followed write took to be shown.",
    .env_prefix = "FRESHNESS",
    .rows = rows,
    .count = sizeof rows / sizeof *rows,
};

struct client {
    struct options options;
    struct results results;
    struct writers *writers;
    struct readers *readers;
    int epoll;
};

bool loop_add(int epoll, struct source *source, struct error *e)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = source};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, source->fd, &event) == 0 || error_errno(e, "epoll");
}

static bool on_acked(void *context, size_t index, struct error *e)
{
    struct client *c = context;
    const struct write *write = &c->results.writes[index];
    if (!c->options.follow_every || index % (size_t)c->options.follow_every) {
        return true;
    }
    return readers_follow(c->readers, c->results.first_stamp + (int64_t)index, write->id, write->acked_us, e);
}

static bool parse_ports(const char *text, struct readers_options *o, struct error *e)
{
    for (const char *at = text; *at; at += strspn(at, ",")) {
        char *end;
        long port = strtol(at, &end, 10);
        if (end == at || (*end && *end != ',') || port < 1 || port > 65535 || o->replicas == REPLICAS_MAX) {
            return error_set(e, ERROR_USAGE, "--replicas: '%s' came; at most %d ports with commas between are accepted",
                             text, REPLICAS_MAX);
        }
        o->ports[o->replicas++] = (int)port;
        at = end;
    }
    return true;
}

static bool open_client(struct client *c, struct error *e)
{
    const struct options *o = &c->options;
    size_t writes = (size_t)(o->rate * o->seconds);
    struct readers_options readers = {.rate = o->reads, .products = o->products, .seed = o->seed};
    struct writers_options writers = {
        .conninfo = o->postgres, .connections = o->writers, .rate = o->rate, .products = o->products, .seed = o->seed};
    c->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (c->epoll < 0) {
        return error_errno(e, "epoll");
    }
    readers.epoll = writers.epoll = c->epoll;
    c->results.first_stamp = o->first_stamp;
    return parse_ports(o->replicas, &readers, e) &&
           results_init(&c->results, writes, (writes + 1) * (readers.replicas + 1), e) &&
           readers_new(&c->readers, &readers, &c->results, e) &&
           writers_new(&c->writers, &writers, &c->results, on_acked, c, e);
}

static void close_client(struct client *c)
{
    writers_free(&c->writers);
    readers_free(&c->readers);
    results_fini(&c->results);
    close(c->epoll);
}

static int wait_for_events(struct client *c, struct epoll_event *events)
{
    int64_t now = clock_us();
    int64_t next = writers_next_us(c->writers);
    int64_t reading = readers_next_us(c->readers);
    next = reading < next ? reading : next;
    next = next < now + 100000 ? next : now + 100000;
    int64_t left = next > now ? next - now : 0;
    struct timespec limit = {.tv_sec = left / 1000000, .tv_nsec = left % 1000000 * 1000};
    return epoll_pwait2(c->epoll, events, EVENTS, &limit, NULL);
}

static bool turn(struct client *c, struct error *e)
{
    struct epoll_event events[EVENTS];
    int count = wait_for_events(c, events);
    int64_t now = clock_us();
    for (int i = 0; i < count; i++) {
        struct source *source = events[i].data.ptr;
        if (!source->ready(source, now, e)) {
            return false;
        }
    }
    bool writing = !writers_done(c->writers);
    if (!writers_run(c->writers, now, e) || !readers_run(c->readers, clock_us(), writing, e)) {
        return false;
    }
    int64_t took = clock_us() - now;
    c->results.loop_max_us = took > c->results.loop_max_us ? took : c->results.loop_max_us;
    return true;
}

static bool measure(struct client *c, struct error *e)
{
    int64_t limit = clock_us() + c->options.seconds * 1000000 + END_MAX_US;
    prctl(PR_SET_TIMERSLACK, 1UL);
    c->results.began_us = clock_us();
    writers_start(c->writers, c->results.began_us);
    readers_start(c->readers, c->results.began_us);
    while (!writers_done(c->writers) || !readers_done(c->readers)) {
        if (!turn(c, e)) {
            return false;
        }
        if (!writers_done(c->writers)) {
            c->results.ended_us = clock_us();
        }
        if (clock_us() > limit) {
            return error_set(e, ERROR_LIMIT, "%d s after the last write was due not all of them are committed and seen",
                             END_MAX_US / 1000000);
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    struct client c = {0};
    struct option_rest rest;
    struct error e = {0};
    if (!options_parse(&table, &c.options, argc, argv, &rest, &e) || rest.count > 0) {
        fprintf(stderr, "client: %s\n", e.code ? e.text : "words came that are no options");
        return 2;
    }
    if (rest.help || rest.reference) {
        (rest.help ? options_print_help : options_print_reference)(&table);
        return 0;
    }
    bool ok = open_client(&c, &e) && measure(&c, &e);
    if (ok) {
        results_print(&c.results, stdout);
    } else {
        fprintf(stderr, "client: %s\n", e.text);
    }
    close_client(&c);
    return ok ? 0 : e.code == ERROR_USAGE ? 2 : 1;
}
