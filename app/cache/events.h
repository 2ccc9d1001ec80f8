/* Events: what the refresher has published since a while ago, for those who follow it. A ring of batches, written by
 * the refresher, read by any number of workers inside a guard; and the questions of those who were away for longer.
 *
 * A batch is what became visible in Postgres between two log reads, once all of it can be read from the cache. Batches
 * are numbered; a reader keeps the number of the next one and nothing else. Who falls behind the ring is told to
 * reload. A reload is a batch, too: everything may have changed. A loose batch comes while a bulk change is being
 * published: it does not move the position, because who goes away before the bulk is whole must be told of it again. */
#pragma once
#include "cache/event_id.h"
#include "cache/guard.h"

enum {
    EVENTS_BATCHES = 4096,  /* the ring */
    EVENTS_IDS = 262144,    /* … of so many products in all */
    EVENTS_BATCH_IDS = 1000 /* more are a reload */
};

/* Why somebody is told to reload. */
enum reload {
    RELOAD_NOT,        /* it is not a reload */
    RELOAD_EVERYTHING, /* TRUNCATE, a catalogue loaded anew */
    RELOAD_BULK,       /* more products at once than are told one by one */
    RELOAD_ERA,        /* another life of Postgres */
    RELOAD_BEHIND,     /* the reader is: more has changed since than is told one by one, or is kept here */
    RELOAD_PRUNED,     /* the change log no longer reaches back to what was seen */
    RELOAD_UNKNOWN,    /* what has changed since could not be found out in time */
    RELOADS
};
extern const char *const reload_names[RELOADS];

struct event_batch {
    uint64_t number;
    uint64_t era;
    uint64_t from_version, version; /* V of the snapshots */
    struct snapshot to;
    char *from_text, *to_text; /* encoded; NULL: too long for an id */
    enum reload reload;
    bool loose;
    ck_epoch_entry_t reclaim;
    size_t count;
    int64_t ids[]; /* ascending, no repeats */
};

/* Copies; `ids` may be NULL. NULL: no memory. */
struct event_batch *event_batch_new(uint64_t era, const struct snapshot *from, const struct snapshot *to,
                                    const int64_t *ids, size_t count);
void event_batch_free(struct event_batch *b);

/* A question: what has changed since? Made and freed by the reader; the refresher has it from events_ask until it calls
 * `done`. */
struct resume {
    struct event_id since;
    const int64_t *wanted; /* ascending: only these products; NULL: all */
    size_t wanted_count;
    int64_t until_us;                    /* clock_us: answered with a reload from then on */
    void (*done)(struct resume *resume); /* on the refresher's thread: must only pass it on */
    /* the answer */
    enum reload reload;
    struct event_batch *parts[2]; /* to be told first: that of since.product, after which; then the other; or NULL */
    uint64_t next;                /* then the ring from this number on */
    /* the refresher's */
    bool answered;
    struct resume *link;
};

/* ---- readers: inside a guard ---- */
/* NULL: it is not there yet, or (number < events_next) no longer. */
const struct event_batch *events_at(const struct guard *g, uint64_t number);
/* The newest one that is not loose: where somebody stands who has been told all; NULL: none yet. */
const struct event_batch *events_head(const struct guard *g);
/* Where to go on from what was seen: the batch, and the product of it after which. false: the ring does not say. */
bool events_find(const struct guard *g, const struct event_id *seen, uint64_t *number, int64_t *product);

/* ---- readers: any thread ---- */
uint64_t events_next(const struct cache *c); /* the number that the next batch will have; from 1 */
void events_ask(struct cache *c, struct resume *resume);

/* ---- before threads start ---- */
/* `news` is called on the refresher's thread after a batch was appended; it must only pass the word on. */
void events_watch(struct cache *c, void (*news)(void *context), void *context);
int events_fd(const struct cache *c); /* readable when somebody asked */

/* ---- the refresher ---- */
/* Takes the batch. */
void events_append(struct cache *c, struct event_batch **b);
const struct event_batch *events_head_own(const struct cache *c); /* as events_head */
struct resume *events_take_asked(struct cache *c);                /* linked; any order */
