/* refresh/fetch.h, answered by the model: fetches wait, are run and come back in any order. A real pool has fewer
 * orders, never others. An entry is its product's state, in eight bytes. */
#include "simulation/world.h"

#include "refresh/make_entry.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { FETCHES_MAX = 16, FETCHERS = 4 };

static struct under_way {
    struct fetch *fetch;
    enum { SENT, RUN, BACK } at;
} under_way[FETCHES_MAX];
static size_t count;

static struct {
    bool open;
    uint32_t boot;
    uint64_t era;
    uint64_t losses; /* when it was made */
} fetchers[FETCHERS];

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
    world.busy++;
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
    free(f);
    world.busy--;
    *fetch = NULL;
}

static const char *name(enum fetch_kind kind)
{
    static const char *const names[FETCH_KINDS] = {[FETCH_IDS] = "products",
                                                   [FETCH_SLICE] = "a slice",
                                                   [FETCH_PRUNE] = "pruning",
                                                   [FETCH_RANGE_DIGEST] = "a range's digest",
                                                   [FETCH_PRODUCT_DIGESTS] = "digests",
                                                   [FETCH_ROW_COUNTS] = "row counts",
                                                   [FETCH_LOG] = "the log"};
    return names[kind];
}

static int64_t first_id(const struct fetch *f)
{
    return f->kind == FETCH_IDS ? f->ids[0] : f->after + 1;
}

/* ---- the pool ------------------------------------------------------------------------------- */

bool fetch_pool_new(struct fetch_pool **out, const struct fetch_options *options, struct error *e)
{
    (void)options;
    (void)e;
    *out = NULL;
    return true;
}

void fetch_pool_free(struct fetch_pool **pool)
{
    (void)pool;
    while (count > 0) {
        fetch_free(&under_way[--count].fetch);
    }
    memset(fetchers, 0, sizeof fetchers);
}

int fetch_done_fd(const struct fetch_pool *pool)
{
    (void)pool;
    return -1;
}

void fetch_submit(struct fetch_pool *pool, struct fetch **fetch)
{
    (void)pool;
    ENSURE(count < FETCHES_MAX);
    say("  the refresher sends for %s from %" PRId64, name((*fetch)->kind), first_id(*fetch));
    under_way[count++] = (struct under_way){.fetch = *fetch};
    *fetch = NULL;
}

bool fetchers_idle(void)
{
    for (size_t i = 0; i < count; i++) {
        if (under_way[i].fetch->kind == FETCH_IDS || under_way[i].fetch->kind == FETCH_SLICE) {
            return false;
        }
    }
    return true;
}

void fetchers_cut(void)
{
    for (size_t i = 0; i < FETCHERS; i++) {
        fetchers[i].boot = 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (under_way[i].at == RUN && one_in(2)) {
            under_way[i].fetch->ok = false;
        }
    }
}

static void note_return(const struct fetch *f)
{
    struct refresher *r = world.refresher;
    seen_count[SEEN_OLD_LIFE] += f->ok && f->life != r->life;
    if (f->kind != FETCH_SLICE || !refresher_is_current(r, f)) {
        return;
    }
    seen_count[SEEN_EVERYTHING_AGAINST_SLICE] += f->load != r->load.number;
    seen_count[SEEN_SLICE_AGAINST_SLICE] += r->load.under_way > 1 && f->until == INT64_MAX;
    for (size_t i = 0; i < f->entry_count; i++) {
        struct slot *slot = cache_slot(r->cache, f->entries[i]->id, false);
        const struct entry *e = slot ? atomic_load(&slot->entry) : NULL;
        seen_count[SEEN_DELETE_AGAINST_SLICE] += e && !e->exists && e->stamp > f->stamp;
    }
}

struct fetch *fetch_take_done(struct fetch_pool *pool)
{
    (void)pool;
    for (size_t i = 0; i < count; i++) {
        if (under_way[i].at == BACK) {
            struct fetch *f = under_way[i].fetch;
            under_way[i] = under_way[--count];
            note_return(f);
            return f;
        }
    }
    return NULL;
}

/* ---- running a fetch: as fetch_run.c -------------------------------------------------------- */

/* A connection that has broken is found out only when it is used. */
static bool join_era(size_t fetcher, struct fetch *f)
{
    for (int tries = 0; tries < 2; tries++) {
        uint64_t losses = metric_get(&world.refresher->losses);
        if (!fetchers[fetcher].open || fetchers[fetcher].losses != losses) {
            if (!world.reachable || !world.model.up) {
                return false;
            }
            fetchers[fetcher].open = true;
            fetchers[fetcher].boot = world.model.boot;
            fetchers[fetcher].era = model_era(&world.model);
            fetchers[fetcher].losses = losses;
        }
        if (fetchers[fetcher].era == f->era.number) {
            return fetchers[fetcher].boot == world.model.boot && world.reachable && world.model.up;
        }
        fetchers[fetcher].open = false;
    }
    seen_count[SEEN_OTHER_ERA_UNCUT] += !connection_is_cut();
    return false;
}

bool entry_make_absent(int64_t id, stamp s, struct entry **out, struct error *e)
{
    struct entry *made = entry_new(id, false, 0);
    if (!made) {
        return error_set(e, ERROR_SYSTEM, "no memory");
    }
    made->stamp = s;
    *out = made;
    return true;
}

static uint64_t digest(state s)
{
    return s * UINT64_C(0x9E3779B97F4A7C15); /* 0 for what does not exist, as in refresh/digest.h */
}

static void add_entry(struct fetch *f, int64_t id)
{
    state s = model_read(&world.model, id);
    struct entry *e = entry_new(id, s != 0, s ? sizeof s : 0);
    e->stamp = f->stamp;
    e->digest = digest(s);
    if (s) {
        memcpy(e->bytes, &s, sizeof s);
    }
    f->entries[f->entry_count++] = e;
}

static void read_products(struct fetch *f)
{
    f->entries = calloc(f->count, sizeof(struct entry *));
    for (size_t i = 0; i < f->count; i++) {
        add_entry(f, f->ids[i]);
    }
}

/* As find_bounds(). */
static void find_bounds(struct fetch *f)
{
    bool open = f->until == INT64_MAX;
    int64_t step = open ? f->slice : 2 * f->slice;
    int64_t products = 0;
    bool first = true;
    f->up_to = f->until;
    for (int64_t id = f->after + 1; id <= PRODUCTS && id <= f->until && (open || first); id++) {
        products += model_read(&world.model, id) != 0;
        if (!model_read(&world.model, id) || products % step != 0) {
            continue;
        }
        if (first) {
            f->up_to = id;
        } else {
            f->bounds[f->bound_count++] = id;
        }
        first = false;
    }
}

static void read_slice(struct fetch *f)
{
    f->refused = !world.calm && one_in(10);
    if (f->refused) {
        seen(SEEN_SLICE_REFUSED);
        return;
    }
    find_bounds(f);
    f->entries = calloc(PRODUCTS, sizeof(struct entry *));
    for (int64_t id = f->after + 1; id <= PRODUCTS && id <= f->up_to; id++) {
        if (model_read(&world.model, id)) {
            add_entry(f, id);
        }
    }
    seen_count[SEEN_SLICE_GREW] += f->until < INT64_MAX && f->up_to < f->until;
}

static void read_digests(struct fetch *f)
{
    bool each = f->kind == FETCH_PRODUCT_DIGESTS;
    f->digests = calloc(PRODUCTS, sizeof *f->digests);
    f->digest_count = each ? 0 : 1;
    for (int64_t id = f->after + 1; id <= PRODUCTS && id <= f->up_to; id++) {
        state s = model_read(&world.model, id);
        if (each && s) {
            f->digests[f->digest_count++] = (struct digest){.id = id, .value = digest(s)};
        } else if (!each) {
            f->digests[0].value ^= digest(s);
        }
    }
}

static void answer(struct fetch *f)
{
    f->stamp = stamp_make(f->era_index, model_version(&world.model));
    switch (f->kind) {
    case FETCH_IDS:
        read_products(f);
        break;
    case FETCH_SLICE:
        read_slice(f);
        break;
    case FETCH_PRUNE:
        f->pruned = (int64_t)model_prune(&world.model, f->prune_seconds * 1000000, world.now_us);
        break;
    case FETCH_ROW_COUNTS:
        /* Now and then the log seems to lack something, and the audit hurries. */
        f->row_counts = (struct row_counts){.changed = ++world.row_count, .logged = world.row_count - random_below(2)};
        break;
    default:
        read_digests(f);
    }
}

static void run(struct fetch *f)
{
    f->ok = false;
    size_t fetcher = f->kind == FETCH_IDS ? random_below(FETCHERS) : 1 + random_below(FETCHERS - 1);
    if (!join_era(fetcher, f) || (!world.calm && one_in(30))) {
        say("a fetch of %s fails", name(f->kind));
        fetchers[fetcher].open = false;
        error_set(&f->error, ERROR_POSTGRES, "a fetch failed");
        return;
    }
    f->ok = true;
    answer(f);
    say("a fetch of %s from %" PRId64 " is run: version %" PRIu64 ", %zu products", name(f->kind), first_id(f),
        stamp_version(f->stamp), f->entry_count);
}

bool fetchers_move(void)
{
    struct under_way *u = count ? &under_way[random_below(count)] : NULL;
    if (!u || u->at == BACK || (u->fetch->kind == world.slow && !world.calm && !one_in(8))) {
        return false;
    }
    if (u->at == SENT) {
        run(u->fetch);
    } else {
        say("a fetch of %s from %" PRId64 " comes back%s", name(u->fetch->kind), first_id(u->fetch),
            u->fetch->ok ? "" : ", failed");
    }
    u->at++;
    return true;
}
