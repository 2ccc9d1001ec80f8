/* The change set: which slot is fetched next, and that a slot is in one queue at most. */
#include "unit.h"

#include "refresh/change_set.h"

static void check_take(struct change_set *set, int64_t id)
{
    struct slot *slot = change_set_take(set, URGENCY_WAITED, URGENCY_REST);
    assert_non_null(slot);
    assert_int_equal(slot->id, id);
    assert_int_equal(slot->queue, URGENCY_NONE);
    assert_null(slot->next);
    assert_null(slot->before);
}

static void test_order(void **state)
{
    struct change_set set = {0};
    struct slot s[] = {{.id = 0}, {.id = 1}, {.id = 2}, {.id = 3}, {.id = 4}, {.id = 5}};
    (void)state;
    assert_null(change_set_take(&set, URGENCY_WAITED, URGENCY_REST));
    change_set_put(&set, &s[0], URGENCY_REST);
    change_set_put(&set, &s[1], URGENCY_READ);
    change_set_put(&set, &s[2], URGENCY_WAITED);
    change_set_put(&set, &s[3], URGENCY_REST);
    change_set_put(&set, &s[4], URGENCY_WAITED);
    change_set_put(&set, &s[5], URGENCY_READ);
    assert_int_equal(change_set_backlog(&set), 6);
    static const int64_t expected[] = {2, 4, 1, 5, 0, 3};
    for (size_t i = 0; i < COUNT(expected); i++) {
        check_take(&set, expected[i]);
    }
    assert_null(change_set_take(&set, URGENCY_WAITED, URGENCY_REST));
    assert_int_equal(change_set_backlog(&set), 0);
}

static void test_move(void **state)
{
    struct change_set set = {0};
    struct slot s[] = {{.id = 0}, {.id = 1}, {.id = 2}};
    (void)state;
    for (int i = 0; i < 3; i++) {
        change_set_put(&set, &s[i], URGENCY_REST);
    }
    change_set_put(&set, &s[1], URGENCY_WAITED); /* from the middle */
    assert_int_equal(change_set_backlog(&set), 3);
    assert_int_equal(set.count[URGENCY_REST], 2);
    change_set_put(&set, &s[0], URGENCY_REST); /* to the end of its own queue */
    check_take(&set, 1);
    check_take(&set, 2);
    check_take(&set, 0);
    assert_null(set.head[URGENCY_REST]);
    assert_null(set.tail[URGENCY_REST]);
}

static void test_drop(void **state)
{
    (void)state;
    /* The first, the middle, the last, and the only one. */
    for (int dropped = 0; dropped < 4; dropped++) {
        struct change_set set = {0};
        struct slot s[] = {{.id = 0}, {.id = 1}, {.id = 2}};
        int count = dropped == 3 ? 1 : 3;
        for (int i = 0; i < count; i++) {
            change_set_put(&set, &s[i], URGENCY_READ);
        }
        change_set_drop(&set, &s[dropped % 3]);
        change_set_drop(&set, &s[dropped % 3]); /* in none: nothing happens */
        assert_int_equal(change_set_backlog(&set), count - 1);
        for (int i = 0; i < count; i++) {
            if (i != dropped % 3) {
                check_take(&set, i);
            }
        }
        assert_null(change_set_take(&set, URGENCY_WAITED, URGENCY_REST));
    }
}

/* Those that say "no such product" wait to be forgotten, not to be fetched. */
static void test_absent(void **state)
{
    struct change_set set = {0};
    struct slot s = {.id = 7};
    (void)state;
    change_set_put(&set, &s, URGENCY_ABSENT);
    assert_int_equal(change_set_backlog(&set), 0);
    assert_null(change_set_take(&set, URGENCY_WAITED, URGENCY_REST));
    assert_ptr_equal(set.head[URGENCY_ABSENT], &s);
    change_set_put(&set, &s, URGENCY_REST);
    assert_null(set.head[URGENCY_ABSENT]);
    check_take(&set, 7);
}

/* Against a model: each slot's queue and turn. */
static void test_random(void **state)
{
    enum { SLOTS = 40 };
    struct change_set set = {0};
    struct slot s[SLOTS];
    uint64_t put_at[SLOTS] = {0};
    uint64_t random = 4711;
    (void)state;
    for (int i = 0; i < SLOTS; i++) {
        s[i] = (struct slot){.id = i};
    }
    for (uint64_t turn = 1; turn < 20000; turn++) {
        int i = (int)(random_next(&random) % SLOTS);
        switch (random_next(&random) % 4) {
        case 0: {
            struct slot *best = NULL;
            for (int k = 0; k < SLOTS; k++) {
                bool counts = s[k].queue >= URGENCY_WAITED && s[k].queue <= URGENCY_REST;
                if (counts && (!best || s[k].queue < best->queue ||
                               (s[k].queue == best->queue && put_at[k] < put_at[best->id]))) {
                    best = &s[k];
                }
            }
            assert_ptr_equal(change_set_take(&set, URGENCY_WAITED, URGENCY_REST), best);
            break;
        }
        case 1:
            change_set_drop(&set, &s[i]);
            break;
        default:
            change_set_put(&set, &s[i], URGENCY_WAITED + random_next(&random) % (URGENCIES - URGENCY_WAITED));
            put_at[i] = turn;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),  cmocka_unit_test(test_move),   cmocka_unit_test(test_drop),
        cmocka_unit_test(test_absent), cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
