#include "refresh/digest.h"

#include <inttypes.h>
#include <string.h>

/* ---- Postgres's hashes ---------------------------------------------------------------------- *
 * Bob Jenkins's lookup3 (May 2006, public domain), with the 64-bit seed and result that PostgreSQL's
 * src/common/hashfn.c gives it: hash_bytes_extended, hash_bytes_uint32_extended. */

#define ROT(x, bits) ((x) << (bits) | (x) >> (32 - (bits)))
#define MIX(x, y, z, bits) (x -= z, x ^= ROT(z, bits), z += y)
#define END(x, z, bits) (x ^= z, x -= ROT(z, bits))

struct state {
    uint32_t a, b, c;
};

static inline struct state mix(struct state s)
{
    MIX(s.a, s.b, s.c, 4);
    MIX(s.b, s.c, s.a, 6);
    MIX(s.c, s.a, s.b, 8);
    MIX(s.a, s.b, s.c, 16);
    MIX(s.b, s.c, s.a, 19);
    MIX(s.c, s.a, s.b, 4);
    return s;
}

static inline uint64_t finish(struct state s)
{
    END(s.c, s.b, 14);
    END(s.a, s.c, 11);
    END(s.b, s.a, 25);
    END(s.c, s.b, 16);
    END(s.a, s.c, 4);
    END(s.b, s.a, 14);
    END(s.c, s.b, 24);
    return (uint64_t)s.b << 32 | s.c;
}

static inline struct state begin(uint32_t len, uint64_t seed)
{
    uint32_t start = 0x9e3779b9 + len + 3923095;
    struct state s = {start, start, start};
    if (seed == 0) {
        return s;
    }
    s.a += (uint32_t)(seed >> 32);
    s.b += (uint32_t)seed;
    return mix(s);
}

uint64_t digest_text(const void *bytes, size_t len, uint64_t seed)
{
    struct state s = begin((uint32_t)len, seed);
    const char *at = bytes;
    uint32_t word[3];
    for (; len >= sizeof word; at += sizeof word, len -= sizeof word) {
        memcpy(word, at, sizeof word);
        s.a += word[0];
        s.b += word[1];
        s.c += word[2];
        s = mix(s);
    }
    memset(word, 0, sizeof word);
    if (len > 0) {
        memcpy(word, at, len);
    }
    s.a += word[0];
    s.b += word[1];
    s.c += word[2] << 8; /* the lowest byte is the length's */
    return finish(s);
}

uint64_t digest_int(int64_t number, uint64_t seed)
{
    /* Folded so that equal numbers of 32 and 64 bits have equal hashes. */
    uint32_t high = (uint32_t)((uint64_t)number >> 32);
    struct state s = begin(sizeof(uint32_t), seed);
    s.a += (uint32_t)number ^ (number >= 0 ? high : ~high);
    return finish(s);
}

/* ---- rows ----------------------------------------------------------------------------------- */

enum { CELLS_MAX = 5 };

/* A column: what it is in SQL, and which of a fetched row's ids or texts it is. */
struct cell {
    const char *sql; /* NULL: the table has no more */
    enum { CELL_ID, CELL_TEXT, CELL_NUMBER /* fetched as text */ } type;
    int at;
};

/* All that some document shows, or orders by. */
static const struct table {
    const char *name, *product;
    int row_id; /* which of the ids */
    struct cell cells[CELLS_MAX];
} tables[ROW_KINDS] = {
    [ROW_PRODUCT] = {"public.products",
                     "id",
                     0,
                     {{"name", CELL_TEXT, 0},
                      {"slogan", CELL_TEXT, 1},
                      {"description", CELL_TEXT, 2},
                      {"category", CELL_TEXT, 3},
                      {"default_price::text", CELL_TEXT, 4}}},
    [ROW_FEATURE] = {"public.features",
                     "product_id",
                     1,
                     {{"product_id", CELL_ID, 0}, {"feature", CELL_TEXT, 0}, {"value", CELL_TEXT, 1}}},
    [ROW_STYLE] = {"public.styles",
                   "product_id",
                   1,
                   {{"product_id", CELL_ID, 0},
                    {"default_style::int", CELL_ID, 2},
                    {"name", CELL_TEXT, 0},
                    {"original_price::text", CELL_TEXT, 1},
                    {"sale_price::text", CELL_TEXT, 2}}},
    [ROW_PHOTO] = {"public.photos",
                   "product_id",
                   2,
                   {{"product_id", CELL_ID, 0},
                    {"style_id", CELL_ID, 1},
                    {"thumbnail_url", CELL_TEXT, 0},
                    {"url", CELL_TEXT, 1}}},
    [ROW_SKU] =
        {"public.skus",
         "product_id",
         2,
         {{"product_id", CELL_ID, 0}, {"style_id", CELL_ID, 1}, {"size", CELL_TEXT, 0}, {"quantity", CELL_NUMBER, 1}}},
    [ROW_RELATED] = {"public.related_products",
                     "product_id",
                     1,
                     {{"product_id", CELL_ID, 0}, {"related_product_id", CELL_ID, 2}}},
};

/* Of 63 bits, so that it is a bigint in SQL too; never 0, and unlike the others in all its bits. */
static inline uint64_t seed_of(enum row_kind kind, int cell)
{
    return (uint64_t)(kind * 8 + cell) * UINT64_C(0x9E3779B97F4A7C15) >> 1;
}

static int64_t number_of(const struct field *f)
{
    uint64_t n = 0;
    bool negative = f->len > 0 && f->at[0] == '-';
    for (int32_t i = negative; i < f->len; i++) {
        n = n * 10 + (uint64_t)(f->at[i] - '0');
    }
    return (int64_t)(negative ? -n : n);
}

static uint64_t hash_cell(const struct cell *cell, uint64_t seed, int64_t row_id, const int64_t id[3],
                          const struct field text[5])
{
    const struct field *f = &text[cell->at];
    if (cell->type == CELL_ID) {
        return digest_int(row_id, (uint64_t)id[cell->at] ^ seed);
    }
    if (!f->at) {
        return 0;
    }
    return cell->type == CELL_TEXT ? digest_text(f->at, (size_t)f->len, (uint64_t)row_id ^ seed)
                                   : digest_int(row_id, (uint64_t)number_of(f) ^ seed);
}

uint64_t digest_row(enum row_kind kind, const int64_t id[3], const struct field text[5])
{
    const struct table *table = &tables[kind];
    uint64_t digest = 0;
    for (int i = 0; i < CELLS_MAX && table->cells[i].sql; i++) {
        digest ^= hash_cell(&table->cells[i], seed_of(kind, i), id[table->row_id], id, text);
    }
    return digest;
}

void digest_row_sql(struct text *out, enum row_kind kind)
{
    const struct table *table = &tables[kind];
    for (int i = 0; i < CELLS_MAX && table->cells[i].sql; i++) {
        const struct cell *cell = &table->cells[i];
        const char *form = cell->type == CELL_TEXT ? "%scoalesce(hashtextextended(%s, id # %" PRIu64 "), 0)"
                                                   : "%scoalesce(hashint8extended(id, %s # %" PRIu64 "), 0)";
        text_printf(out, form, i ? " # " : "", cell->sql, seed_of(kind, i));
    }
}

const char *digest_table(enum row_kind kind)
{
    return tables[kind].name;
}

const char *digest_product_column(enum row_kind kind)
{
    return tables[kind].product;
}
