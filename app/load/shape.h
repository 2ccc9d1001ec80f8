/* The shapes of the inherited catalogue, as tables of weights out of 10,000. Pure. */
#pragma once
#include "load/stream.h"
#include <stddef.h>

struct weighted {
    unsigned weight;
    unsigned count;
};

struct shape {
    const char *of;
    const struct weighted *rows; /* weights add up to 10,000 */
    size_t rows_count;
};

extern const struct shape shape_features; /* per product */
extern const struct shape shape_styles;   /* per product */
extern const struct shape shape_related;  /* per product */
extern const struct shape shape_photos;   /* per style */

enum { SHAPE_WEIGHTS = 10000, SHAPE_STYLES_MAX = 7 };

unsigned shape_draw(const struct shape *shape, struct stream *random);
