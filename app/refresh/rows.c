#include "refresh/rows.h"

#include <endian.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void rows_clear(struct rows *r)
{
    arena_clear(&r->arena);
    for (int kind = 0; kind < ROW_KINDS; kind++) {
        r->list[kind].count = 0;
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
        ADD(ROW_PHOTO, photo, .style_id = id[1], .thumbnail_url = t[0], .url = t[1]);
        return true;
    case ROW_SKU:
        ADD(ROW_SKU, sku, .style_id = id[1], .id = id[2], .size = t[0], .quantity = t[1]);
        return true;
    default:
        ADD(ROW_RELATED, related, .product_id = id[0], .related_id = id[2]);
        return true;
    }
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
        r->has_snapshot = f[4].at && snapshot_parse(f[4].at, (size_t)f[4].len, &r->snapshot, e);
        return r->has_snapshot;
    }
    struct str text[5];
    for (int i = 0; i < 5; i++) {
        if (!text_of(r, &f[4 + i], &text[i])) {
            return no_memory(e);
        }
    }
    return add_kind(r, kind, id, text) || no_memory(e);
}

bool rows_split_copy(const char *bytes, size_t len, struct field fields[ROW_COLUMNS], bool *end, struct error *e)
{
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
    if (columns != ROW_COLUMNS) {
        return error_set(e, ERROR_POSTGRES, "a COPY row has %u columns, not %d", columns, ROW_COLUMNS);
    }
    for (int i = 0; i < ROW_COLUMNS; i++) {
        size_t left = len - (size_t)(at - bytes);
        uint32_t size;
        if (left < sizeof size) {
            return error_set(e, ERROR_POSTGRES, "a COPY row ends in column %d", i);
        }
        memcpy(&size, at, sizeof size);
        at += sizeof size;
        left -= sizeof size;
        size = be32toh(size);
        if (size == UINT32_MAX) {
            fields[i] = (struct field){0};
            continue;
        }
        if (size > left) {
            return error_set(e, ERROR_POSTGRES, "column %d of a COPY row claims %u bytes of %zu", i, size, left);
        }
        fields[i] = (struct field){.at = at, .len = (int32_t)size};
        at += size;
    }
    return true;
}

/* ---- joining -------------------------------------------------------------------------------- */

/* Takes from `list` the run of rows for `owner`; the key is the int64 at `key`. Rows and owners come
 * in the same order, so that one cursor walks through. */
static size_t take_run(const struct row_list *list, size_t size, size_t key, int64_t owner, size_t *cursor)
{
    size_t count = 0;
    while (*cursor < list->count) {
        int64_t of;
        memcpy(&of, (const char *)list->items + size * *cursor + key, sizeof of);
        if (of != owner) {
            break;
        }
        ++*cursor;
        ++count;
    }
    return count;
}

#define TAKE(from, type, member, owner, cursor, first, n)                                                              \
    do {                                                                                                               \
        (first) = (struct type *)(from)->items + *(cursor);                                                            \
        (n) = take_run(from, sizeof(struct type), offsetof(struct type, member), owner, cursor);                       \
    } while (0)

static void join_styles(struct rows *r, size_t *photo, size_t *sku)
{
    struct style *styles = r->list[ROW_STYLE].items;
    for (size_t i = 0; i < r->list[ROW_STYLE].count; i++) {
        TAKE(&r->list[ROW_PHOTO], photo, style_id, styles[i].id, photo, styles[i].photos, styles[i].photo_count);
        TAKE(&r->list[ROW_SKU], sku, style_id, styles[i].id, sku, styles[i].skus, styles[i].sku_count);
    }
}

bool rows_join(struct rows *r, const struct product **products, size_t *count, struct error *e)
{
    struct product *p = r->list[ROW_PRODUCT].items;
    size_t at[ROW_KINDS] = {0};
    if (!r->has_snapshot) {
        return error_set(e, ERROR_POSTGRES, "a fetch came without its snapshot");
    }
    join_styles(r, &at[ROW_PHOTO], &at[ROW_SKU]);
    for (size_t i = 0; i < r->list[ROW_PRODUCT].count; i++) {
        TAKE(&r->list[ROW_FEATURE], feature, product_id, p[i].id, &at[ROW_FEATURE], p[i].features, p[i].feature_count);
        TAKE(&r->list[ROW_STYLE], style, product_id, p[i].id, &at[ROW_STYLE], p[i].styles, p[i].style_count);
        TAKE(&r->list[ROW_RELATED], related, product_id, p[i].id, &at[ROW_RELATED], p[i].related, p[i].related_count);
    }
    for (int kind = ROW_FEATURE; kind < ROW_KINDS; kind++) {
        if (at[kind] != r->list[kind].count) {
            return error_set(e, ERROR_POSTGRES, "a fetch has rows of kind %d whose owner is not in it", kind);
        }
    }
    *products = p;
    *count = r->list[ROW_PRODUCT].count;
    return true;
}
