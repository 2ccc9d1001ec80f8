/* What the request's headers ask for: codings, validators, freshness. Pure. */
#pragma once
#include "cache/entry.h"
#include "cache/snapshot.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* RFC 9110, 12.5.3: weights in thousandths. */
struct accepted_codings {
    bool said[CODINGS];
    uint16_t weight[CODINGS];
    bool any_said;
    uint16_t any_weight; /* of "*" */
};

/* No header at all: identity. */
void codings_init(struct accepted_codings *a);
/* One Accept-Encoding header; several add up. An element that is not well formed is passed over. */
void codings_add(struct accepted_codings *a, const char *value, size_t len);
/* The best of what there is: `available` says which codings exist and `length` their sizes (the smaller of two that
 * are equally welcome wins; identity where it is short, or a coding no smaller, unless a weight was given to it). -1:
 * nothing acceptable. */
int codings_choose(const struct accepted_codings *a, const bool available[CODINGS], const uint32_t length[CODINGS]);

/* Whether an Accept header names text/html, and application/json not before it. "*" names nothing: programs send it. */
bool accept_prefers_html(const char *value, size_t len);
/* Whether this coding is as welcome as the chosen one, or, where that is -1, acceptable. */
bool codings_welcome(const struct accepted_codings *a, enum coding coding, int chosen);

/* Whether an If-None-Match header names the ETag (given with its quotes), or is "*". Weak comparison. */
bool etag_matches(const char *header, size_t len, const char *etag, size_t etag_len);

/* Catalogue-At-Least. */
struct at_least {
    enum { AT_LEAST_NOTHING, AT_LEAST_XID, AT_LEAST_VERSION } kind;
    uint64_t era, number;
};
/* false: malformed. */
bool at_least_parse(const char *value, size_t len, struct at_least *out);
/* Against what is applied: its era, version and snapshot. */
bool at_least_met(const struct at_least *a, uint64_t era, uint64_t version, const struct snapshot *applied);
