#include "refresh/rows.h"

#include "refresh/digest.h"

#include <endian.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void rows_clear(struct rows *r)
{
    arena_clear(&r->arena);
    for (int kind = 0; kind < ROW_KINDS; kind++) {
        r->list[kind].count = r->digests[kind].count = 0;
    }
    snapshot_fini(&r->snapshot);
    r->has_snapshot = false;
}

void rows_fini(struct rows *r)
{
    rows_clear(r);
    arena_fini(&r->arena);
    for (int kind = 0; kind < ROW_KINDS; kind++) {
        free(r->list[kind].items);
        free(r->digests[kind].items);
    }
    *r = (struct rows){0};
}

/* ---- collecting ----------------------------------------------------------------------------- */

static void *list_add(struct row_list *list, size_t size)
{
    if (list->count == list->cap) {
        size_t cap = list->cap ? list->cap * 2 : 64;
        void *grown = realloc(list->items, cap * size);
        if (!grown) {
            return NULL;
        }
        list->items = grown;
        list->cap = cap;
    }
    return (char *)list->items + size * list->count++;
}

static bool int_of(const struct field *f, int64_t *out)
{
    if (!f->at || f->len != 8) {
        return false;
    }
    uint64_t big;
    memcpy(&big, f->at, 8);
    *out = (int64_t)be64toh(big);
    return true;
}

/* NULL stays NULL; false: no memory. */
static bool text_of(struct rows *r, const struct field *f, struct str *out)
{
    *out = (struct str){0};
    if (!f->at) {
        return true;
    }
    out->at = arena_copy(&r->arena, f->at, (size_t)f->len);
    out->len = (uint32_t)f->len;
    return out->at != NULL;
}

#define ADD(kind, type, ...)                                                                                           \
    do {                                                                                                               \
        struct type *row = list_add(&r->list[kind], sizeof *row);                                                      \
        if (!row) {                                                                                                    \
            return false;                                                                                              \
        }                                                                                                              \
        *row = (struct type){__VA_ARGS__};                                                                             \
    } while (0)

/* `id` are the three ids, `t` the five texts. false: no memory. */
static bool add_kind(struct rows *r, int64_t kind, const int64_t id[3], const struct str t[5])
{
    switch (kind) {
    case ROW_PRODUCT:
        ADD(ROW_PRODUCT, product, .id = id[0], .name = t[0], .slogan = t[1], .description = t[2], .category = t[3],
            .default_price = t[4]);
        return true;
    case ROW_FEATURE:
        ADD(ROW_FEATURE, feature, .product_id = id[0], .feature = t[0], .value = t[1]);
        return true;
    case ROW_STYLE:
        ADD(ROW_STYLE, style, .product_id = id[0], .id = id[1], .is_default = id[2] != 0, .name = t[0],
            .original_price = t[1], .sale_price = t[2]);
        return true;
    case ROW_PHOTO:
        ADD(ROW_PHOTO, photo, .product_id = id[0], .style_id = id[1], .thumbnail_url = t[0], .url = t[1]);
        return true;
    case ROW_SKU:
        ADD(ROW_SKU, sku, .product_id = id[0], .style_id = id[1], .id = id[2], .size = t[0], .quantity = t[1]);
        return true;
    default:
        ADD(ROW_RELATED, related, .product_id = id[0], .related_id = id[2]);
        return true;
    }
}

struct product_digest {
    int64_t product;
    uint64_t digest;
};

/* Adds the row to its product's digest: the last one of the kind, or a new one. false: no memory. */
static bool add_digest(struct rows *r, enum row_kind kind, const int64_t id[3], const struct field text[5])
{
    struct row_list *list = &r->digests[kind];
    struct product_digest *last = list->count ? (struct product_digest *)list->items + list->count - 1 : NULL;
    if (!last || last->product != id[0]) {
        last = list_add(list, sizeof *last);
        if (!last) {
            return false;
        }
        *last = (struct product_digest){.product = id[0]};
    }
    last->digest ^= digest_row(kind, id, text);
    return true;
}

static bool no_memory(struct error *e)
{
    return error_set(e, ERROR_SYSTEM, "no memory for the rows of a fetch");
}

bool rows_add(struct rows *r, const struct field f[ROW_COLUMNS], struct error *e)
{
    int64_t kind;
    int64_t id[3];
    if (!int_of(&f[0], &kind) || kind < 0 || kind >= ROW_KINDS || !int_of(&f[1], &id[0]) || !int_of(&f[2], &id[1]) ||
        !int_of(&f[3], &id[2])) {
        return error_set(e, ERROR_POSTGRES, "a row of a fetch does not have the expected kind and ids");
    }
    if (kind == ROW_SNAPSHOT) {
        snapshot_fini(&r->snapshot);
        r->has_snapshot = snapshot_parse(f[4].at ? f[4].at : "", (size_t)f[4].len, &r->snapshot, e);
        return r->has_snapshot;
    }
    struct str text[5];
    for (int i = 0; i < 5; i++) {
        if (!text_of(r, &f[4 + i], &text[i])) {
            return no_memory(e);
        }
    }
    return (add_kind(r, kind, id, text) && add_digest(r, (enum row_kind)kind, id, &f[4])) || no_memory(e);
}

static uint64_t digest_in(const struct row_list *list, int64_t product)
{
    const struct product_digest *digests = list->items;
    size_t low = 0;
    size_t high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (digests[middle].product < product) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < list->count && digests[low].product == product ? digests[low].digest : 0;
}

uint64_t rows_digest(const struct rows *r, int64_t product_id)
{
    uint64_t digest = 0;
    for (int kind = ROW_PRODUCT; kind < ROW_KINDS; kind++) {
        digest ^= digest_in(&r->digests[kind], product_id);
    }
    return digest;
}

/* Which of the nine a kind's columns are in COPY; ids that it does not have are 0, texts NULL. */
static const struct layout {
    uint16_t columns;
    uint8_t place[6];
} layouts[ROW_KINDS] = {
    [ROW_SNAPSHOT] = {1, {4}},          [ROW_PRODUCT] = {6, {1, 4, 5, 6, 7, 8}},
    [ROW_FEATURE] = {4, {1, 2, 4, 5}},  [ROW_STYLE] = {6, {1, 2, 3, 4, 5, 6}},
    [ROW_PHOTO] = {5, {1, 2, 3, 4, 5}}, [ROW_SKU] = {5, {1, 2, 3, 4, 5}},
    [ROW_RELATED] = {3, {1, 2, 3}},
};

/* `kind` and what the layout leaves out. */
static void fill_defaults(enum row_kind kind, struct field fields[ROW_COLUMNS])
{
    static const char numbers[ROW_KINDS][8] = {{0},
                                               {[7] = ROW_PRODUCT},
                                               {[7] = ROW_FEATURE},
                                               {[7] = ROW_STYLE},
                                               {[7] = ROW_PHOTO},
                                               {[7] = ROW_SKU},
                                               {[7] = ROW_RELATED}};
    fields[0] = (struct field){.at = numbers[kind], .len = 8};
    for (int i = 1; i < ROW_COLUMNS; i++) {
        fields[i] = i < 4 ? (struct field){.at = numbers[0], .len = 8} : (struct field){0};
    }
}

/* The next column; *at moves behind it. */
static bool split_column(const char **at, const char *end, int column, struct field *out, struct error *e)
{
    uint32_t size;
    size_t left = (size_t)(end - *at);
    if (left < sizeof size) {
        return error_set(e, ERROR_POSTGRES, "a COPY row ends in column %d", column);
    }
    memcpy(&size, *at, sizeof size);
    *at += sizeof size;
    left -= sizeof size;
    size = be32toh(size);
    if (size == UINT32_MAX) {
        *out = (struct field){0};
        return true;
    }
    if (size > left) {
        return error_set(e, ERROR_POSTGRES, "column %d of a COPY row claims %u bytes of %zu", column, size, left);
    }
    *out = (struct field){.at = *at, .len = (int32_t)size};
    *at += size;
    return true;
}

bool rows_split_copy(const char *bytes, size_t len, enum row_kind kind, struct field fields[ROW_COLUMNS], bool *end,
                     struct error *e)
{
    const struct layout *layout = &layouts[kind];
    const char *at = bytes;
    uint16_t columns;
    *end = false;
    if (len < sizeof columns) {
        return error_set(e, ERROR_POSTGRES, "a COPY row of %zu bytes is cut short", len);
    }
    memcpy(&columns, at, sizeof columns);
    at += sizeof columns;
    columns = be16toh(columns);
    if (columns == UINT16_MAX) {
        *end = true;
        return true;
    }
    if (columns != layout->columns) {
        return error_set(e, ERROR_POSTGRES, "a COPY row has %u columns, not %u", columns, layout->columns);
    }
    fill_defaults(kind, fields);
    for (int i = 0; i < columns; i++) {
        if (!split_column(&at, bytes + len, i, &fields[layout->place[i]], e)) {
            return false;
        }
    }
    return true;
}

/* ---- joining -------------------------------------------------------------------------------- */

/* Whom a row belongs to; style 0 for what hangs on the product itself. */
struct owner {
    int64_t product, style;
};

static int compare(struct owner a, struct owner b)
{
    if (a.product != b.product) {
        return a.product < b.product ? -1 : 1;
    }
    return (a.style > b.style) - (a.style < b.style);
}

static struct owner owner_of(const struct rows *r, enum row_kind kind, size_t at)
{
    const void *items = r->list[kind].items;
    switch (kind) {
    case ROW_FEATURE:
        return (struct owner){.product = ((const struct feature *)items)[at].product_id};
    case ROW_STYLE:
        return (struct owner){.product = ((const struct style *)items)[at].product_id};
    case ROW_PHOTO: {
        const struct photo *p = (const struct photo *)items + at;
        return (struct owner){.product = p->product_id, .style = p->style_id};
    }
    case ROW_SKU: {
        const struct sku *s = (const struct sku *)items + at;
        return (struct owner){.product = s->product_id, .style = s->style_id};
    }
    default:
        return (struct owner){.product = ((const struct related *)items)[at].product_id};
    }
}

/* One kind's cursor: rows and owners come in the same order, so that it only moves on. */
struct cursor {
    enum row_kind kind;
    size_t at;
};

/* Passes over rows before `owner`, which belong to nobody; then takes its run. Returns where the run begins. */
static size_t take_run(struct rows *r, struct cursor *c, struct owner owner, size_t *count)
{
    size_t end = r->list[c->kind].count;
    while (c->at < end && compare(owner_of(r, c->kind, c->at), owner) < 0) {
        r->orphans++;
        c->at++;
    }
    size_t first = c->at;
    while (c->at < end && compare(owner_of(r, c->kind, c->at), owner) == 0) {
        c->at++;
    }
    *count = c->at - first;
    return first;
}

static void join_styles(struct rows *r)
{
    struct style *styles = r->list[ROW_STYLE].items;
    struct cursor photos = {.kind = ROW_PHOTO};
    struct cursor skus = {.kind = ROW_SKU};
    for (size_t i = 0; i < r->list[ROW_STYLE].count; i++) {
        struct style *s = &styles[i];
        struct owner owner = {.product = s->product_id, .style = s->id};
        s->photos = (struct photo *)r->list[ROW_PHOTO].items + take_run(r, &photos, owner, &s->photo_count);
        s->skus = (struct sku *)r->list[ROW_SKU].items + take_run(r, &skus, owner, &s->sku_count);
    }
    r->orphans += r->list[ROW_PHOTO].count - photos.at + r->list[ROW_SKU].count - skus.at;
}

static void join_products(struct rows *r)
{
    struct product *products = r->list[ROW_PRODUCT].items;
    struct cursor features = {.kind = ROW_FEATURE};
    struct cursor styles = {.kind = ROW_STYLE};
    struct cursor related = {.kind = ROW_RELATED};
    for (size_t i = 0; i < r->list[ROW_PRODUCT].count; i++) {
        struct product *p = &products[i];
        struct owner owner = {.product = p->id};
        p->features = (struct feature *)r->list[ROW_FEATURE].items + take_run(r, &features, owner, &p->feature_count);
        p->styles = (struct style *)r->list[ROW_STYLE].items + take_run(r, &styles, owner, &p->style_count);
        p->related = (struct related *)r->list[ROW_RELATED].items + take_run(r, &related, owner, &p->related_count);
    }
    r->orphans += r->list[ROW_FEATURE].count - features.at + r->list[ROW_STYLE].count - styles.at +
                  r->list[ROW_RELATED].count - related.at;
}

bool rows_join(struct rows *r, const struct product **products, size_t *count, struct error *e)
{
    if (!r->has_snapshot) {
        return error_set(e, ERROR_POSTGRES, "a fetch came without its snapshot");
    }
    r->orphans = 0;
    join_styles(r);
    join_products(r);
    *products = r->list[ROW_PRODUCT].items;
    *count = r->list[ROW_PRODUCT].count;
    return true;
}
