/* The documents that bare-h2o answers from: read once from a file, then only read. */
#pragma once
#include "base/error.h"
#include <stddef.h>
#include <stdint.h>

enum { ETAG_LENGTH = 34 };

/* One allocation each, as a cache that fills up product by product has them. */
struct document {
    size_t length;
    char etag[ETAG_LENGTH]; /* with its quotes; no NUL */
    char bytes[];
};

struct documents {
    struct document **by_id; /* NULL: there is none */
    int64_t id_max;
};

/* The file: "ID LENGTH ETAG\n", then LENGTH bytes, for each document. `spare` bytes are allocated after each one. */
MUST_CHECK bool documents_read(struct documents *out, const char *file, size_t spare, struct error *e);

static inline const struct document *documents_get(const struct documents *d, int64_t id)
{
    return id >= 0 && id <= d->id_max ? d->by_id[id] : NULL;
}
