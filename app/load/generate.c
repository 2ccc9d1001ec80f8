#include "load/generate.h"

#include "load/encode.h"
#include "load/shape.h"
#include "load/stop.h"
#include "load/words.h"

#include <string.h>

/* One style in ten is on sale; six in a thousand are sold out of every size, and have no skus. */
enum { ON_SALE_IN = 10, WITHOUT_SKUS_PER_10000 = 65, PRICE_MAX = 1000, QUANTITY_MAX = 60 };

/* What a stream of random numbers is for. Each table draws from its own, so that any of them can be made by
 * itself; the shape is drawn again by every table that hangs on it. */
enum purpose { FOR_SHAPE = 1, FOR_PRODUCT, FOR_FEATURES, FOR_RELATED, FOR_STYLES, FOR_PHOTOS, FOR_SKUS };

struct product_shape {
    const struct category *category;
    unsigned price;
    unsigned features, related, styles;
};

struct generator {
    const struct recipe *recipe;
    struct sink *sink;
    const struct table *table;
    struct tally *tally;
    int64_t product;            /* at hand */
    struct product_shape shape; /* its */
    int64_t style;              /* id of its first style */
    int64_t id;                 /* of the row at hand */
    struct row row;
    struct text text[COLUMNS_MAX]; /* what the row's values point at */
    struct text urls[WORDS_URLS], thumbnail_urls[WORDS_URLS];
};

static struct stream stream_for(const struct generator *g, enum purpose purpose)
{
    return stream_of(g->recipe->seed, (uint64_t)g->product, purpose);
}

static void draw_shape(struct generator *g)
{
    struct stream random = stream_for(g, FOR_SHAPE);
    g->shape.category = &words_categories[stream_below(&random, WORDS_CATEGORIES)];
    g->shape.price = (unsigned)stream_below(&random, PRICE_MAX) + 1;
    g->shape.features = shape_draw(&shape_features, &random);
    g->shape.related = g->product > 1 ? shape_draw(&shape_related, &random) : 0;
    g->shape.styles = shape_draw(&shape_styles, &random);
}

static void set_string(struct generator *g, size_t column, const char *value)
{
    g->row.values[column] = (struct value){.at = value, .len = value ? strlen(value) : 0, .null = !value};
}

/* The column's own text, emptied; set_text() when it is written. */
static struct text *start_text(struct generator *g, size_t column)
{
    text_clear(&g->text[column]);
    return &g->text[column];
}

static void set_text(struct generator *g, size_t column)
{
    g->row.values[column] = (struct value){.at = g->text[column].at, .len = g->text[column].len};
}

static void set_number(struct generator *g, size_t column, int64_t number)
{
    encode_number(start_text(g, column), (uint64_t)number);
    set_text(g, column);
}

/* Gives the row the next id and hands it on. */
static bool put(struct generator *g, struct error *e)
{
    set_number(g, 0, ++g->id);
    for (size_t c = 0; c < COLUMNS_MAX; c++) {
        if (g->text[c].failed) {
            return error_set(e, ERROR_SYSTEM, "no memory for a row");
        }
    }
    g->row.product_id = g->product;
    g->tally->read++;
    g->tally->kept++;
    return g->sink->row(g->sink->to, g->table, &g->row, e);
}

static bool make_product(struct generator *g, struct error *e)
{
    struct stream random = stream_for(g, FOR_PRODUCT);
    text_printf(start_text(g, 1), "%s %s", words_first_name(&random), g->shape.category->name);
    set_text(g, 1);
    words_sentence(start_text(g, 2), &random, 3 + (unsigned)stream_below(&random, 8));
    set_text(g, 2);
    struct text *description = start_text(g, 3);
    for (uint64_t left = 3 + stream_below(&random, 4); left > 0; left--) {
        words_sentence(description, &random, 4 + (unsigned)stream_below(&random, 6));
        text_str(description, left > 1 ? " " : "");
    }
    set_text(g, 3);
    set_string(g, 4, g->shape.category->name);
    set_number(g, 5, g->shape.price);
    return put(g, e);
}

static bool make_features(struct generator *g, struct error *e)
{
    struct stream random = stream_for(g, FOR_FEATURES);
    for (unsigned i = 0; i < g->shape.features; i++) {
        const struct feature_pair *pair = words_feature(&random);
        set_number(g, 1, g->product);
        set_string(g, 2, pair->feature);
        set_string(g, 3, pair->value);
        if (!put(g, e)) {
            return false;
        }
    }
    return true;
}

static bool make_related(struct generator *g, struct error *e)
{
    struct stream random = stream_for(g, FOR_RELATED);
    for (unsigned i = 0; i < g->shape.related; i++) {
        set_number(g, 1, g->product);
        set_number(g, 2, 1 + (int64_t)stream_below(&random, (uint64_t)g->product - 1));
        if (!put(g, e)) {
            return false;
        }
    }
    return true;
}

static bool make_styles(struct generator *g, struct error *e)
{
    struct stream random = stream_for(g, FOR_STYLES);
    for (unsigned i = 0; i < g->shape.styles; i++) {
        const unsigned percent = 50 + (unsigned)stream_below(&random, 45);
        set_number(g, 1, g->product);
        set_string(g, 2, words_colours[stream_below(&random, WORDS_COLOURS)]);
        set_number(g, 3, (g->shape.price * percent + 99) / 100);
        g->row.values[3].null = stream_below(&random, ON_SALE_IN) != 0;
        set_number(g, 4, g->shape.price);
        set_string(g, 5, i == 0 ? "1" : "0");
        if (!put(g, e)) {
            return false;
        }
    }
    return true;
}

static bool make_photos(struct generator *g, struct error *e)
{
    struct stream random = stream_for(g, FOR_PHOTOS);
    for (unsigned i = 0; i < g->shape.styles; i++) {
        for (unsigned left = shape_draw(&shape_photos, &random); left > 0; left--) {
            set_number(g, 1, g->style + i);
            set_string(g, 2, g->urls[stream_below(&random, WORDS_URLS)].at);
            set_string(g, 3, g->thumbnail_urls[stream_below(&random, WORDS_URLS)].at);
            if (!put(g, e)) {
                return false;
            }
        }
    }
    return true;
}

static bool make_skus(struct generator *g, struct error *e)
{
    struct stream random = stream_for(g, FOR_SKUS);
    for (unsigned i = 0; i < g->shape.styles; i++) {
        const bool without = stream_below(&random, 10000) < WITHOUT_SKUS_PER_10000;
        const char *const *sizes = words_sizes[g->shape.category->sizes];
        for (size_t s = 0; !without && s < SIZES_MAX && sizes[s]; s++) {
            set_number(g, 1, g->style + i);
            set_string(g, 2, sizes[s]);
            set_number(g, 3, (int64_t)stream_below(&random, QUANTITY_MAX));
            if (!put(g, e)) {
                return false;
            }
        }
    }
    return true;
}

static bool (*const makers[TABLES])(struct generator *, struct error *) = {
    [TABLE_PRODUCTS] = make_product, [TABLE_FEATURES] = make_features, [TABLE_RELATED] = make_related,
    [TABLE_STYLES] = make_styles,    [TABLE_PHOTOS] = make_photos,     [TABLE_SKUS] = make_skus,
};

static bool make_table(struct generator *g, enum table_id id, struct progress *progress, struct error *e)
{
    g->style = 1;
    g->id = 0;
    for (g->product = 1; g->product <= g->recipe->products; g->product++) {
        draw_shape(g);
        if (!makers[id](g, e)) {
            return false;
        }
        g->style += g->shape.styles;
        if (g->product % 256 == 0 && !stop_check(e)) {
            return false;
        }
        progress_at(progress, g->product, g->tally->kept);
    }
    return true;
}

static bool make_tables(struct generator *g, struct progress *progress, struct report *report, struct error *e)
{
    struct sink *sink = g->sink;
    for (size_t t = 0; t < TABLES; t++) {
        g->table = &tables[t];
        g->tally = &report->tallies[t];
        g->tally->file = g->table->name;
        progress_begin(progress, g->table->name, g->recipe->products);
        if (!sink->begin(sink->to, g->table, e) || !make_table(g, (enum table_id)t, progress, e) ||
            !sink->end(sink->to, g->table, e)) {
            return false;
        }
        progress_at(progress, g->recipe->products, g->tally->kept);
        progress_end(progress);
    }
    return true;
}

static bool make_urls(struct generator *g, struct error *e)
{
    bool failed = false;
    for (unsigned i = 0; i < WORDS_URLS; i++) {
        words_url(&g->urls[i], i, false);
        words_url(&g->thumbnail_urls[i], i, true);
        failed = failed || g->urls[i].failed || g->thumbnail_urls[i].failed;
    }
    return failed ? error_set(e, ERROR_SYSTEM, "no memory for %d picture addresses", WORDS_URLS) : true;
}

static void generator_fini(struct generator *g)
{
    for (size_t c = 0; c < COLUMNS_MAX; c++) {
        text_fini(&g->text[c]);
    }
    for (size_t i = 0; i < WORDS_URLS; i++) {
        text_fini(&g->urls[i]);
        text_fini(&g->thumbnail_urls[i]);
    }
}

bool generate_rows(const struct recipe *recipe, struct sink *sink, struct progress *progress, struct report *report,
                   struct error *e)
{
    struct generator g = {.recipe = recipe, .sink = sink};
    *report = (struct report){0};
    bool done = make_urls(&g, e) && make_tables(&g, progress, report, e);
    generator_fini(&g);
    return done;
}
