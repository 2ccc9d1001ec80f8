/* What the files of the refresher share. Nobody else includes it. */
#pragma once
#include "refresh/announce.h"
#include "refresh/audit.h"
#include "refresh/canary.h"
#include "refresh/change_feed.h"
#include "refresh/change_set.h"
#include "refresh/duty.h"
#include "refresh/fetch.h"
#include "refresh/refresher.h"

#include <pthread.h>

enum {
    RECLAIM_MS = 100,
    WOKEN_US = 8000,      /* between two log reads, though woken, while a fetch is under way */
    ABSENT_MS = 10000,    /* how long "no such product" is remembered */
    RECENT_US = 10000000, /* what was published so recently is read again after the feed was lost */
    LOST_US = 30000000, /* … after an era ended: more than lies between two ticks, so that what a Postgres has lost is
                         * either as recent, or a tick is lost with it */
    PRUNE_MS = 10000,
};

struct id_range {
    int64_t after, until; /* after < id ≤ until */
};

/* While at most LOAD_FEW ranges are to do one is sent that may bring so many more. */
enum { LOAD_FEW = 16, LOAD_RANGES_MAX = LOAD_FEW + FETCHERS_MAX + FETCH_BOUNDS_MAX + 1 };

struct refresher {
    /* fixed */
    struct refresher_options options;
    struct cache *cache;
    struct demand *demand;
    struct fetch_pool *pool;
    struct duty *duty;
    int stop_fd;
    pthread_t thread;
    bool started;

    /* shared: read by the operations port */
    struct refresh_metrics metrics;
    metric losses; /* of connections */
    struct recent recent;

    /* owned by the thread: the feed */
    struct pg_options pg;
    struct change_feed feed;
    struct era era;
    uint32_t era_index;
    uint64_t life; /* counts feed connections */
    int64_t next_read_us, retry_us, announced_us;
    bool woken;        /* a notification came, and the log has not been read since */
    bool applied_late; /* there was no memory for what was read */
    int64_t recent_us; /* RECENT_US or LOST_US */
    uint64_t random;

    /* owned by the thread: what is to be fetched */
    struct change_set set;
    size_t ids_fetches, large_fetches, ids_fetching; /* under way: fetches, large ones of them, products in them */
    int64_t fetch_retry_us;

    /* owned by the thread: loading everything, slice by slice */
    struct {
        bool running;
        bool lacks; /* something could not be published or listed since it began: it is done once more */
        uint32_t number;
        size_t under_way; /* slices, those of a load before too */
        struct id_range todo[LOAD_RANGES_MAX];
        size_t todo_count;
        int64_t started_us, ended_us;
        int64_t retry_us;            /* no slice before */
        int64_t report_us;           /* the next one */
        uint64_t products, reported; /* loaded; … when that was last reported */
    } load;
    struct {
        size_t base;                       /* what the cache took while it was empty */
        size_t counted;                    /* products in Postgres, once that had to be known; 0: not counted */
        size_t tried_left_out, tried_used; /* when what was left out was last fetched */
        size_t peak;                       /* of the cache's memory, and … */
        uint64_t loads;                    /* … loads completed, when free memory was last given back */
        bool is_short;                     /* it was said that products are left out */
        int64_t say_us;                    /* the next time */
        struct error error;                /* written before … */
        _Atomic bool refused;              /* … shared: the catalogue does not fit */
    } room;
    struct audit audit;
    struct canary canary;
    struct announce announce;
    int64_t next_reclaim_us, next_prune_us, next_forget_us;
    bool prune_under_way;
};

/* refresher.c: all that can be done now. The thread repeats it whenever something came or is due; never waits for
 * more than the feed's own answers. */
void refresher_step(struct refresher *r);

/* settle.c: what becomes of a slot */
/* Sees to it that the product will be fetched, at least so urgently; a fetch that is under way looks again when it is
 * back. */
void refresher_want(struct refresher *r, struct slot *slot, enum urgency urgency);
bool refresher_is_stale(const struct refresher *r, struct slot *slot);
enum urgency refresher_urgency(struct slot *slot);
int64_t refresher_jitter(struct refresher *r, int64_t upto);
/* Takes entries in ascending order of id, any number, and decides for each slot what comes next. */
void refresher_publish(struct refresher *r, struct entry **entries, size_t count);
/* A fetch of the feed's present life; NULL: no memory. */
struct fetch *refresher_fetch(const struct refresher *r, enum fetch_kind kind);
/* The ids that the cache lists with after < id ≤ up_to, malloc'ed; NULL: no memory. */
int64_t *refresher_listed(const struct refresher *r, int64_t after, int64_t up_to, size_t *count);
void refresher_fetch_failed(struct refresher *r, const struct fetch *f);
/* Whether a fetch that is back may be published: it worked, and the feed has not been lost since. */
bool refresher_is_current(const struct refresher *r, const struct fetch *f);

/* room.c: --memory-limit */
/* Takes the documents from entries that have no room, before they are published. */
void room_admit(struct refresher *r, struct entry **entries, size_t count);
/* After publishing: refuses a catalogue that will not fit, while it is loaded for the first time. */
void room_judge(struct refresher *r);
/* Now and then: has what was left out fetched when there is room again. */
void room_keep(struct refresher *r, int64_t now);

/* follow.c: the feed, marks and eras */
void follow_feed(struct refresher *r);

/* announce.c: events. After the marks of a log read; … of a product that is read again, though the log does not name
 * it, before that; … and what can be told by now. */
void announce_changes(struct refresher *r, const struct changes *c);
void announce_remarked(struct refresher *r, int64_t id);
bool announce_is_new_era(const struct refresher *r); /* nothing was announced in it yet, or at all */
void announce_step(struct refresher *r);

/* resume.c: those who were away */
void resume_step(struct refresher *r);
void resume_take_done(struct refresher *r, struct fetch *f);

/* supply.c: products that changed */
void supply_send(struct refresher *r);
void supply_take_done(struct refresher *r, struct fetch *f);

/* load.c: the whole catalogue, slice by slice */
void load_start(struct refresher *r);
void load_send(struct refresher *r);
void load_take_done(struct refresher *r, struct fetch *f);
/* Logs how far it has come, now and then. */
void load_report(struct refresher *r);
