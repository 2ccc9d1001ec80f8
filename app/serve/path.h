/* What a request asks for, from its path and query. Pure: bytes in, a target or an error out. */
#pragma once
#include "catalog/limits.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum route {
    ROUTE_INDEX,
    ROUTE_OPENAPI,
    ROUTE_LIST,
    ROUTE_PRODUCT,
    ROUTE_STYLES,
    ROUTE_RELATED,
    ROUTE_RELATED_CARDS,
    ROUTE_FULL,
    ROUTE_EVENTS,
    ROUTE_ASSET, /* of the pages: assets.h */
    ROUTE_NONE,
    ROUTES
};
extern const char *const route_names[ROUTES]; /* for metrics and logs */

enum list_kind { LIST_PAGE, LIST_AFTER, LIST_IDS };

struct target {
    enum route route;
    int64_t id; /* of the product */
    enum list_kind list;
    int64_t page, after, count;
    int64_t ids[LIST_IDS_MAX];
    size_t id_count;
};

/* Why a target is refused, in the contract's words. */
struct refusal {
    const char *parameter;
    char came[64];        /* what came, cut to fit */
    const char *accepted; /* what is accepted */
};

/* A prefix that routes answer under, too: empty, or segments of unreserved characters, each with '/' before it, in all
 * at most PATH_PREFIX_MAX bytes; the first one is not "products". */
enum { PATH_PREFIX_MAX = 128 };
bool path_prefix_is_valid(const char *prefix);
/* How much of the path is the prefix, a valid one; 0: it does not begin with it. */
size_t path_prefix_length(const char *prefix, const char *path, size_t path_len);

/* `path` is normalised and decoded, without the query; `query` is as sent, without '?', and at most URL_MAX long. A
 * path that is no route is ROUTE_NONE and no error. false: a parameter is not acceptable, and `why` says which. */
bool path_parse(const char *path, size_t path_len, const char *query, size_t query_len, struct target *out,
                struct refusal *why);
