/* The six tables of the catalogue and the legacy files they come from: names, columns, what each column
 * accepts. Everything else in this folder works from this table. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* In the order in which they are loaded: what a row points at comes before it. */
enum table_id { TABLE_PRODUCTS, TABLE_FEATURES, TABLE_RELATED, TABLE_STYLES, TABLE_PHOTOS, TABLE_SKUS, TABLES };

enum column_kind {
    COLUMN_ID,       /* the row's own, unique in its file */
    COLUMN_PRODUCT,  /* the id of a product that is there */
    COLUMN_STYLE,    /* the id of a style that is there */
    COLUMN_TEXT,     /* UTF-8 without NUL */
    COLUMN_PRICE,    /* 0…9999999999.99, at most two decimals */
    COLUMN_QUANTITY, /* 0…2147483647 */
    COLUMN_FLAG,     /* 0, 1, true, false */
    COLUMN_KINDS
};

enum { COLUMNS_MAX = 6, FILE_NAMES_MAX = 3 };

struct column {
    const char *name;   /* in the database */
    const char *legacy; /* in the header of the legacy file; other spellings: header.h */
    enum column_kind kind;
    bool nullable;
};

struct table {
    const char *name;                  /* in the database */
    const char *files[FILE_NAMES_MAX]; /* accepted names, the legacy one first; the rest NULL */
    struct column columns[COLUMNS_MAX];
    size_t count;    /* of columns */
    bool headerless; /* copies without a header line exist: columns are then in this order */
    bool by_style;   /* rows hang on a style; in the database they also carry its product_id */
};

extern const struct table tables[TABLES];

/* What a kind of column accepts, for messages: "a price from 0 to …". */
const char *column_accepts(enum column_kind kind);
