#include "load/row.h"

#include "load/value.h"

#include <inttypes.h>
#include <string.h>

void references_fini(struct references *known)
{
    id_set_fini(&known->products);
    id_map_fini(&known->styles);
    references_next(known);
}

void references_next(struct references *known)
{
    id_set_fini(&known->own);
    id_set_fini(&known->repeats);
}

/* The field as a value: null for the bare word, and for nothing at all where text is not meant. */
static struct value field_value(const struct csv_field *field, const struct column *column, char **scratch)
{
    if (csv_is_null(field) || (column->kind != COLUMN_TEXT && field->len == 0)) {
        return (struct value){.null = true};
    }
    if (!field->doubled) {
        return (struct value){.at = field->at, .len = field->len};
    }
    struct value value = {.at = *scratch, .len = csv_unquote(field, *scratch)};
    *scratch += value.len;
    return value;
}

static bool accepted(const struct column *column, struct value *value, int64_t *id)
{
    bool flag;
    switch (column->kind) {
    case COLUMN_ID:
    case COLUMN_PRODUCT:
    case COLUMN_STYLE:
        return value_id(value->at, value->len, id);
    case COLUMN_TEXT:
        return value_text(value->at, value->len);
    case COLUMN_PRICE:
        return value_price(value->at, value->len);
    case COLUMN_QUANTITY:
        return value_quantity(value->at, value->len);
    case COLUMN_FLAG:
        if (!value_flag(value->at, value->len, &flag)) {
            return false;
        }
        *value = (struct value){.at = flag ? "1" : "0", .len = 1};
        return true;
    case COLUMN_KINDS:
        break;
    }
    ENSURE(!"column kind");
    return false;
}

static bool check_value(const struct column *column, struct value *value, int64_t *id, struct rejection *why)
{
    if (value->null && !column->nullable) {
        reject(why, REASON_MISSING, "%s is missing; it must be %s", column->name, column_accepts(column->kind));
        return false;
    }
    if (!value->null && !accepted(column, value, id)) {
        reject(why, REASON_VALUE, "%s is '%s'; it must be %s", column->name, excerpt_of(value->at, value->len).text,
               column_accepts(column->kind));
        return false;
    }
    return true;
}

/* Does the id that a column gives name something that is there? Also finds the product that shows the row. */
static bool check_reference(const struct column *column, int64_t id, const struct references *known, struct row *row,
                            struct rejection *why)
{
    const uint64_t *product;
    switch (column->kind) {
    case COLUMN_PRODUCT:
        if (!id_set_has(&known->products, (uint64_t)id)) {
            reject(why, REASON_NO_PRODUCT, "%s is %" PRId64 ": there is no such product", column->name, id);
            return false;
        }
        row->product_id = row->product_id ? row->product_id : id;
        return true;
    case COLUMN_STYLE:
        product = id_map_find(&known->styles, (uint64_t)id);
        if (!product) {
            reject(why, REASON_NO_STYLE, "%s is %" PRId64 ": there is no such style", column->name, id);
            return false;
        }
        row->product_id = (int64_t)*product;
        return true;
    default:
        return true;
    }
}

/* The row's own id becomes known. */
static enum id_added remember(const struct table *table, struct references *known, int64_t id, int64_t product_id)
{
    if (table == &tables[TABLE_PRODUCTS]) {
        return id_set_add(&known->products, (uint64_t)id);
    }
    if (table != &tables[TABLE_STYLES]) {
        return id_set_add(&known->own, (uint64_t)id);
    }
    uint64_t *product = id_map_put(&known->styles, (uint64_t)id);
    if (!product) {
        return ID_NO_MEMORY;
    }
    if (*product != 0) {
        return ID_PRESENT;
    }
    *product = (uint64_t)product_id;
    return ID_ADDED;
}

/* The row's own id, or 0: rejected. */
static int64_t check_values(const struct table *table, const struct csv_field *fields, const size_t *field_of,
                            const struct references *known, char *scratch, struct row *out, struct rejection *why)
{
    int64_t own_id = 0;
    out->product_id = 0;
    for (size_t c = 0; c < table->count; c++) {
        const struct column *column = &table->columns[c];
        int64_t id = 0;
        out->values[c] = field_value(&fields[field_of[c]], column, &scratch);
        if (!check_value(column, &out->values[c], &id, why) || !check_reference(column, id, known, out, why)) {
            return 0;
        }
        own_id = column->kind == COLUMN_ID ? id : own_id;
    }
    return own_id;
}

enum row_verdict row_check(const struct table *table, const struct csv_field *fields, const size_t *field_of,
                           struct references *known, char *scratch, struct row *out, struct rejection *why)
{
    int64_t own_id = check_values(table, fields, field_of, known, scratch, out, why);
    if (own_id == 0) {
        return ROW_REJECTED;
    }
    switch (remember(table, known, own_id, out->product_id)) {
    case ID_ADDED:
        return ROW_KEPT;
    case ID_PRESENT:
        reject(why, REASON_DUPLICATE, "id %" PRId64 " came before in this file; the first row with it is kept", own_id);
        return ROW_REJECTED;
    case ID_NO_MEMORY:
        break;
    }
    return ROW_NO_MEMORY;
}

/* FNV-1a, 64 bits. */
static uint64_t hash_bytes(uint64_t hash, const char *at, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ (unsigned char)at[i]) * 0x100000001B3;
    }
    return hash;
}

enum id_added row_repeats(const struct row *feature, struct references *known)
{
    uint64_t hash = 0xCBF29CE484222325;
    /* Each value after its length, or a mark where it is null: no two rows give the same bytes. */
    for (size_t c = 1; c < tables[TABLE_FEATURES].count; c++) {
        const struct value *value = &feature->values[c];
        const uint64_t len = value->null ? UINT64_MAX : value->len;
        hash = hash_bytes(hash, (const char *)&len, sizeof len);
        hash = hash_bytes(hash, value->at, value->null ? 0 : value->len);
    }
    return id_set_add(&known->repeats, hash);
}
