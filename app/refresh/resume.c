/* Answering those who were away: what has changed since the snapshot that they have seen, up to the head of the ring.
 * One read of the log answers all who have asked by then. */
#include "refresh/refresher_state.h"

#include "base/clock.h"

/* Questions that one read answers, and running transactions in their snapshots: an id may be made up. */
enum { RESUMES_AT_ONCE = 1024, RUNNING_AT_ONCE = 8192 };

static void answer(struct resume *q, enum reload why, uint64_t next)
{
    q->answered = true;
    q->reload = why;
    q->next = next;
    q->done(q);
}

static void take_asked(struct refresher *r)
{
    struct resume *asked = events_take_asked(r->cache);
    while (asked) {
        struct resume *q = asked;
        asked = q->link;
        q->link = r->announce.resumes;
        r->announce.resumes = q;
    }
}

enum decision { ANSWERED, WAITS, TO_READ };

/* What was seen elsewhere may be more than what is shown here: that is waited for. */
static enum decision decide(struct refresher *r, const struct event_batch *head, struct resume *q)
{
    uint64_t seen = snapshot_version(&q->since.to);
    if (head && q->since.era < head->era) {
        answer(q, RELOAD_ERA, head->number + 1);
        return ANSWERED;
    }
    bool same = head && q->since.era == head->era;
    if (same && q->since.product == 0 && seen == head->version) {
        answer(q, RELOAD_NOT, head->number + 1);
        return ANSWERED;
    }
    if (clock_us() >= q->until_us) {
        answer(q, RELOAD_UNKNOWN, head ? head->number + 1 : events_next(r->cache));
        return ANSWERED;
    }
    return same && seen <= head->version && r->era.number == head->era ? TO_READ : WAITS;
}

/* Those that a read answers, taken out of the queue. */
static struct resume *choose(struct refresher *r, const struct event_batch *head)
{
    struct resume *chosen = NULL;
    struct resume *waiting = r->announce.resumes;
    size_t count = 0;
    size_t running = 0;
    r->announce.resumes = NULL;
    while (waiting) {
        struct resume *q = waiting;
        waiting = q->link;
        enum decision d = decide(r, head, q); /* an answered one is no longer ours */
        if (d == ANSWERED) {
            continue;
        }
        size_t more = q->since.from.running + q->since.to.running;
        bool fits =
            d == TO_READ && !r->announce.reading && count < RESUMES_AT_ONCE && running + more <= RUNNING_AT_ONCE;
        struct resume **list = fits ? &chosen : &r->announce.resumes;
        count += fits;
        running += fits ? more : 0;
        q->link = *list;
        *list = q;
    }
    return chosen;
}

static void put_back(struct refresher *r, struct resume *list)
{
    while (list) {
        struct resume *q = list;
        list = q->link;
        q->link = r->announce.resumes;
        r->announce.resumes = q;
    }
}

void resume_step(struct refresher *r)
{
    const struct event_batch *head = events_head_own(r->cache);
    take_asked(r);
    struct resume *chosen = r->announce.resumes ? choose(r, head) : NULL;
    if (!chosen) {
        return;
    }
    bool can = r->feed.pg.connection && clock_us() >= r->fetch_retry_us;
    struct fetch *f = can ? refresher_fetch(r, FETCH_LOG) : NULL;
    if (!f || !snapshot_copy(&head->to, &f->up_to_snapshot)) {
        fetch_free(&f);
        put_back(r, chosen);
        return;
    }
    f->next_batch = head->number + 1;
    f->resumes = chosen;
    r->announce.reading = true;
    fetch_submit(r->pool, &f);
}

void resume_take_done(struct refresher *r, struct fetch *f)
{
    struct resume *list = f->resumes;
    r->announce.reading = false;
    if (!f->ok) {
        put_back(r, list);
        return;
    }
    metric_add(&r->metrics.resume_reads, 1);
    while (list) {
        struct resume *q = list;
        list = q->link;
        answer(q, q->reload, f->next_batch);
    }
}
