#include "load/shape.h"

#include "base/error.h"

#define SHAPE(name, ...)                                                                                               \
    const struct shape shape_##name = {.of = #name,                                                                    \
                                       .rows = (const struct weighted[]){__VA_ARGS__},                                 \
                                       .rows_count =                                                                   \
                                           sizeof((const struct weighted[]){__VA_ARGS__}) / sizeof(struct weighted)}

/* means: 2.222, 1.958, 4.512, 2.889 */
SHAPE(features, {2445, 1}, {3945, 2}, {2555, 3}, {1055, 4});
SHAPE(styles, {1975, 0}, {2490, 1}, {1920, 2}, {1830, 3}, {1335, 4}, {325, 5}, {80, 6}, {45, SHAPE_STYLES_MAX});
SHAPE(related, {30, 1}, {360, 2}, {1400, 3}, {3195, 4}, {3200, 5}, {1400, 6}, {345, 7}, {55, 8}, {15, 9});
SHAPE(photos, {300, 0}, {2820, 2}, {4270, 3}, {2610, 4});

unsigned shape_draw(const struct shape *shape, struct stream *random)
{
    uint64_t at = stream_below(random, SHAPE_WEIGHTS);
    for (size_t i = 0; i < shape->rows_count; i++) {
        if (at < shape->rows[i].weight) {
            return shape->rows[i].count;
        }
        at -= shape->rows[i].weight;
    }
    ENSURE(!"weights add up to SHAPE_WEIGHTS");
    return 0;
}
