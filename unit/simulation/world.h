/* One schedule: a seeded world around the real refresher and the real cache. Whatever the schedule decides, it decides
 * by random_below, so a seed gives the same schedule again. One thread: what other threads do to the refresher is done
 * to it at the points where it may be interrupted (allocations, waits for Postgres, announcements). */
#pragma once
#include "cache/demand.h"
#include "refresh/refresher_state.h"
#include "simulation/model.h"

/* What has happened, counted over all schedules. The first ones are ARCHITECTURE.md's races. */
#define EVENTS_SEEN(X)                                                                                                 \
    X(FETCH_AGAINST_CHANGE, "a fetch came back older than its mark")                                                   \
    X(FETCH_AGAINST_FETCH, "a fetch came back no newer than the entry")                                                \
    X(DELETE_AGAINST_SLICE, "a slice came back with a product that was deleted since")                                 \
    X(EVERYTHING_AGAINST_SLICE, "everything was marked while a slice was under way")                                   \
    X(SLICE_AGAINST_SLICE, "the last slice came back before others")                                                   \
    X(SLICE_GREW, "a slice came back with a part of its range, because so much had been added")                        \
    X(SLICE_REFUSED, "a slice found no permit")                                                                        \
    X(APPLIED_WITHIN_READ, "a read was interrupted by a log read that applied")                                        \
    X(NEWS_WITHIN_READ, "a read asked for a product, and its news came before it was done")                            \
    X(LIST_WHILE_ARRIVING, "a list was read while a product was arriving")                                             \
    X(OTHER_ERA_UNCUT, "a fetch saw another era than a feed that nothing cut off")                                     \
    X(COMMIT_BEFORE_LISTEN, "a change was committed between connecting and the first log read")                        \
    X(CRASH_FORGOT_SHOWN, "a crash forgot what was shown")                                                             \
    X(XIDS_AGAIN, "a crash handed out xids again that the feed had seen")                                              \
    X(LATE_COMMIT, "a log read found rows of a transaction that ran at the last one")                                  \
    X(OVER_READ_NEEDED, "a log read found rows only because it over-read")                                             \
    X(OLD_LIFE, "a good fetch from an older life came back")                                                           \
    X(BELOW_HORIZON, "the log no longer reached back")                                                                 \
    X(LESS_CAME_BACK, "Postgres was restored, same timeline")                                                          \
    X(OTHER_TIMELINE, "Postgres was restored, another timeline or cluster")                                            \
    X(TRUNCATED, "everything was announced by a TRUNCATE")                                                             \
    X(OVER_LIMIT, "more changed than the change set takes")                                                            \
    X(SAVEPOINT_BACK, "a savepoint that had changed something was rolled back")                                        \
    X(PREPARED_ENDED, "a prepared transaction was committed")                                                          \
    X(PREPARED_SURVIVED, "a prepared transaction survived a crash")                                                    \
    X(LONG_TRANSACTION, "a transaction that ran for more than 10 s was committed")                                     \
    X(NOTIFICATION_LOST, "notifications were lost")                                                                    \
    X(HALF_OPEN, "a log read timed out, and nothing had said that the connection is gone")                             \
    X(FORGOTTEN, "a slot that says 'no such product' was forgotten")                                                   \
    X(MEMORY_REFUSED, "the refresher was refused memory")                                                              \
    X(BYPASSED, "a transaction that the log does not show was committed")                                              \
    X(AUDITED, "the audit judged a product, or a range")                                                               \
    X(AUDIT_REPAIRED, "the audit repaired a product")                                                                  \
    X(READ_PROVEN, "a document was shown as fresh and proven")                                                         \
    X(READ_UNPROVEN, "a document was shown as unproven")                                                               \
    X(READ_MARKED, "a document was shown as marked")                                                                   \
    X(READ_ABSENT, "an answer was: no such product")                                                                   \
    X(LIST_PROVEN, "a list was shown as fresh and proven")                                                             \
    X(AT_LEAST_MET, "Catalogue-At-Least was met by a document")                                                        \
    X(TOLD, "a follower was told of changes")                                                                          \
    X(TOLD_LOOSELY, "a follower was told of changes while a bulk was being published")                                 \
    X(TOLD_TO_RELOAD, "a follower was told to reload")

enum seen {
#define X(name, text) SEEN_##name,
    EVENTS_SEEN(X)
#undef X
        SEEN_EVENTS
};

enum { CHANGE_SET_MAX = 12 };

struct world {
    uint64_t seed, random;
    bool verbose;
    bool gaps;    /* also what is known not to be covered */
    bool planted; /* a fault is: finding it is success */
    int64_t now_us;
    struct model model;
    struct image backup;
    bool has_backup;
    int64_t backup_us;
    bool reachable;        /* the network between the replica and Postgres */
    bool calm;             /* the end: no faults any more */
    unsigned memory_fails; /* one in so many allocations; 0: none */
    bool asynchronous;     /* all transactions have synchronous_commit off */
    bool bypasses;         /* transactions may go past the triggers: what they touch is up to the audit */
    uint32_t bypassed;     /* bit id: that product was touched */
    uint64_t row_count;    /* Postgres's statistics */
    enum fetch_kind slow;  /* answers of this kind are long on their way */
    unsigned in_refresher, busy, reading; /* busy: the world is at work, and is not interrupted itself */
    int64_t began_us[TRANSACTIONS];
    uint32_t news; /* announcements heard */

    struct cache *cache;
    struct demand *demand;
    struct refresher *refresher;
    struct guard *guard;
};
extern struct world world;
extern uint64_t seen_count[SEEN_EVENTS];

static inline void seen(enum seen event)
{
    seen_count[event]++;
}

/* ---- world.c ---- */
uint64_t random_below(uint64_t n);
static inline bool one_in(uint64_t n)
{
    return random_below(n) == 0;
}
void world_pass(int64_t us);
/* A line of what happens, if verbose. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A promise was broken: says so with the seed, and ends the process. */
_Noreturn void broken(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- schedule.c ---- */
/* One schedule from its seed, with all checks. */
void schedule_run(uint64_t seed);
/* What happens elsewhere while the refresher waits for Postgres, or is interrupted. */
void schedule_meanwhile(void);
void schedule_interrupt(void);
/* Lets the refresher do what it can, or ends. */
void schedule_step(void);

/* ---- connection.c: refresh/pg.h and libpq, on the model ---- */
void connection_reset(void);
bool connection_deliver(void); /* what was notified arrives; false: nothing was */
bool connection_lose(void);    /* … is lost */
void connection_committed(bool notifies);
bool connection_kill(void);
bool connection_is_cut(void); /* the feed's, whether or not it has noticed */

/* ---- fetchers.c: refresh/fetch.h, on the model ---- */
bool fetchers_move(void); /* one of the fetches is run, or comes back; false: there is none */
bool fetchers_idle(void);
void fetchers_cut(void); /* their connections, and some of the answers under way */

/* ---- judge.c ---- */
void judge_reset(void);
bool judge_document(void); /* reads one as the read path does, and judges it */
bool judge_list(void);
void judge_watch(void); /* what must hold at any time */
bool judge_is_exact(void);
void judge_end(void); /* after some time without faults */

/* ---- follower.c ---- */
void follower_reset(void);
void follower_look(void); /* takes the events that there are */
bool follower_is_exact(void);
void follower_end(void); /* after some time without faults */

/* ---- memory.c ---- */
size_t memory_in_use(void); /* allocations that were not freed */
