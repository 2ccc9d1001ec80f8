/* What generated products say: lists, and sentences made from them. Pure. */
#pragma once
#include "base/text.h"
#include "load/stream.h"
#include <stddef.h>

enum size_run { SIZES_CLOTHING, SIZES_SHOES, SIZES_ONE, SIZE_RUNS };
enum { SIZES_MAX = 11, WORDS_CATEGORIES = 28, WORDS_COLOURS = 31, WORDS_FEATURES = 46, WORDS_URLS = 100 };

struct category {
    const char *name;
    enum size_run sizes;
};

/* A feature and its value, NULL where it has none; weights add up to 1,000. */
struct feature_pair {
    unsigned weight;
    const char *feature;
    const char *value;
};

extern const struct category words_categories[WORDS_CATEGORIES];
extern const char *const words_colours[WORDS_COLOURS];
extern const struct feature_pair words_features[WORDS_FEATURES];
/* The sizes of a run, in order; ends with NULL if there are fewer than SIZES_MAX. */
extern const char *const words_sizes[SIZE_RUNS][SIZES_MAX];

const char *words_first_name(struct stream *random);
const struct feature_pair *words_feature(struct stream *random);
/* "Xxx xxx xxx." of so many words. */
void words_sentence(struct text *out, struct stream *random, unsigned words);
/* One of WORDS_URLS picture addresses, the same in every run; a thumbnail's or a whole one's. */
void words_url(struct text *out, unsigned which, bool thumbnail);
