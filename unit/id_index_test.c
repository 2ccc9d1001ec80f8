/* The id index against a model: one bit per id. Each version that is built is compared whole, the one before it must
 * stay as it was, and what a version leaves behind must be exactly what it no longer uses. */
#include "unit.h"

#include "allocation.h"
#include "cache/id_index.h"

enum { IDS = 6000, BATCH = 300 };

struct model {
    struct id_root *root;
    bool has[IDS + 1]; /* index 0 is not used: ids begin at 1 */
    size_t count;
};

/* ---- what must hold of any version ---------------------------------------------------------- */

static void check_structure(const struct id_root *root)
{
    size_t before = 0;
    int64_t last = INT64_MIN;
    for (size_t i = 0; root && i < root->leaves; i++) {
        const struct id_leaf *leaf = root->branch[i].leaf;
        assert_int_equal(root->branch[i].before, before);
        assert_in_range(leaf->count, 1, LEAF_MAX);
        for (uint32_t k = 0; k < leaf->count; k++) {
            assert_true(leaf->ids[k] > last);
            last = leaf->ids[k];
        }
        before += leaf->count;
    }
    assert_int_equal(id_index_count(root), before);
}

static void check_model(const struct model *m)
{
    int64_t ids[IDS];
    size_t rank = 0;
    check_structure(m->root);
    assert_int_equal(id_index_count(m->root), m->count);
    assert_int_equal(id_index_copy(m->root, 0, ids, IDS), m->count);
    for (int64_t id = 0; id <= IDS; id++) {
        if (m->has[id]) {
            assert_int_equal(ids[rank], id);
            rank++;
        }
        assert_int_equal(id_index_rank(m->root, id), rank);
        assert_int_equal(id_index_has(m->root, id), m->has[id]);
    }
}

static void check_copy(const struct model *m, size_t position, size_t max)
{
    int64_t all[IDS];
    int64_t some[IDS];
    size_t count = id_index_copy(m->root, 0, all, IDS);
    size_t expected = position >= count ? 0 : count - position < max ? count - position : max;
    assert_int_equal(id_index_copy(m->root, position, some, max), expected);
    assert_memory_equal(some, all + (expected ? position : 0), expected * sizeof *some);
}

/* ---- changes -------------------------------------------------------------------------------- */

static bool is_used(const struct id_root *root, const struct id_leaf *leaf)
{
    for (size_t i = 0; root && i < root->leaves; i++) {
        if (root->branch[i].leaf == leaf) {
            return true;
        }
    }
    return false;
}

/* The garbage is all leaves of `old` that `root` lacks, and nothing else. */
static void check_garbage(const struct id_root *old, const struct id_root *root, const struct id_garbage *g)
{
    size_t unused = 0;
    for (size_t i = 0; old && i < old->leaves; i++) {
        unused += !is_used(root, old->branch[i].leaf);
    }
    assert_int_equal(g->count, unused);
    for (size_t i = 0; i < g->count; i++) {
        assert_true(is_used(old, g->leaves[i]) && !is_used(root, g->leaves[i]));
    }
}

static void free_garbage(struct id_root *old, struct id_garbage *g)
{
    for (size_t i = 0; i < g->count; i++) {
        free((void *)(uintptr_t)g->leaves[i]);
    }
    free(g->leaves);
    id_root_free(old, false);
}

static void change(struct model *m, const int64_t *add, size_t adds, const int64_t *remove, size_t removes)
{
    struct id_garbage garbage;
    struct id_root *root = id_index_change(m->root, add, adds, remove, removes, &garbage);
    assert_non_null(root);
    check_structure(m->root); /* the old one stays whole */
    check_garbage(m->root, root, &garbage);
    free_garbage(m->root, &garbage);
    m->root = root;
    for (size_t i = 0; i < removes; i++) {
        m->count -= m->has[remove[i]];
        m->has[remove[i]] = false;
    }
    for (size_t i = 0; i < adds; i++) {
        m->count += !m->has[add[i]];
        m->has[add[i]] = true;
    }
}

/* `n` different ids, ascending, in a stretch of the range: changes come in clusters, as in life. */
static size_t pick(uint64_t *random, int64_t out[BATCH])
{
    size_t n = random_next(random) % (BATCH + 1);
    int64_t stretch = (int64_t)(n + random_next(random) % (IDS - n + 1));
    int64_t id = (int64_t)(random_next(random) % (uint64_t)(IDS - stretch + 1));
    int64_t left = stretch;
    size_t picked = 0;
    for (; left > 0 && picked < n; left--) {
        id++;
        if (random_next(random) % (uint64_t)left < n - picked) {
            out[picked++] = id;
        }
    }
    return picked;
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void test_random_changes(void **state)
{
    static struct model m;
    uint64_t random = 20151103;
    (void)state;
    for (int round = 0; round < 600; round++) {
        int64_t add[BATCH];
        int64_t remove[BATCH];
        /* Grows, shrinks to nothing, grows again. */
        bool shrinks = round / 100 % 2 == 1;
        size_t adds = shrinks && round % 4 ? 0 : pick(&random, add);
        size_t removes = !shrinks && round % 4 ? 0 : pick(&random, remove);
        for (size_t i = 0, k = 0; i < removes; i++) { /* not both in one change: the cache never asks for it */
            while (k < adds && add[k] < remove[i]) {
                k++;
            }
            if (k < adds && add[k] == remove[i]) {
                adds = k;
            }
        }
        change(&m, add, adds, remove, removes);
        check_copy(&m, random_next(&random) % (IDS + 10), random_next(&random) % IDS);
        if (round % 10 == 0) {
            check_model(&m);
        }
    }
    check_model(&m);
    id_root_free(m.root, true);
}

static void test_empty(void **state)
{
    static struct model m;
    int64_t id = 5;
    (void)state;
    check_model(&m); /* NULL is empty */
    change(&m, NULL, 0, NULL, 0);
    check_model(&m);
    change(&m, NULL, 0, &id, 1); /* not there to remove */
    change(&m, &id, 1, NULL, 0);
    change(&m, &id, 1, NULL, 0); /* there already */
    check_model(&m);
    change(&m, NULL, 0, &id, 1);
    assert_int_equal(m.root->leaves, 0);
    check_model(&m);
    id_root_free(m.root, true);
    id_root_free(NULL, true);
}

/* One leaf holds 512; one more makes several, each with room for more. */
static void test_splits(void **state)
{
    static struct model m;
    int64_t ids[LEAF_MAX];
    int64_t next = LEAF_MAX * 2 + 2;
    (void)state;
    for (int i = 0; i < LEAF_MAX; i++) {
        ids[i] = 2 * i + 2;
    }
    change(&m, ids, LEAF_MAX, NULL, 0);
    assert_int_equal(m.root->leaves, 1);
    change(&m, &next, 1, NULL, 0);
    assert_int_equal(m.root->leaves, 2);
    assert_true(m.root->branch[0].leaf->count < LEAF_MAX);
    check_model(&m);
    const struct id_leaf *second = m.root->branch[1].leaf;
    change(&m, (int64_t[]){1, 3}, 2, NULL, 0);
    assert_ptr_equal(m.root->branch[1].leaf, second); /* shared: it was not touched */
    memcpy(ids, second->ids, second->count * sizeof *ids);
    change(&m, NULL, 0, ids, second->count); /* all of a leaf */
    assert_int_equal(m.root->leaves, 1);
    check_model(&m);
    id_root_free(m.root, true);
}

static void test_extremes(void **state)
{
    const int64_t ids[] = {1, INT64_MAX - 1, INT64_MAX};
    struct id_garbage garbage;
    int64_t out[3];
    (void)state;
    struct id_root *root = id_index_change(NULL, ids, 3, NULL, 0, &garbage);
    free_garbage(NULL, &garbage);
    assert_int_equal(id_index_rank(root, INT64_MAX), 3);
    assert_int_equal(id_index_rank(root, INT64_MAX - 1), 2);
    assert_int_equal(id_index_rank(root, INT64_MIN), 0);
    assert_true(id_index_has(root, INT64_MAX));
    assert_int_equal(id_index_copy(root, SIZE_MAX, out, 3), 0);
    assert_int_equal(id_index_copy(root, 0, out, 0), 0);
    assert_int_equal(id_index_copy(root, 1, out, SIZE_MAX / 16), 2);
    id_root_free(root, true);
}

static void test_many(void **state)
{
    enum { MANY = 100000, STEP = 256 };
    struct id_root *root = NULL;
    struct id_garbage garbage;
    int64_t add[STEP];
    int64_t page[1000];
    (void)state;
    /* Every third id, in an order that keeps coming back to the same leaves. */
    for (int64_t turn = 0; turn < 4; turn++) {
        for (int64_t from = 0; from < MANY; from += 4 * STEP) {
            size_t n = 0;
            for (int64_t i = from + turn; i < from + 4 * STEP && i < MANY; i += 4) {
                add[n++] = 3 * i + 3;
            }
            struct id_root *next = id_index_change(root, add, n, NULL, 0, &garbage);
            assert_non_null(next);
            free_garbage(root, &garbage);
            root = next;
        }
    }
    check_structure(root);
    assert_int_equal(id_index_count(root), MANY);
    assert_in_range(root->leaves, MANY / LEAF_MAX, MANY / LEAF_MAX * 4);
    for (size_t at = 0; at < MANY; at += COUNT(page)) {
        assert_int_equal(id_index_copy(root, at, page, COUNT(page)), COUNT(page));
        for (size_t i = 0; i < COUNT(page); i++) {
            assert_int_equal(page[i], 3 * (int64_t)(at + i) + 3);
            assert_int_equal(id_index_rank(root, page[i] + 1), at + i + 1);
            assert_false(id_index_has(root, page[i] + 1));
        }
    }
    id_root_free(root, true);
}

/* Whichever allocation fails: nothing has changed, and nothing is lost (the address sanitizer counts). */
static void test_no_memory(void **state)
{
    static struct model m;
    int64_t ids[2000];
    struct id_garbage garbage;
    (void)state;
    for (int i = 0; i < 2000; i++) {
        ids[i] = 2 * i + 1;
    }
    change(&m, ids, 2000, NULL, 0);
    for (int i = 0; i < 2000; i++) {
        ids[i] = 2 * i + 2;
    }
    for (size_t n = 1;; n++) {
        allocation_fail_at(n);
        struct id_root *root = id_index_change(m.root, ids + 300, 1500, ids, 0, &garbage);
        if (root) {
            assert_false(allocation_was_refused());
            assert_true(n > 8); /* it did allocate leaves, a root, and what it lists */
            free_garbage(m.root, &garbage);
            id_root_free(root, true);
            return;
        }
        assert_null(garbage.leaves);
        check_model(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),    cmocka_unit_test(test_splits), cmocka_unit_test(test_random_changes),
        cmocka_unit_test(test_extremes), cmocka_unit_test(test_many),   cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
