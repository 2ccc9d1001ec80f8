#include "load/words.h"

#include "base/error.h"

#include <ctype.h>
#include <inttypes.h>

const struct category words_categories[WORDS_CATEGORIES] = {
    {"Jacket", SIZES_CLOTHING},   {"Pants", SIZES_CLOTHING},
    {"Suit", SIZES_CLOTHING},     {"Sweatpants", SIZES_CLOTHING},
    {"Tank Top", SIZES_CLOTHING}, {"Skirt", SIZES_CLOTHING},
    {"Shirt", SIZES_CLOTHING},    {"Shorts", SIZES_CLOTHING},
    {"Coat", SIZES_CLOTHING},     {"Trousers", SIZES_CLOTHING},
    {"Dress", SIZES_CLOTHING},    {"Socks", SIZES_CLOTHING},
    {"Sweater", SIZES_CLOTHING},  {"Romper", SIZES_CLOTHING},
    {"Hoodie", SIZES_CLOTHING},   {"Slacks", SIZES_CLOTHING},
    {"Blouse", SIZES_CLOTHING},   {"Cardigan", SIZES_CLOTHING},
    {"Vest", SIZES_CLOTHING},     {"Jeans", SIZES_CLOTHING},
    {"Leggings", SIZES_CLOTHING}, {"Shoes", SIZES_SHOES},
    {"Boots", SIZES_SHOES},       {"Heels", SIZES_SHOES},
    {"Backpack", SIZES_ONE},      {"Sunglasses", SIZES_ONE},
    {"Hat", SIZES_ONE},           {"Cap", SIZES_ONE},
};

const char *const words_sizes[SIZE_RUNS][SIZES_MAX] = {
    [SIZES_CLOTHING] = {"XS", "S", "M", "L", "XL", "XXL"},
    [SIZES_SHOES] = {"7", "7.5", "8", "8.5", "9", "9.5", "10", "10.5", "11", "11.5", "12"},
    [SIZES_ONE] = {"One Size"},
};

const char *const words_colours[WORDS_COLOURS] = {
    "Azure",  "Black", "Blue",      "Cyan",   "Fuchsia", "Gold",     "Green",      "Grey",
    "Indigo", "Ivory", "Lavender",  "Lime",   "Magenta", "Maroon",   "Olive",      "Orange",
    "Orchid", "Pink",  "Plum",      "Purple", "Red",     "Salmon",   "Silver",     "Tan",
    "Teal",   "White", "Turquoise", "Violet", "Yellow",  "Sky blue", "Mint green",
};

/* 46 % have no value; skewed, so that four features in a hundred repeat another one of their product. */
const struct feature_pair words_features[WORDS_FEATURES] = {
    {130, "Non-GMO", NULL},
    {75, "Lifetime Guarantee", NULL},
    {65, "Green Leaf Certified", NULL},
    {50, "5 Year Warranty", NULL},
    {45, "Satisfaction Guaranteed", NULL},
    {40, "Fair Trade Certified", NULL},
    {32, "Sustainably Sourced", NULL},
    {23, "Machine Washable", NULL},
    {60, "Cut", "Skinny"},
    {48, "Frame", "Light Composition Resin"},
    {39, "Cut", "Loose"},
    {33, "Stitching", "Cross Stitch"},
    {30, "Stitching", "Double Stitch"},
    {27, "Lens", "100% UV Protective"},
    {24, "Frame", "Steel"},
    {18, "Cut", "Straight"},
    {15, "Lens", "Gold Mirror"},
    {15, "Material", "Hybrid Compound"},
    {12, "Lens", "Clear"},
    {12, "Fabric", "95% Cotton, 5% Spandex"},
    {8, "Buttons", "White Resin"},
    {8, "Buttons", "Ivory"},
    {8, "Buttons", "Brass"},
    {8, "Buttons", "Blue Resin"},
    {8, "Buttons", "Black Resin"},
    {8, "Material", "Rubber Mesh"},
    {8, "Material", "Control Skin"},
    {8, "Material", "Support Bridge"},
    {8, "Material", "Armor Weave"},
    {8, "Lens", "Silver Mirror"},
    {8, "Lens", "Polarized"},
    {8, "Fabric", "Cashmere"},
    {8, "Fabric", "Wool"},
    {8, "Fabric", "Velvet"},
    {8, "Fabric", "100% Cotton"},
    {8, "Fabric", "80% Cotton, 20% Polyester"},
    {8, "Fabric", "Silk"},
    {8, "Fabric", "Canvas"},
    {8, "Fabric", "Linen"},
    {8, "Sole", "Rubber"},
    {8, "Sole", "Cork"},
    {8, "Mid-Sole", "Arch Bridge"},
    {8, "Heel", "3\" Block"},
    {8, "Pockets", "Two, Zipped"},
    {8, "Closure", "Zipper"},
    {7, "Lining", "Quilted"},
};

static const char *const first_names[] = {
    "Adelheid",   "Alexane",    "Alexandra", "Anastasia", "Annabelle",  "Anselm",     "Aurelia",   "Balthasar",
    "Bartholome", "Beatrice",   "Belle",     "Benedikt",  "Bernadette", "Bianca",     "Carolina",  "Cassandra",
    "Christoph",  "Clementine", "Constance", "Cornelius", "Dagmar",     "Demetrius",  "Dominique", "Dorothea",
    "Eleonora",   "Elisabeth",  "Eloisa",    "Emmanuel",  "Ernestine",  "Evangeline", "Fabienne",  "Felicitas",
    "Ferdinand",  "Florentine", "Franziska", "Frederick", "Gabriela",   "Genevieve",  "Giuseppe",  "Gottfried",
    "Gustav",     "Hannelore",  "Heber",     "Henriette", "Hildegard",  "Ignatius",   "Ingeborg",  "Isabella",
    "Jaeden",     "Jerrod",     "Johannes",  "Josephine", "Katharina",  "Kellen",     "Klara",     "Konstantin",
    "Leonore",    "Leopold",    "Lindsey",   "Lorenzo",   "Magdalena",  "Marguerite", "Marlen",    "Matilda",
    "Maximilian", "Melchior",   "Mortimer",  "Nathaniel", "Nikolaus",   "Oliver",     "Ottilie",   "Penelope",
    "Philippa",   "Quentin",    "Rasmus",    "Rosalinde", "Ruthe",      "Sebastian",  "Seraphina", "Siegfried",
    "Sigrid",     "Stefan",     "Susanna",   "Theodora",  "Tobias",     "Ulrike",     "Valentin",  "Verdie",
    "Veronika",   "Victoria",   "Viktor",    "Walburga",  "Weston",     "Wilhelmina", "Wolfgang",  "Yvonne",
    "Zacharias",  "Zora",
};

static const char *const lorem[] = {
    "ab",         "accusamus",   "ad",         "alias",
    "aliquam",    "amet",        "animi",      "aperiam",
    "architecto", "asperiores",  "at",         "atque",
    "aut",        "autem",       "beatae",     "blanditiis",
    "commodi",    "consequatur", "corporis",   "culpa",
    "cum",        "debitis",     "delectus",   "deserunt",
    "dicta",      "dolor",       "dolorem",    "ducimus",
    "ea",         "eaque",       "earum",      "eius",
    "eligendi",   "enim",        "eos",        "error",
    "esse",       "est",         "et",         "eum",
    "eveniet",    "ex",          "excepturi",  "exercitationem",
    "expedita",   "facere",      "facilis",    "fuga",
    "fugiat",     "harum",       "hic",        "id",
    "illum",      "impedit",     "in",         "incidunt",
    "inventore",  "ipsa",        "ipsum",      "iste",
    "iure",       "iusto",       "labore",     "laborum",
    "libero",     "magnam",      "maiores",    "maxime",
    "minima",     "minus",       "molestias",  "nam",
    "natus",      "nemo",        "nesciunt",   "nihil",
    "nobis",      "nulla",       "occaecati",  "odio",
    "officia",    "omnis",       "optio",      "perferendis",
    "placeat",    "porro",       "quae",       "quam",
    "quasi",      "quia",        "quidem",     "quis",
    "quod",       "ratione",     "rerum",      "saepe",
    "sapiente",   "sequi",       "similique",  "sint",
    "sit",        "sunt",        "temporibus", "totam",
    "ullam",      "ut",          "vel",        "velit",
    "veritatis",  "vero",        "vitae",      "voluptas",
    "voluptatem",
};

#define PICK(list, random) ((list)[stream_below(random, sizeof(list) / sizeof *(list))])

const char *words_first_name(struct stream *random)
{
    return PICK(first_names, random);
}

const struct feature_pair *words_feature(struct stream *random)
{
    uint64_t at = stream_below(random, 1000);
    for (size_t i = 0; i < WORDS_FEATURES; i++) {
        if (at < words_features[i].weight) {
            return &words_features[i];
        }
        at -= words_features[i].weight;
    }
    ENSURE(!"weights add up to 1,000");
    return NULL;
}

void words_sentence(struct text *out, struct stream *random, unsigned words)
{
    const size_t start = out->len;
    for (unsigned i = 0; i < words; i++) {
        text_str(out, i ? " " : "");
        text_str(out, PICK(lorem, random));
    }
    text_str(out, ".");
    if (!out->failed) {
        out->at[start] = (char)toupper((unsigned char)out->at[start]);
    }
}

void words_url(struct text *out, unsigned which, bool thumbnail)
{
    static const unsigned widths[] = {634, 668, 750, 975, 1050, 1650, 2057, 2734};
    struct stream name = stream_of(0, which, thumbnail ? 1 : 2);
    const unsigned width = thumbnail ? 300 : PICK(widths, &name);
    text_printf(out,
                "https://images.atelier.example/photo-15%011" PRIu64 "-%012" PRIx64 "?ixlib=rb-1.2.1%s"
                "&auto=format&fit=crop&w=%u&q=80",
                stream_below(&name, 100000000000), stream_next(&name) >> 16,
                stream_below(&name, 3) ? "&ixid=eyJhcHBfaWQiOjEyMDd9" : "", width);
}
