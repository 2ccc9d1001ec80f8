/* The index, / : the routes of this server. */
#include "serve/lookup.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

/* URI templates (RFC 6570). */
static const char *const templates[] = {"/products{?page,count}",
                                        "/products{?after,count}",
                                        "/products{?ids}",
                                        "/products/{id}",
                                        "/products/{id}/styles",
                                        "/products/{id}/related",
                                        "/products/{id}/related/cards",
                                        "/products/{id}/full",
                                        "/events{?ids}",
                                        "/openapi.json"};
enum {
    TEMPLATES = sizeof templates / sizeof *templates,
    TEMPLATE_MAX = 32,
    INDEX_MAX = TEMPLATES * (PATH_PREFIX_MAX + TEMPLATE_MAX) + 16
};

static size_t write_index(const char *prefix, char out[INDEX_MAX])
{
    size_t len = 0;
    for (size_t i = 0; i < TEMPLATES; i++) {
        len += (size_t)snprintf(out + len, INDEX_MAX - len, "%s\"%s%s\"", i == 0 ? "{\"routes\":[" : ",", prefix,
                                templates[i]);
    }
    return len + (size_t)snprintf(out + len, INDEX_MAX - len, "]}");
}

void look_up_index(struct exchange *x, struct answer *a)
{
    static const bool available[CODINGS] = {[CODING_IDENTITY] = true};
    char hash[HASH_HEX];
    char *body = h2o_mem_alloc_pool(&x->req->pool, INDEX_MAX);
    size_t len = write_index(x->prefix, body);
    const uint32_t length[CODINGS] = {[CODING_IDENTITY] = (uint32_t)len};
    XXH128_hash_t h = XXH3_128bits(body, len);
    hash_to_hex(h.high64, h.low64, hash);
    if (answer_choose(x, a, available, length, hash) && !a->not_modified && !x->head) {
        a->parts[0] = h2o_iovec_init(body, len);
        a->part_count = 1;
    }
}
