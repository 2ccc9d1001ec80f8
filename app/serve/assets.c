#include "serve/assets.h"

#include "serve/lookup.h"

#include <string.h>

/* A page loads what this server has, and pictures from wherever the catalogue says; nothing in it is ever parsed as
 * markup or run that did not come as a file of this program. */
#define PAGE_POLICY                                                                                                    \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src * data:; connect-src 'self'; base-uri 'none'; "  \
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
#define FOREVER "public, max-age=31536000, immutable"

static const char folder[] = "/assets/";

/* ---- finding -------------------------------------------------------------------------------- */

static bool is(const char *at, size_t len, const char *word)
{
    return len == strlen(word) && memcmp(at, word, len) == 0;
}

/* Whether this is NAME.HASH.EXTENSION for a file that is NAME.EXTENSION here. */
static bool is_another_version(const char *at, size_t len, const char *name)
{
    const char *dot = strchr(name, '.');
    if (!dot) {
        return false; /* a page: its path has no hash */
    }
    size_t stem = (size_t)(dot - name) + 1;
    size_t tail = strlen(dot);
    return len > stem + tail && memcmp(at, name, stem) == 0 && memcmp(at + len - tail, dot, tail) == 0 &&
           !memchr(at + stem, '.', len - stem - tail) && !memchr(at + stem, '/', len - stem - tail);
}

static const struct web_file *find_path(const char *path, size_t len)
{
    const size_t prefix = sizeof folder - 1;
    if (len > 1 && path[len - 1] == '/') {
        len--;
    }
    for (uint32_t i = 0; i < web_file_count; i++) {
        if (is(path, len, web_files[i].path)) {
            return &web_files[i];
        }
    }
    bool inside = len > prefix && memcmp(path, folder, prefix) == 0;
    for (uint32_t i = 0; inside && i < web_file_count; i++) {
        if (is_another_version(path + prefix, len - prefix, web_files[i].name)) {
            return &web_files[i];
        }
    }
    return NULL;
}

static bool prefers_html(const h2o_req_t *req)
{
    ssize_t at = h2o_find_header(&req->headers, H2O_TOKEN_ACCEPT, -1);
    return at >= 0 && accept_prefers_html(req->headers.entries[at].value.base, req->headers.entries[at].value.len);
}

const struct web_file *assets_find(const struct exchange *x)
{
    h2o_iovec_t path = x->req->path_normalized;
    if (*x->prefix) {
        return NULL;
    }
    if (x->target.route == ROUTE_INDEX) {
        return prefers_html(x->req) ? find_path("/", 1) : NULL;
    }
    return x->target.route == ROUTE_NONE ? find_path(path.base, path.len) : NULL;
}

/* ---- answering ------------------------------------------------------------------------------ */

static void add(struct exchange *x, const char *name, const char *value)
{
    h2o_add_header_by_str(&x->req->pool, &x->req->res.headers, name, strlen(name), 1, NULL, value, strlen(value));
}

/* Pages are looked at anew each time; a file is the same for ever under the name that has its hash. */
static void add_headers(struct exchange *x, const struct web_file *file, const struct answer *a)
{
    static const char *const names[CODINGS] = {[CODING_GZIP] = "gzip", [CODING_BROTLI] = "br"};
    h2o_req_t *req = x->req;
    bool exact = is(req->path_normalized.base, req->path_normalized.len, file->path);
    add(x, "content-type", file->type);
    if (names[a->coding]) {
        add(x, "content-encoding", names[a->coding]);
    }
    char *etag = h2o_mem_alloc_pool(&req->pool, a->etag_len);
    memcpy(etag, a->etag, a->etag_len);
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_ETAG, NULL, etag, a->etag_len);
    add(x, "cache-control", *file->name && exact ? FOREVER : "no-cache");
    add(x, "x-content-type-options", "nosniff");
    if (!*file->name) {
        add(x, "content-security-policy", PAGE_POLICY);
        add(x, "referrer-policy", "no-referrer");
    }
    exchange_add_common(x);
}

void exchange_respond_asset(struct exchange *x, const struct web_file *file)
{
    const struct web_bytes *coded[CODINGS] = {
        [CODING_IDENTITY] = &file->identity, [CODING_GZIP] = &file->gzip, [CODING_BROTLI] = &file->brotli};
    bool available[CODINGS];
    uint32_t lengths[CODINGS];
    struct answer a = {0};
    for (int i = 0; i < CODINGS; i++) {
        available[i] = coded[i] && coded[i]->at;
        lengths[i] = available[i] ? coded[i]->length : 0;
    }
    x->target.route = x->target.route == ROUTE_NONE ? ROUTE_ASSET : x->target.route;
    if (!answer_choose(x, &a, available, lengths, file->hash)) {
        exchange_respond(x, &a);
        return;
    }
    add_headers(x, file, &a);
    h2o_iovec_t body = h2o_iovec_init(coded[a.coding]->at, coded[a.coding]->length);
    if (a.not_modified) {
        exchange_finish(x, 304, "Not Modified", NULL, 0, 0);
    } else {
        exchange_finish(x, 200, "OK", &body, 1, body.len);
    }
}
