#include "serve/negotiate.h"

#include "base/text.h"

#include <string.h>
#include <strings.h>

/* ---- Accept-Encoding ------------------------------------------------------------------------ */

void codings_init(struct accepted_codings *a)
{
    *a = (struct accepted_codings){0};
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static void trim(const char **at, const char **end)
{
    while (*at < *end && is_space(**at)) {
        ++*at;
    }
    while (*end > *at && is_space((*end)[-1])) {
        --*end;
    }
}

/* "0", "0.5", "1.000": at most three decimals, at most 1. */
static bool parse_weight(const char *at, const char *end, uint16_t *out)
{
    size_t len = (size_t)(end - at);
    if (len < 1 || len > 5 || (*at != '0' && *at != '1') || (len > 1 && at[1] != '.')) {
        return false;
    }
    unsigned weight = (unsigned)(*at - '0') * 1000;
    unsigned unit = 100;
    for (const char *p = at + 2; p < end; p++, unit /= 10) {
        if (*p < '0' || *p > '9') {
            return false;
        }
        weight += (unsigned)(*p - '0') * unit;
    }
    *out = (uint16_t)weight;
    return weight <= 1000;
}

/* The weight of an element: 1 unless ;q= says otherwise. */
static bool element_weight(const char *semicolon, const char *end, uint16_t *out)
{
    *out = 1000;
    if (!semicolon) {
        return true;
    }
    const char *at = semicolon + 1;
    trim(&at, &end);
    return end - at > 2 && (at[0] | 0x20) == 'q' && at[1] == '=' && parse_weight(at + 2, end, out);
}

static bool is_token(const char *at, const char *end, const char *name)
{
    return (size_t)(end - at) == strlen(name) && strncasecmp(at, name, (size_t)(end - at)) == 0;
}

/* -1: not one that we have. */
static int coding_of(const char *at, const char *end)
{
    if (is_token(at, end, "identity")) {
        return CODING_IDENTITY;
    }
    if (is_token(at, end, "br")) {
        return CODING_BROTLI;
    }
    return is_token(at, end, "gzip") || is_token(at, end, "x-gzip") ? CODING_GZIP : -1;
}

static void add_element(struct accepted_codings *a, const char *at, const char *end)
{
    uint16_t weight;
    const char *semicolon = memchr(at, ';', (size_t)(end - at));
    if (!element_weight(semicolon, end, &weight)) {
        return;
    }
    const char *name_end = semicolon ? semicolon : end;
    trim(&at, &name_end);
    if (is_token(at, name_end, "*")) {
        a->any_said = true;
        a->any_weight = weight;
        return;
    }
    int coding = coding_of(at, name_end);
    if (coding >= 0) {
        a->said[coding] = true;
        a->weight[coding] = weight;
    }
}

void codings_add(struct accepted_codings *a, const char *value, size_t len)
{
    const char *end = value + len;
    for (const char *at = value; at < end;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma ? comma : end;
        const char *from = at;
        const char *to = stop;
        trim(&from, &to);
        if (from < to) {
            add_element(a, from, to);
        }
        at = stop + 1;
    }
}

/* Identity is acceptable unless it was refused, but what was asked for comes first: hence a weight below all. */
static unsigned weight_of(const struct accepted_codings *a, int coding)
{
    if (a->said[coding]) {
        return a->weight[coding] * 2u;
    }
    if (a->any_said) {
        return a->any_weight * 2u;
    }
    return coding == CODING_IDENTITY ? 1 : 0;
}

/* Below this a coding saves little or nothing. How little depends on the code that a replica has learnt, so that
 * without it replicas would choose differently. */
enum { CODED_FROM = 256 };

/* Nobody who did not name identity minds getting it where a coding makes the answer no shorter. */
static bool is_no_use(const struct accepted_codings *a, int coding, const bool available[CODINGS],
                      const uint32_t length[CODINGS])
{
    return !a->said[CODING_IDENTITY] && !a->any_said && available[CODING_IDENTITY] &&
           (length[CODING_IDENTITY] < CODED_FROM || length[coding] >= length[CODING_IDENTITY]) &&
           coding != CODING_IDENTITY;
}

int codings_choose(const struct accepted_codings *a, const bool available[CODINGS], const uint32_t length[CODINGS])
{
    int best = -1;
    unsigned best_weight = 0;
    for (int coding = 0; coding < CODINGS; coding++) {
        unsigned weight = available[coding] && !is_no_use(a, coding, available, length) ? weight_of(a, coding) : 0;
        if (weight > best_weight || (weight > 0 && weight == best_weight && length[coding] < length[best])) {
            best = coding;
            best_weight = weight;
        }
    }
    return best;
}

/* ---- Accept --------------------------------------------------------------------------------- */

/* The weight of this media type where it is named, in thousandths; 0: it is not. */
static unsigned accept_weight(const char *value, size_t len, const char *type)
{
    const char *end = value + len;
    unsigned best = 0;
    for (const char *at = value; at < end;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma ? comma : end;
        const char *name_end = memchr(at, ';', (size_t)(stop - at));
        const char *last = memrchr(at, ';', (size_t)(stop - at)); /* q comes last, if at all */
        uint16_t weight;
        name_end = name_end ? name_end : stop;
        trim(&at, &name_end);
        if (is_token(at, name_end, type)) {
            unsigned found = element_weight(last, stop, &weight) ? weight : 1000;
            best = found > best ? found : best;
        }
        at = stop + 1;
    }
    return best;
}

bool accept_prefers_html(const char *value, size_t len)
{
    unsigned html = accept_weight(value, len, "text/html");
    return html > 0 && html >= accept_weight(value, len, "application/json");
}

bool codings_welcome(const struct accepted_codings *a, enum coding coding, int chosen)
{
    unsigned weight = weight_of(a, coding);
    return weight > 0 && (chosen < 0 || weight >= weight_of(a, chosen));
}

/* ---- If-None-Match -------------------------------------------------------------------------- */

bool etag_matches(const char *header, size_t len, const char *etag, size_t etag_len)
{
    const char *at = header;
    const char *end = header + len;
    trim(&at, &end);
    if (end - at == 1 && *at == '*') {
        return true;
    }
    /* Tags may hold commas: walk from quote to quote. What is not a list of tags matches nothing. */
    while (at < end) {
        if (*at == ',' || is_space(*at)) { /* a list may have empty elements */
            at++;
            continue;
        }
        if (end - at > 2 && at[0] == 'W' && at[1] == '/') {
            at += 2;
        }
        const char *close = *at == '"' ? memchr(at + 1, '"', (size_t)(end - at - 1)) : NULL;
        if (!close) {
            return false;
        }
        const char *tag = at;
        const char *next = close + 1;
        trim(&next, &end);
        if (next < end && *next != ',') {
            return false;
        }
        if ((size_t)(close + 1 - tag) == etag_len && memcmp(tag, etag, etag_len) == 0) {
            return true;
        }
        at = next;
    }
    return false;
}

/* ---- Catalogue-At-Least --------------------------------------------------------------------- */

static bool starts(const char **at, const char *end, const char *prefix)
{
    size_t len = strlen(prefix);
    if ((size_t)(end - *at) < len || memcmp(*at, prefix, len) != 0) {
        return false;
    }
    *at += len;
    return true;
}

bool at_least_parse(const char *value, size_t len, struct at_least *out)
{
    const char *at = value;
    const char *end = value + len;
    trim(&at, &end);
    *out = (struct at_least){0};
    if (starts(&at, end, "xid=")) {
        out->kind = AT_LEAST_XID;
        return text_take_number(&at, end, &out->number) && at == end;
    }
    out->kind = AT_LEAST_VERSION;
    return starts(&at, end, "version=") && text_take_number(&at, end, &out->era) && starts(&at, end, ".") &&
           text_take_number(&at, end, &out->number) && at == end;
}

bool at_least_met(const struct at_least *a, uint64_t era, uint64_t version, const struct snapshot *applied)
{
    switch (a->kind) {
    case AT_LEAST_NOTHING:
        return true;
    case AT_LEAST_XID:
        return snapshot_sees(applied, a->number);
    default:
        return a->era < era || (a->era == era && a->number <= version);
    }
}
