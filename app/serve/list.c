/* Lists of cards: pages, `after`, `ids`, and their links. */
#include "serve/cards.h"

#include <inttypes.h>

static void add_link(char **at, char *end, const char *prefix, const char *parameter, int64_t value, int64_t count,
                     const char *relation)
{
    *at += snprintf(*at, (size_t)(end - *at), "%s<%s/products?%s=%" PRId64 "&count=%" PRId64 ">; rel=\"%s\"",
                    (*at)[-1] ? ", " : "", prefix, parameter, value, count, relation);
}

enum { LINK_MAX = 4 * (PATH_PREFIX_MAX + 96) };

/* RFC 8288. `total` cards; `next_after` is the last id shown, 0 if no more follow. */
static h2o_iovec_t links(const struct exchange *x, int64_t total, int64_t next_after)
{
    const struct target *t = &x->target;
    char *start = h2o_mem_alloc_pool(&x->req->pool, LINK_MAX + 1);
    char *end = start + LINK_MAX + 1;
    char *at = start + 1;
    *start = '\0'; /* says to add_link that nothing is there yet */
    if (t->list == LIST_AFTER) {
        add_link(&at, end, x->prefix, "after", 0, t->count, "first");
        if (next_after) {
            add_link(&at, end, x->prefix, "after", next_after, t->count, "next");
        }
        return h2o_iovec_init(start + 1, (size_t)(at - start - 1));
    }
    int64_t last_page = total > 0 ? (total - 1) / t->count + 1 : 1;
    add_link(&at, end, x->prefix, "page", 1, t->count, "first");
    if (t->page > 1) {
        add_link(&at, end, x->prefix, "page", t->page - 1 < last_page ? t->page - 1 : last_page, t->count, "prev");
    }
    if (t->page < last_page) {
        add_link(&at, end, x->prefix, "page", t->page + 1, t->count, "next");
    }
    add_link(&at, end, x->prefix, "page", last_page, t->count, "last");
    return h2o_iovec_init(start + 1, (size_t)(at - start - 1));
}

static size_t first_position(const struct target *t, const struct id_root *ids)
{
    if (t->list == LIST_AFTER) {
        return id_index_rank(ids, t->after);
    }
    int64_t position;
    return __builtin_mul_overflow(t->page - 1, t->count, &position) ? SIZE_MAX : (size_t)position;
}

/* Whether a list can be made from the index: it may lack products that were added a moment ago, or, while everything is
 * read again, any. false: the answer is a problem, or to wait. */
static bool can_list(const struct exchange *x, bool last, struct answer *a)
{
    const struct cache *c = x->worker->service->cache;
    if (!cache_was_complete(c)) {
        answer_problem(a, PROBLEM_NOT_LOADED,
                       "lists can be answered once the whole catalogue is loaded; it is being loaded");
        return false;
    }
    bool asked = x->at_least.kind != AT_LEAST_NOTHING;
    bool arriving = cache_arriving(c) > 0;
    bool lacks = arriving || !cache_is_complete(c);
    if ((arriving || (lacks && asked)) && !last && !a->unproven) {
        a->kind = ANSWER_WAIT;
        return false;
    }
    if (lacks && asked) {
        answer_problem(a, PROBLEM_NOT_FRESH, "products were added, and Postgres did not give them in time");
        return false;
    }
    a->marked |= lacks;
    return true;
}

static void look_up_page(struct exchange *x, bool last, struct answer *a)
{
    int64_t page[LIST_COUNT_MAX];
    struct cards cards;
    cards.count = 0;
    if (!can_list(x, last, a)) {
        return;
    }
    const struct id_root *ids = cache_ids(x->worker->guard);
    size_t from = first_position(&x->target, ids);
    size_t count = id_index_copy(ids, from, page, (size_t)x->target.count);
    if (!cards_add(x, last, a, page, count, &cards)) {
        return;
    }
    bool more = count > 0 && from + count < id_index_count(ids);
    a->link = links(x, (int64_t)id_index_count(ids), more ? page[count - 1] : 0);
    cards_answer(x, a, &cards, CARD_PLAIN);
}

static void look_up_ids(struct exchange *x, bool last, struct answer *a)
{
    struct cards cards;
    cards.count = 0;
    if (cards_add(x, last, a, x->target.ids, x->target.id_count, &cards)) {
        cards_answer(x, a, &cards, CARD_PLAIN);
    }
}

void look_up_list(struct exchange *x, bool last, struct answer *a)
{
    if (x->target.list == LIST_IDS) {
        look_up_ids(x, last, a);
    } else {
        look_up_page(x, last, a);
    }
}
