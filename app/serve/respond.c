/* Responding: headers and body onto libh2o. Header values must live as long as the request, so what
 * is not constant is written into its pool. */
#include "serve/exchange.h"

#include "base/clock.h"
#include "serve/request_id.h"

#include <inttypes.h>
#include <stdarg.h>

enum { HEADERS_USUAL = 12 }; /* room made at once for those of a 200 */

static h2o_generator_t no_generator; /* with FINAL, libh2o calls neither of its callbacks */

/* As h2o_add_header, inlined. `name` is a token's or static: it costs neither a look-up nor an allocation. */
static void add(h2o_req_t *req, const h2o_iovec_t *name, const char *value, size_t len)
{
    h2o_headers_t *headers = &req->res.headers;
    h2o_vector_reserve(&req->pool, headers, headers->size + 1);
    headers->entries[headers->size++] =
        (h2o_header_t){.name = (h2o_iovec_t *)(uintptr_t)name, .value = h2o_iovec_init(value, len)};
}

static void add_token(h2o_req_t *req, const h2o_token_t *token, const char *value, size_t len)
{
    add(req, &token->buf, value, len);
}

#define ADD_NAMED(req, name, ...)                                                                                      \
    do {                                                                                                               \
        static const h2o_iovec_t name_ = {"" name, sizeof name - 1};                                                   \
        add(req, &name_, __VA_ARGS__);                                                                                 \
    } while (0)

static const char *to_pool(h2o_req_t *req, const char *bytes, size_t len)
{
    return memcpy(h2o_mem_alloc_pool(&req->pool, len), bytes, len);
}

/* ---- headers of every answer ---------------------------------------------------------------- */

static void add_ids(struct exchange *x)
{
    h2o_req_t *req = x->req;
    h2o_iovec_t id = x->request_id;
    h2o_iovec_t trace = x->traceparent;
    char *made = h2o_mem_alloc_pool(&req->pool, REQUEST_ID_LENGTH + TRACEPARENT_LENGTH);
    if (!id.base) {
        request_id_make(made, worker_random(x->worker), worker_random(x->worker));
        id = h2o_iovec_init(made, REQUEST_ID_LENGTH);
    }
    if (!trace.base) {
        made += REQUEST_ID_LENGTH;
        traceparent_make(made, worker_random(x->worker), worker_random(x->worker), worker_random(x->worker));
        trace = h2o_iovec_init(made, TRACEPARENT_LENGTH);
    }
    ADD_NAMED(req, "x-request-id", id.base, id.len);
    ADD_NAMED(req, "traceparent", trace.base, trace.len);
}

void exchange_add_common(struct exchange *x)
{
    if (x->target.route == ROUTE_INDEX) { /* the storefront, for those who prefer a page */
        add_token(x->req, H2O_TOKEN_VARY, H2O_STRLIT("Accept, Accept-Encoding"));
    } else {
        add_token(x->req, H2O_TOKEN_VARY, H2O_STRLIT("Accept-Encoding"));
    }
    add_token(x->req, H2O_TOKEN_ACCESS_CONTROL_ALLOW_ORIGIN, H2O_STRLIT("*"));
    ADD_NAMED(x->req, "access-control-expose-headers",
              H2O_STRLIT("ETag, Link, Catalogue-Version, Cache-Status, X-Request-Id"));
    add_ids(x);
}

/* The last one is kept, formatted: it changes only when something changed in Postgres. */
static void add_version(struct exchange *x, const struct answer *a)
{
    struct worker *w = x->worker;
    if (w->version_len == 0 || w->version_era != a->era || w->version_number != a->version) {
        w->version_len = (size_t)snprintf(w->version, sizeof w->version, "%" PRIu64 ".%" PRIu64, a->era, a->version);
        w->version_era = a->era;
        w->version_number = a->version;
    }
    ADD_NAMED(x->req, "catalogue-version", to_pool(x->req, w->version, w->version_len), w->version_len);
}

/* RFC 9211; only when something is out of the ordinary. */
static void add_cache_status(struct exchange *x, const struct answer *a)
{
    char text[64];
    int64_t stale_s = a->stale_s > 0 ? a->stale_s : 1;
    int len = snprintf(text, sizeof text, "atelier; hit; ttl=-%" PRId64 "; detail=%s", stale_s,
                       a->unproven ? "unproven" : "marked");
    ADD_NAMED(x->req, "cache-status", to_pool(x->req, text, (size_t)len), (size_t)len);
    metric_add_own(a->unproven ? &x->worker->metrics.served_unproven : &x->worker->metrics.served_marked, 1);
}

static void add_freshness(struct exchange *x, const struct answer *a)
{
    if (a->versioned) {
        add_version(x, a);
        if (a->marked || a->unproven) {
            add_cache_status(x, a);
        } else if (x->missed && a->kind == ANSWER_BODY) {
            /* A fetch is for all who wait for it. */
            ADD_NAMED(x->req, "cache-status", H2O_STRLIT("atelier; fwd=miss; collapsed"));
        }
    }
}

void exchange_finish(struct exchange *x, int status, const char *reason, h2o_iovec_t *parts, size_t count,
                     size_t length)
{
    h2o_req_t *req = x->req;
    worker_count_request(x->worker, x->target.route, status, clock_us() - x->begun_us);
    req->res.status = status;
    req->res.reason = reason;
    bool empty = status == 304 || status == 204;
    req->res.content_length = empty ? SIZE_MAX : length;
    count = empty || x->head ? 0 : count;
    metric_add_own(&x->worker->metrics.bytes, count > 0 ? length : 0);
    h2o_start_response(req, &no_generator);
    h2o_send(req, parts, count, H2O_SEND_STATE_FINAL);
}

/* ---- answers -------------------------------------------------------------------------------- */

static void respond_problem(struct exchange *x, enum problem p, const char *detail, const struct answer *a)
{
    const struct problem_row *row = &problem_rows[p];
    h2o_req_t *req = x->req;
    struct text body = {0};
    problem_body(&body, p, detail, req->path.base, req->path.len < 256 ? req->path.len : 256);
    h2o_iovec_t sent = h2o_strdup(&req->pool, body.failed ? "{}" : body.at, body.failed ? 2 : body.len);
    text_fini(&body);
    add_token(req, H2O_TOKEN_CONTENT_TYPE, H2O_STRLIT("application/problem+json"));
    add_token(req, H2O_TOKEN_CACHE_CONTROL, H2O_STRLIT("no-store"));
    if (row->retry) {
        add_token(req, H2O_TOKEN_RETRY_AFTER, H2O_STRLIT("1"));
    }
    if (p == PROBLEM_METHOD) {
        add_token(req, H2O_TOKEN_ALLOW, H2O_STRLIT("GET, HEAD, OPTIONS"));
    }
    exchange_add_common(x);
    if (a) {
        add_freshness(x, a);
    }
    exchange_finish(x, row->status, row->reason, &sent, 1, sent.len);
}

static void respond_body(struct exchange *x, struct answer *a)
{
    h2o_req_t *req = x->req;
    const char *cache_control = x->worker->tuning.cache_control;
    h2o_vector_reserve(&req->pool, &req->res.headers, HEADERS_USUAL);
    add_token(req, H2O_TOKEN_CONTENT_TYPE, H2O_STRLIT("application/json; charset=utf-8"));
    if (a->coding != CODING_IDENTITY) {
        static const h2o_iovec_t names[CODINGS] = {
            [CODING_GZIP] = {H2O_STRLIT("gzip")}, [CODING_BROTLI] = {H2O_STRLIT("br")}};
        add_token(req, H2O_TOKEN_CONTENT_ENCODING, names[a->coding].base, names[a->coding].len);
    }
    add_token(req, H2O_TOKEN_ETAG, to_pool(req, a->etag, a->etag_len), a->etag_len);
    add_token(req, H2O_TOKEN_CACHE_CONTROL, cache_control, strlen(cache_control));
    if (a->link.base) {
        add_token(req, H2O_TOKEN_LINK, a->link.base, a->link.len);
    }
    exchange_add_common(x);
    add_freshness(x, a);
    if (a->not_modified) {
        exchange_finish(x, 304, "Not Modified", NULL, 0, 0);
    } else {
        exchange_finish(x, 200, "OK", a->parts, a->part_count, a->length);
    }
}

void exchange_respond(struct exchange *x, struct answer *a)
{
    if (a->kind == ANSWER_BODY) {
        respond_body(x, a);
    } else {
        respond_problem(x, a->problem, a->detail, a);
    }
}

void exchange_refuse(struct exchange *x, enum problem p, const char *format, ...)
{
    char detail[512];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    respond_problem(x, p, detail, NULL);
}

void exchange_begin_events(struct exchange *x, h2o_generator_t *generator)
{
    h2o_req_t *req = x->req;
    worker_count_request(x->worker, x->target.route, 200, clock_us() - x->begun_us);
    req->res.status = 200;
    req->res.reason = "OK";
    add_token(req, H2O_TOKEN_CONTENT_TYPE, H2O_STRLIT("text/event-stream"));
    add_token(req, H2O_TOKEN_CACHE_CONTROL, H2O_STRLIT("no-store"));
    ADD_NAMED(req, "x-accel-buffering", H2O_STRLIT("no")); /* NGINX passes on each event at once */
    exchange_add_common(x);
    h2o_start_response(req, generator);
}

void exchange_respond_options(struct exchange *x)
{
    add_token(x->req, H2O_TOKEN_ALLOW, H2O_STRLIT("GET, HEAD, OPTIONS"));
    ADD_NAMED(x->req, "access-control-allow-methods", H2O_STRLIT("GET, HEAD, OPTIONS"));
    ADD_NAMED(x->req, "access-control-allow-headers",
              H2O_STRLIT("Authorization, Content-Type, If-None-Match, Catalogue-At-Least, Last-Event-ID"));
    ADD_NAMED(x->req, "access-control-max-age", H2O_STRLIT("86400"));
    exchange_add_common(x);
    exchange_finish(x, 204, "No Content", NULL, 0, 0);
}
