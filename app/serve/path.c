#include "serve/path.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>

const char *const route_names[ROUTES] = {
    [ROUTE_INDEX] = "index",
    [ROUTE_OPENAPI] = "openapi",
    [ROUTE_LIST] = "list",
    [ROUTE_PRODUCT] = "product",
    [ROUTE_STYLES] = "styles",
    [ROUTE_RELATED] = "related",
    [ROUTE_RELATED_CARDS] = "related_cards",
    [ROUTE_FULL] = "full",
    [ROUTE_EVENTS] = "events",
    [ROUTE_ASSET] = "asset",
    [ROUTE_NONE] = "none",
};

static const char accepted_id[] = "a whole number from 1 to 9223372036854775807, without a leading zero";
static const char accepted_page[] = "a whole number from 1 to 9223372036854775807";
static const char accepted_after[] = "a whole number from 0 to 9223372036854775807";
static const char accepted_count[] = "a whole number from 1 to 1000";
static const char accepted_ids[] = "1 to 100 product ids, separated by commas";
static const char accepted_once[] = "one value: it was given twice";
static const char accepted_alone[] = "only one of page, after and ids";

static bool refuse(struct refusal *why, const char *parameter, const char *came, size_t len, const char *accepted)
{
    why->parameter = parameter;
    why->accepted = accepted;
    snprintf(why->came, sizeof why->came, "%.*s", (int)(len < 60 ? len : 60), came);
    return false;
}

/* Digits only, no more than 64 signed bits hold. */
static bool number(const char *at, size_t len, int64_t *out)
{
    int64_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (at[i] < '0' || at[i] > '9' || __builtin_mul_overflow(n, (int64_t)10, &n) ||
            __builtin_add_overflow(n, (int64_t)(at[i] - '0'), &n)) {
            return false;
        }
    }
    *out = n;
    return len > 0;
}

static bool product_id(const char *at, size_t len, int64_t *out)
{
    return len > 0 && at[0] != '0' && number(at, len, out);
}

/* ---- the path ------------------------------------------------------------------------------- */

static bool is(const char *at, size_t len, const char *word)
{
    return len == strlen(word) && memcmp(at, word, len) == 0;
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._~", c));
}

/* Not empty, and neither "." nor "..", which no normalised path has. */
static bool is_segment(const char *at, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!is_unreserved(at[i])) {
            return false;
        }
    }
    return len > 0 && !is(at, len, ".") && !is(at, len, "..");
}

bool path_prefix_is_valid(const char *prefix)
{
    if (strlen(prefix) > PATH_PREFIX_MAX) {
        return false;
    }
    for (const char *at = prefix; *at;) {
        size_t len = strcspn(at + 1, "/");
        if (*at != '/' || !is_segment(at + 1, len) || (at == prefix && is(at + 1, len, "products"))) {
            return false;
        }
        at += 1 + len;
    }
    return true;
}

size_t path_prefix_length(const char *prefix, const char *path, size_t path_len)
{
    size_t len = strlen(prefix);
    bool begins = path_len >= len && memcmp(path, prefix, len) == 0;
    return begins && (path_len == len || path[len] == '/') ? len : 0;
}

/* What follows /products/ : an id, perhaps a document. */
static bool parse_product(const char *at, size_t len, struct target *out, struct refusal *why)
{
    static const struct {
        const char *name;
        enum route route;
    } documents[] = {{"styles", ROUTE_STYLES},
                     {"related", ROUTE_RELATED},
                     {"related/cards", ROUTE_RELATED_CARDS},
                     {"full", ROUTE_FULL}};
    const char *slash = memchr(at, '/', len);
    size_t id_len = slash ? (size_t)(slash - at) : len;
    enum route route = slash ? ROUTE_NONE : ROUTE_PRODUCT;
    for (size_t i = 0; slash && i < sizeof documents / sizeof *documents; i++) {
        if (is(slash + 1, len - id_len - 1, documents[i].name)) {
            route = documents[i].route;
        }
    }
    if (route == ROUTE_NONE) {
        return true;
    }
    out->route = route;
    return product_id(at, id_len, &out->id) || refuse(why, "id", at, id_len, accepted_id);
}

/* ---- the query ------------------------------------------------------------------------------ */

static int hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decodes into out; what is no escape stays as it is. Returns the length. */
static size_t decode(const char *at, size_t len, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        int high = at[i] == '%' && i + 2 < len ? hex(at[i + 1]) : -1;
        int low = high >= 0 ? hex(at[i + 2]) : -1;
        if (low >= 0) {
            out[n++] = (char)(high << 4 | low);
            i += 2;
        } else {
            out[n++] = at[i];
        }
    }
    return n;
}

static bool parse_ids(const char *at, size_t len, struct target *out)
{
    const char *end = at + len;
    while (out->id_count < LIST_IDS_MAX) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma ? comma : end;
        if (!product_id(at, (size_t)(stop - at), &out->ids[out->id_count])) {
            return false;
        }
        out->id_count++;
        if (!comma) {
            return true;
        }
        at = comma + 1;
    }
    return false;
}

static bool parse_page(const char *at, size_t len, struct target *out)
{
    out->list = LIST_PAGE;
    return number(at, len, &out->page) && out->page >= 1;
}

static bool parse_after(const char *at, size_t len, struct target *out)
{
    out->list = LIST_AFTER;
    return number(at, len, &out->after);
}

static bool parse_count(const char *at, size_t len, struct target *out)
{
    return number(at, len, &out->count) && out->count >= 1 && out->count <= LIST_COUNT_MAX;
}

static bool parse_id_list(const char *at, size_t len, struct target *out)
{
    out->list = LIST_IDS;
    return parse_ids(at, len, out);
}

static const struct parameter {
    const char *name;
    bool (*parse)(const char *at, size_t len, struct target *out);
    const char *accepted;
    bool chooses; /* what kind of list it is: only one of these may be given */
} parameters[] = {
    {"page", parse_page, accepted_page, true},
    {"after", parse_after, accepted_after, true},
    {"ids", parse_id_list, accepted_ids, true},
    {"count", parse_count, accepted_count, false},
};
enum { PARAMETERS = sizeof parameters / sizeof *parameters };

static bool take_parameter(const struct parameter *p, const char *value, size_t len, unsigned *seen, bool *chosen,
                           struct target *out, struct refusal *why)
{
    unsigned bit = 1u << (p - parameters);
    if (*seen & bit) {
        return refuse(why, p->name, value, len, accepted_once);
    }
    if (p->chooses && *chosen) {
        return refuse(why, p->name, value, len, accepted_alone);
    }
    *seen |= bit;
    *chosen |= p->chooses;
    return p->parse(value, len, out) || refuse(why, p->name, value, len, p->accepted);
}

/* The parameter of this name, percent-decoded as values are; NULL: not one of ours. */
static const struct parameter *find_parameter(const char *at, size_t len)
{
    enum { NAME_MAX_ENCODED = 3 * 5 }; /* "count", each letter escaped */
    char name[NAME_MAX_ENCODED];
    if (len > sizeof name) {
        return NULL;
    }
    size_t name_len = decode(at, len, name);
    for (size_t i = 0; i < PARAMETERS; i++) {
        if (is(name, name_len, parameters[i].name)) {
            return &parameters[i];
        }
    }
    return NULL;
}

/* name=value pairs; unknown names are passed over, and where only ids are asked for, all others. */
static bool parse_query(const char *query, size_t len, bool only_ids, struct target *out, struct refusal *why)
{
    char value[URL_MAX];
    unsigned seen = 0;
    bool chosen = false;
    const char *end = query + len;
    ENSURE(len <= sizeof value);
    for (const char *at = query; at < end;) {
        const char *stop = memchr(at, '&', (size_t)(end - at));
        stop = stop ? stop : end;
        const char *equals = memchr(at, '=', (size_t)(stop - at));
        const char *from = equals ? equals + 1 : stop;
        const struct parameter *p = find_parameter(at, (size_t)((equals ? equals : stop) - at));
        if (p && (!only_ids || p->parse == parse_id_list)) {
            size_t value_len = decode(from, (size_t)(stop - from), value);
            if (!take_parameter(p, value, value_len, &seen, &chosen, out, why)) {
                return false;
            }
        }
        at = stop + 1;
    }
    return true;
}

bool path_parse(const char *path, size_t path_len, const char *query, size_t query_len, struct target *out,
                struct refusal *why)
{
    static const char products[] = "/products/";
    const size_t prefix = sizeof products - 1;
    out->route = ROUTE_NONE;
    out->list = LIST_PAGE;
    out->page = 1;
    out->count = LIST_COUNT_DEFAULT;
    out->id_count = 0;
    if (path_len > 1 && path[path_len - 1] == '/') {
        path_len--;
    }
    if (is(path, path_len, "/")) {
        out->route = ROUTE_INDEX;
    } else if (is(path, path_len, "/openapi.json")) {
        out->route = ROUTE_OPENAPI;
    } else if (path_len == prefix - 1 && memcmp(path, products, path_len) == 0) {
        out->route = ROUTE_LIST;
        return parse_query(query, query_len, false, out, why);
    } else if (is(path, path_len, "/events")) {
        out->route = ROUTE_EVENTS;
        return parse_query(query, query_len, true, out, why);
    } else if (path_len > prefix && memcmp(path, products, prefix) == 0) {
        return parse_product(path + prefix, path_len - prefix, out, why);
    }
    return true;
}
