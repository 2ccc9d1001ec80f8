/* From product to entry: what is packed can be unpacked, and hashes to the same on every replica and in every build. */
#include "unit.h"

#include "allocation.h"
#include "capture.h"
#include "inflate.h"
#include "products.h"
#include "refresh/make_entry.h"

static struct entry_maker *maker_new(size_t document_max)
{
    struct entry_maker *m;
    struct error e;
    allocation_fail_at(0);
    assert_true(entry_maker_new(&m, document_max, &e));
    return m;
}

static struct entry *make(struct entry_maker *m, const struct product *p)
{
    struct entry *made = NULL;
    struct error e;
    assert_true(entry_make(m, p, 42, NULL, &made, &e));
    return made;
}

static void check_document(const struct entry *e, enum document_kind kind, const struct text *expected)
{
    const struct document *d = &e->document[kind];
    size_t len = d->length[CODING_IDENTITY];
    check_bytes("identity", entry_bytes(e, kind, CODING_IDENTITY), len, expected->at, expected->len);
    check_gzip(entry_bytes(e, kind, CODING_GZIP), d->length[CODING_GZIP], expected->at, expected->len);
}

static void test_documents(void **state)
{
    struct entry_maker *m = maker_new(1 << 20);
    struct renderer *renderer;
    const struct rendered *rendered;
    struct error e;
    (void)state;
    struct entry *made = make(m, &boots);
    assert_true(renderer_new(&renderer, &e) && renderer_render(renderer, &boots, &rendered, &e));
    for (int kind = 0; kind < DOCUMENT_KINDS; kind++) {
        check_document(made, kind, &rendered->document[kind]);
    }
    assert_int_equal(made->id, 11);
    assert_int_equal(made->stamp, 42);
    assert_true(made->exists && !made->refused);
    assert_int_equal(made->card_length, rendered->card_length);
    assert_memory_equal(&made->prices, &rendered->prices, sizeof made->prices);
    assert_memory_equal(&made->thumbnail, &rendered->thumbnail, sizeof made->thumbnail);
    assert_true(made->prices.length > 0 && made->thumbnail.length > 0);
    const struct document *last = &made->document[DOCUMENT_KINDS - 1];
    assert_int_equal(made->size, sizeof *made + last->offset[CODING_GZIP] + last->length[CODING_GZIP]);
    renderer_free(&renderer);
    entry_unpin(made);
    entry_maker_free(&m);
    entry_maker_free(&m);
}

/* Golden hashes: XXH3-128, seed 1 (the renderer's revision), of the bytes in render_test.c. If this fails because the
 * same rows are now rendered to other bytes, raise RENDERER_REVISION and write the new ones down; if it fails for any
 * other reason, replicas of two builds would contradict each other. */
static void test_golden_hashes(void **state)
{
    static const char *const golden[DOCUMENT_KINDS] = {
        [DOCUMENT_PRODUCT] = "14a1eec086dcd87d1428d44e06c70cce",
        [DOCUMENT_STYLES] = "73534747f1a263e03ccc8b7f02ac62c7",
        [DOCUMENT_RELATED] = "a895e30c2066ea2a8ec2d0807421bb6a",
    };
    static const char card[] = "64e02a5730ded5ac87aaf270ef3d851e";
    struct entry_maker *m = maker_new(1 << 20);
    (void)state;
    struct entry *made = make(m, &boots);
    assert_int_equal(RENDERER_REVISION, 1);
    for (int kind = 0; kind < DOCUMENT_KINDS; kind++) {
        check_bytes("hash", made->document[kind].hash, HASH_HEX, golden[kind], strlen(golden[kind]));
    }
    check_bytes("card", made->card_hash, HASH_HEX, card, strlen(card));
    entry_unpin(made);
    entry_maker_free(&m);
}

/* The same whatever was made before, by whichever maker; another for each change. */
static void test_hashes_follow_the_bytes(void **state)
{
    struct entry_maker *one = maker_new(1 << 20);
    struct entry_maker *two = maker_new(1 << 20);
    struct product changed = boots;
    (void)state;
    changed.default_price.at = "140.01";
    struct entry *a = make(one, &boots);
    struct entry *b = make(one, &changed);
    struct entry *c = make(one, &boots);
    struct entry *d = make(two, &boots);
    for (int kind = 0; kind < DOCUMENT_KINDS; kind++) {
        assert_memory_equal(a->document[kind].hash, c->document[kind].hash, HASH_HEX);
        assert_memory_equal(a->document[kind].hash, d->document[kind].hash, HASH_HEX);
    }
    assert_memory_equal(a->card_hash, c->card_hash, HASH_HEX);
    assert_memory_not_equal(a->card_hash, b->card_hash, HASH_HEX);
    assert_memory_not_equal(a->document[DOCUMENT_PRODUCT].hash, b->document[DOCUMENT_PRODUCT].hash, HASH_HEX);
    assert_memory_equal(a->document[DOCUMENT_STYLES].hash, b->document[DOCUMENT_STYLES].hash, HASH_HEX);
    struct entry *const all[] = {a, b, c, d};
    for (size_t i = 0; i < COUNT(all); i++) {
        entry_unpin(all[i]);
    }
    entry_maker_free(&one);
    entry_maker_free(&two);
}

enum { GZIP_MTIME = 4 }; /* a byte of gzip's header that is 0 here, and that no reader looks at */

static bool has_trace(const struct entry *e, enum document_kind kind)
{
    return entry_bytes(e, kind, CODING_GZIP)[GZIP_MTIME];
}

/* What is as it was is copied, and nothing else is. */
static void test_compressed_once(void **state)
{
    struct entry_maker *m = maker_new(1 << 20);
    struct product changed = boots;
    struct entry *made;
    struct entry *absent;
    struct error e;
    (void)state;
    changed.default_price.at = "140.01"; /* as long as the old one */
    struct entry *before = make(m, &boots);
    for (int kind = 0; kind < DOCUMENT_KINDS; kind++) {
        before->bytes[before->document[kind].offset[CODING_GZIP] + GZIP_MTIME] = 1;
    }
    assert_true(entry_make(m, &changed, 43, before, &made, &e));
    assert_false(has_trace(made, DOCUMENT_PRODUCT));
    assert_true(has_trace(made, DOCUMENT_STYLES) && has_trace(made, DOCUMENT_RELATED));
    entry_unpin(before); /* nothing of it is pointed at */
    struct entry *anew = make(m, &changed);
    for (int kind = 0; kind < DOCUMENT_KINDS; kind++) {
        struct text identity = {.at = (char *)(uintptr_t)entry_bytes(anew, kind, CODING_IDENTITY),
                                .len = anew->document[kind].length[CODING_IDENTITY]};
        check_document(made, kind, &identity);
        assert_memory_equal(made->document[kind].hash, anew->document[kind].hash, HASH_HEX);
    }
    entry_unpin(made);
    assert_true(entry_make_absent(11, 43, &absent, &e) && entry_make(m, &boots, 44, absent, &made, &e));
    assert_false(has_trace(made, DOCUMENT_STYLES));
    entry_unpin(absent);
    entry_unpin(made);
    entry_unpin(anew);
    entry_maker_free(&m);
}

/* A feature is not on the card: lists keep their ETag when one changes. */
static void test_card_hash(void **state)
{
    struct entry_maker *m = maker_new(1 << 20);
    struct product changed = boots;
    (void)state;
    changed.feature_count = 1;
    struct entry *a = make(m, &boots);
    struct entry *b = make(m, &changed);
    assert_memory_equal(a->card_hash, b->card_hash, HASH_HEX);
    assert_memory_not_equal(a->document[DOCUMENT_PRODUCT].hash, b->document[DOCUMENT_PRODUCT].hash, HASH_HEX);
    entry_unpin(a);
    entry_unpin(b);
    entry_maker_free(&m);
}

static void test_absent(void **state)
{
    struct entry *made;
    struct error e = {0};
    (void)state;
    allocation_fail_at(0);
    assert_true(entry_make_absent(7, 42, &made, &e));
    assert_true(made->id == 7 && made->stamp == 42 && !made->exists && !made->refused);
    assert_int_equal(made->size, sizeof *made);
    entry_unpin(made);
    allocation_fail_at(1);
    assert_false(entry_make_absent(7, 42, &made, &e));
    assert_int_equal(e.code, ERROR_SYSTEM);
}

struct making {
    struct entry_maker *maker;
    struct entry **out;
};

static void make_boots(const void *context)
{
    const struct making *m = context;
    *m->out = make(m->maker, &boots);
}

/* At the limit it is served, one byte over it is refused, as a product that exists, and logged with the option's name.
 */
static void test_too_large(void **state)
{
    struct entry_maker *m = maker_new(1 << 20);
    struct entry *made = make(m, &boots);
    size_t largest = made->document[DOCUMENT_STYLES].length[CODING_IDENTITY];
    (void)state;
    entry_unpin(made);
    entry_maker_free(&m);
    for (size_t less = 0; less < 2; less++) {
        m = maker_new(largest - less);
        struct making making = {m, &made};
        char *log = capture(STDERR_FILENO, make_boots, &making);
        assert_true(made->exists && made->refused == (less == 1) && made->stamp == 42);
        if (less == 1) {
            char why[100];
            snprintf(why, sizeof why, "product 11 has a document of %zu bytes; --document-max-bytes allows %zu",
                     largest, largest - 1);
            assert_string_equal(made->bytes, why);
        }
        assert_int_equal(occurrences(log, "\"event\":\"document_too_large\",\"product\":11,"), less);
        assert_int_equal(occurrences(log, "--document-max-bytes"), less);
        free(log);
        entry_unpin(made);
        entry_maker_free(&m);
    }
}

static void test_no_memory(void **state)
{
    struct entry *made = NULL;
    bool ok = false;
    (void)state;
    for (size_t n = 1; !ok; n++) {
        struct entry_maker *m = maker_new(1 << 20); /* a new one: it keeps what it has allocated once */
        struct error e = {0};
        allocation_fail_at(n);
        ok = entry_make(m, &boots, 42, NULL, &made, &e);
        assert_int_equal(ok, !allocation_was_refused());
        assert_true(ok || strstr(e.text, "product 11"));
        allocation_fail_at(0);
        struct entry *again = make(m, &boots); /* the failure leaves nothing behind */
        assert_int_equal(again->document[DOCUMENT_RELATED].length[CODING_IDENTITY], strlen("[12,3,13]"));
        entry_unpin(again);
        entry_maker_free(&m);
    }
    entry_unpin(made);
}

static void test_no_maker(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 2; n++) {
        struct entry_maker *m = NULL;
        struct error e = {0};
        allocation_fail_at(n);
        assert_false(entry_maker_new(&m, 1 << 20, &e));
        assert_int_equal(e.code, ERROR_SYSTEM);
        assert_null(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_documents),
        cmocka_unit_test(test_golden_hashes),
        cmocka_unit_test(test_hashes_follow_the_bytes),
        cmocka_unit_test(test_compressed_once),
        cmocka_unit_test(test_card_hash),
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_no_maker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
