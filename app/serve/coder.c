#include "serve/coder.h"

#include "base/metric.h"
#include "serve/lookup.h"

#include <brotli/encode.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zlib.h>

/* At 5, brotli of 2.4 KB takes 65 µs; 9 would take 1.5 ms for a few per cent. */
enum { BROTLI_QUALITY = 5, GZIP_LEVEL = 6, QUEUE_MAX = 256, LOWEST_PRIORITY = 19 };
enum { GZIP_MEMBER = 16 + MAX_WBITS, MEMORY_LEVEL = 8 }; /* as zlib has them */

struct wish {
    const struct entry *entry; /* pinned */
    unsigned kind;
};

struct coder {
    size_t bytes_max;
    const struct cache *cache;
    z_stream gzip;
    pthread_t thread;
    bool started;
    _Atomic uint64_t made, useless;

    /* under the mutex */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct wish queue[QUEUE_MAX];
    size_t first, count;
    bool stop;
};

/* The last part of --memory-limit is for products. */
enum { SPARE_PART = 16 };

static bool has_room(const struct coder *c)
{
    size_t limit = cache_memory_limit(c->cache);
    return entry_late_bytes() < c->bytes_max && (limit == 0 || cache_memory(c->cache) < limit - limit / SPARE_PART);
}

/* ---- the queue ------------------------------------------------------------------------------ */

/* With the mutex. */
static bool push(struct coder *c, const struct entry *e, unsigned kind)
{
    if (c->count == QUEUE_MAX || c->stop) {
        return false;
    }
    entry_pin(e);
    c->queue[(c->first + c->count++) % QUEUE_MAX] = (struct wish){.entry = e, .kind = kind};
    pthread_cond_signal(&c->changed);
    return true;
}

static bool try_push(struct coder *c, const struct entry *e, unsigned kind)
{
    if (pthread_mutex_trylock(&c->mutex) != 0) {
        return false;
    }
    bool pushed = push(c, e, kind);
    pthread_mutex_unlock(&c->mutex);
    return pushed;
}

void coder_ask(struct coder *c, const struct entry *e, unsigned kind)
{
    if (has_room(c) && entry_ask_late(e, kind) && !try_push(c, e, kind)) {
        entry_unask_late(e, kind);
    }
}

/* Waits for the next wish; false: told to stop. */
static bool take(struct coder *c, struct wish *out)
{
    pthread_mutex_lock(&c->mutex);
    while (c->count == 0 && !c->stop) {
        pthread_cond_wait(&c->changed, &c->mutex);
    }
    bool taken = !c->stop;
    if (taken) {
        *out = c->queue[c->first];
        c->first = (c->first + 1) % QUEUE_MAX;
        c->count--;
    }
    pthread_mutex_unlock(&c->mutex);
    return taken;
}

/* ---- the work ------------------------------------------------------------------------------- */

static size_t gzip(z_stream *z, const char *plain, size_t len, char *out, size_t room)
{
    deflateReset(z);
    z->next_in = (Bytef *)(uintptr_t)plain;
    z->avail_in = (uInt)len;
    z->next_out = (Bytef *)out;
    z->avail_out = (uInt)room;
    return deflate(z, Z_FINISH) == Z_STREAM_END ? z->total_out : 0;
}

/* Returns the length; 0: it does not fit. */
static size_t encode(struct coder *c, unsigned kind, const char *plain, size_t len, char *out, size_t room)
{
    if (kind == LATE_FULL_GZIP) {
        return gzip(&c->gzip, plain, len, out, room);
    }
    return BrotliEncoderCompress(BROTLI_QUALITY, BROTLI_DEFAULT_WINDOW, BROTLI_MODE_TEXT, len, (const uint8_t *)plain,
                                 &room, (uint8_t *)out)
               ? room
               : 0;
}

/* Keeps it if it is smaller than the best there is. */
static void make(struct coder *c, const struct wish *w, const char *plain, size_t len, size_t best)
{
    struct late *late = malloc(sizeof *late + best);
    if (!late) {
        return;
    }
    size_t length = encode(c, w->kind, plain, len, late->bytes, best);
    if (length == 0 || length >= best) {
        atomic_fetch_add_explicit(&c->useless, 1, memory_order_relaxed);
        free(late);
        return;
    }
    late->kind = w->kind;
    late->length = (uint32_t)length;
    struct late *fitting = realloc(late, sizeof *late + length);
    entry_attach_late(w->entry, fitting ? fitting : late);
    atomic_fetch_add_explicit(&c->made, 1, memory_order_relaxed);
}

static void make_full(struct coder *c, const struct wish *w)
{
    h2o_iovec_t parts[PARTS_MAX];
    struct text plain = {0};
    size_t count = full_parts(w->entry, parts);
    for (size_t i = 0; i < count; i++) {
        text_add(&plain, parts[i].base, parts[i].len);
    }
    if (!plain.failed) {
        make(c, w, plain.at, plain.len, plain.len);
    }
    text_fini(&plain);
}

static void *coder_main(void *context)
{
    struct coder *c = context;
    struct wish w;
    pthread_setname_np(pthread_self(), "coder");
    setpriority(PRIO_PROCESS, (id_t)gettid(), LOWEST_PRIORITY);
    while (take(c, &w)) {
        if (w.kind >= LATE_FULL) {
            make_full(c, &w);
        } else {
            const struct document *d = &w.entry->document[w.kind];
            uint32_t plain = d->length[CODING_IDENTITY];
            uint32_t gzip = d->length[CODING_GZIP];
            make(c, &w, entry_bytes(w.entry, w.kind, CODING_IDENTITY), plain, plain < gzip ? plain : gzip);
        }
        entry_unpin(w.entry);
    }
    return NULL;
}

/* ---- life ----------------------------------------------------------------------------------- */

bool coder_new(struct coder **out, const struct cache *cache, size_t bytes_max, struct error *e)
{
    struct coder *c = calloc(1, sizeof *c);
    if (!c || deflateInit2(&c->gzip, GZIP_LEVEL, Z_DEFLATED, GZIP_MEMBER, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) {
        free(c);
        return error_set(e, ERROR_SYSTEM, "no memory for the coder");
    }
    c->cache = cache;
    c->bytes_max = bytes_max;
    pthread_mutex_init(&c->mutex, NULL);
    pthread_cond_init(&c->changed, NULL);
    *out = c;
    return true;
}

bool coder_start(struct coder *c, struct error *e)
{
    int failed = pthread_create(&c->thread, NULL, coder_main, c);
    if (failed) {
        return error_set(e, ERROR_SYSTEM, "cannot start thread coder: %s", strerror(failed));
    }
    c->started = true;
    return true;
}

void coder_free(struct coder **coder)
{
    struct coder *c = *coder;
    if (!c) {
        return;
    }
    pthread_mutex_lock(&c->mutex);
    c->stop = true;
    pthread_cond_signal(&c->changed);
    pthread_mutex_unlock(&c->mutex);
    if (c->started) {
        pthread_join(c->thread, NULL);
    }
    for (size_t i = 0; i < c->count; i++) {
        entry_unpin(c->queue[(c->first + i) % QUEUE_MAX].entry);
    }
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->mutex);
    deflateEnd(&c->gzip);
    free(c);
    *coder = NULL;
}

void coder_print_metrics(const struct coder *c, struct text *out)
{
    metric_print_header(out, "atelier_coder_bytes", METRIC_GAUGE, "Forms made once asked for, in memory");
    text_printf(out, "atelier_coder_bytes %zu\n", entry_late_bytes());
    metric_print_header(out, "atelier_coder_made_total", METRIC_COUNTER,
                        "Forms made once asked for; kept only if smaller");
    text_printf(
        out, "atelier_coder_made_total{kept=\"yes\"} %" PRIu64 "\natelier_coder_made_total{kept=\"no\"} %" PRIu64 "\n",
        atomic_load(&((struct coder *)(uintptr_t)c)->made), atomic_load(&((struct coder *)(uintptr_t)c)->useless));
}
