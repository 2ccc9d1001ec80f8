#include "refresh/fetch.h"

#include "refresh/fetch_run.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct queue {
    struct fetch *head, *tail;
};

struct fetch_pool {
    struct fetch_options options;
    pthread_mutex_t lock; /* of the queues; never held while anything is waited for but `work` */
    pthread_cond_t work;
    struct queue urgent, large, others, done;
    bool stopping;
    int done_fd;
    size_t count;
    struct fetcher fetchers[];
};

struct fetch *fetch_new(enum fetch_kind kind)
{
    struct fetch *f = calloc(1, sizeof *f);
    if (f) {
        f->kind = kind;
    }
    return f;
}

void fetch_free(struct fetch **fetch)
{
    struct fetch *f = *fetch;
    if (!f) {
        return;
    }
    for (size_t i = 0; i < f->entry_count; i++) {
        if (f->entries[i]) {
            entry_unpin(f->entries[i]);
        }
    }
    for (size_t i = 0; i < f->count; i++) {
        if (f->before[i]) {
            entry_unpin(f->before[i]);
        }
    }
    free(f->entries);
    free(f->digests);
    snapshot_fini(&f->up_to_snapshot);
    free(f);
    *fetch = NULL;
}

/* ---- a fetcher's life ----------------------------------------------------------------------- */

static void push(struct queue *q, struct fetch *f)
{
    f->next = NULL;
    if (q->tail) {
        q->tail->next = f;
    } else {
        q->head = f;
    }
    q->tail = f;
}

static struct fetch *pop(struct queue *q)
{
    struct fetch *f = q->head;
    if (f) {
        q->head = f->next;
        q->tail = q->head ? q->tail : NULL;
        f->next = NULL;
    }
    return f;
}

/* NULL: stop. */
static struct fetch *take_work(struct fetcher *t)
{
    struct fetch_pool *pool = t->pool;
    struct fetch *f = NULL;
    pthread_mutex_lock(&pool->lock);
    while (!pool->stopping) {
        f = pop(&pool->urgent);
        f = f || t->is_first ? f : pop(&pool->large);
        f = f || t->is_first ? f : pop(&pool->others);
        if (f) {
            break;
        }
        pthread_cond_wait(&pool->work, &pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return f;
}

static void give_back(struct fetch_pool *pool, struct fetch *f)
{
    pthread_mutex_lock(&pool->lock);
    push(&pool->done, f);
    pthread_mutex_unlock(&pool->lock);
    uint64_t one = 1;
    ssize_t ignored = write(pool->done_fd, &one, sizeof one);
    (void)ignored;
}

static void *fetcher_main(void *context)
{
    struct fetcher *t = context;
    pthread_setname_np(pthread_self(), "fetch");
    for (struct fetch *f; (f = take_work(t));) {
        f->ok = fetch_run(t, f, &f->error);
        if (!f->ok) {
            /* A failure in the middle of a transaction must not leave it open. */
            pg_close(&t->pg);
        }
        give_back(t->pool, f);
    }
    pg_close(&t->pg);
    rows_fini(&t->rows);
    return NULL;
}

/* ---- the pool ------------------------------------------------------------------------------- */

static bool start_fetcher(struct fetch_pool *pool, struct error *e)
{
    struct fetcher *t = &pool->fetchers[pool->count];
    *t = (struct fetcher){.pool = pool,
                          .is_first = pool->count == 0,
                          .loads_at_once = pool->options.loads_at_once,
                          .pg = {.options = &pool->options.pg, .purpose = "fetch"}};
    if (!entry_maker_new(&t->maker, pool->options.document_max, e)) {
        return false;
    }
    int failed = pthread_create(&t->thread, NULL, fetcher_main, t);
    if (failed) {
        entry_maker_free(&t->maker);
        return error_set(e, ERROR_SYSTEM, "cannot start a fetcher thread: %s", strerror(failed));
    }
    pool->count++;
    return true;
}

bool fetch_pool_new(struct fetch_pool **out, const struct fetch_options *options, struct error *e)
{
    struct fetch_pool *pool = calloc(1, sizeof *pool + options->threads * sizeof *pool->fetchers);
    if (!pool) {
        return error_set(e, ERROR_SYSTEM, "no memory for %zu fetchers", options->threads);
    }
    pool->options = *options;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pool->done_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    bool ok = pool->done_fd >= 0 || error_errno(e, "eventfd");
    while (ok && pool->count < options->threads) {
        ok = start_fetcher(pool, e);
    }
    if (!ok) {
        fetch_pool_free(&pool);
        return false;
    }
    *out = pool;
    return true;
}

static void free_queue(struct queue *q)
{
    for (struct fetch *f; (f = pop(q));) {
        fetch_free(&f);
    }
}

void fetch_pool_free(struct fetch_pool **pool)
{
    struct fetch_pool *p = *pool;
    if (!p) {
        return;
    }
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (size_t i = 0; i < p->count; i++) {
        pthread_join(p->fetchers[i].thread, NULL);
        entry_maker_free(&p->fetchers[i].maker);
    }
    free_queue(&p->urgent);
    free_queue(&p->large);
    free_queue(&p->others);
    free_queue(&p->done);
    close(p->done_fd);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->work);
    free(p);
    *pool = NULL;
}

void fetch_submit(struct fetch_pool *pool, struct fetch **fetch)
{
    pthread_mutex_lock(&pool->lock);
    struct queue *of_products = (*fetch)->large ? &pool->large : &pool->urgent;
    push((*fetch)->kind == FETCH_IDS ? of_products : &pool->others, *fetch);
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    *fetch = NULL;
}

struct fetch *fetch_take_done(struct fetch_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    struct fetch *f = pop(&pool->done);
    pthread_mutex_unlock(&pool->lock);
    return f;
}

int fetch_done_fd(const struct fetch_pool *pool)
{
    return pool->done_fd;
}
