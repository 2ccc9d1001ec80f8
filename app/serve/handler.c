/* The request's steps: limits → method → headers → path → look up → respond. */
#include "serve/exchange.h"

#include "base/clock.h"
#include "serve/assets.h"
#include "serve/request_id.h"

#include <inttypes.h>

struct handler {
    h2o_handler_t super;
};

#define IS_METHOD(req, name) h2o_memis((req)->method.base, (req)->method.len, H2O_STRLIT(name))

/* ---- headers -------------------------------------------------------------------------------- */

/* What a header means to us. false: it is not acceptable. */
typedef bool (*take_header)(struct exchange *x, h2o_iovec_t value);

static bool take_accept_encoding(struct exchange *x, h2o_iovec_t value)
{
    codings_add(&x->codings, value.base, value.len);
    return true;
}

static bool take_if_none_match(struct exchange *x, h2o_iovec_t value)
{
    if (x->validator_count < VALIDATORS_MAX) {
        x->validators[x->validator_count++] = value;
    }
    return true;
}

static bool take_at_least(struct exchange *x, h2o_iovec_t value)
{
    return at_least_parse(value.base, value.len, &x->at_least);
}

static bool take_request_id(struct exchange *x, h2o_iovec_t value)
{
    if (request_id_is_valid(value.base, value.len)) {
        x->request_id = value;
    }
    return true;
}

static bool take_last_event_id(struct exchange *x, h2o_iovec_t value)
{
    x->last_event_id = value;
    return true;
}

static bool take_traceparent(struct exchange *x, h2o_iovec_t value)
{
    if (traceparent_is_valid(value.base, value.len)) {
        x->traceparent = value;
    }
    return true;
}

static const struct {
    const char *name;
    size_t len;
    take_header take;
} named_headers[] = {
    {H2O_STRLIT("catalogue-at-least"), take_at_least},
    {H2O_STRLIT("x-request-id"), take_request_id},
    {H2O_STRLIT("traceparent"), take_traceparent},
    {H2O_STRLIT("last-event-id"), take_last_event_id},
};

static take_header find_header(const h2o_header_t *h)
{
    if (h->name == &H2O_TOKEN_ACCEPT_ENCODING->buf) {
        return take_accept_encoding;
    }
    if (h->name == &H2O_TOKEN_IF_NONE_MATCH->buf) {
        return take_if_none_match;
    }
    for (size_t i = 0; !h2o_iovec_is_token(h->name) && i < sizeof named_headers / sizeof *named_headers; i++) {
        if (h2o_memis(h->name->base, h->name->len, named_headers[i].name, named_headers[i].len)) {
            return named_headers[i].take;
        }
    }
    return NULL;
}

/* false: answered with a refusal. */
static bool take_headers(struct exchange *x)
{
    const h2o_headers_t *headers = &x->req->headers;
    size_t bytes = 0;
    const h2o_header_t *bad = NULL;
    for (size_t i = 0; i < headers->size; i++) {
        const h2o_header_t *h = &headers->entries[i];
        bytes += h->name->len + h->value.len;
        take_header take = find_header(h);
        if (take && !take(x, h->value)) {
            bad = h;
        }
    }
    if (bytes > HEADERS_MAX) {
        exchange_refuse(x, PROBLEM_HEADERS_TOO_LARGE, "%zu bytes of headers came; at most %d are accepted", bytes,
                        HEADERS_MAX);
        return false;
    }
    if (bad) {
        exchange_refuse(x, PROBLEM_BAD_HEADER, "%.*s: '%.*s' came; accepted: xid=N or version=ERA.N",
                        (int)bad->name->len, bad->name->base, (int)(bad->value.len < 60 ? bad->value.len : 60),
                        bad->value.base);
        return false;
    }
    return true;
}

/* ---- the steps ------------------------------------------------------------------------------ */

static bool within_limits(struct exchange *x)
{
    const h2o_req_t *req = x->req;
    if (req->path.len > URL_MAX) {
        exchange_refuse(x, PROBLEM_URI_TOO_LONG, "a URL of %zu bytes came; at most %d are accepted", req->path.len,
                        URL_MAX);
        return false;
    }
    if (req->entity.base && req->entity.len > BODY_MAX) {
        exchange_refuse(x, PROBLEM_BODY_TOO_LARGE, "a body of %zu bytes came; up to %d are ignored", req->entity.len,
                        BODY_MAX);
        return false;
    }
    return true;
}

static bool parse_target(struct exchange *x, struct refusal *why)
{
    const h2o_req_t *req = x->req;
    const char *query = req->query_at != SIZE_MAX ? req->path.base + req->query_at + 1 : NULL;
    size_t query_len = query ? req->path.len - req->query_at - 1 : 0;
    const char *prefix = x->worker->service->options->path_prefix;
    h2o_iovec_t path = req->path_normalized;
    size_t skip = path_prefix_length(prefix, path.base, path.len);
    x->prefix = skip > 0 ? prefix : "";
    path = skip < path.len ? h2o_iovec_init(path.base + skip, path.len - skip) : h2o_iovec_init(H2O_STRLIT("/"));
    return path_parse(path.base, path.len, query, query_len, &x->target, why);
}

enum route exchange_route(struct worker *w, h2o_req_t *req)
{
    struct exchange x = {.worker = w, .req = req};
    struct refusal why;
    if (!req->path_normalized.base) {
        return ROUTE_NONE;
    }
    (void)parse_target(&x, &why); /* a bad parameter is one of its route */
    return x.target.route == ROUTE_NONE && assets_find(&x) ? ROUTE_ASSET : x.target.route;
}

static bool take_target(struct exchange *x)
{
    struct refusal why;
    if (!parse_target(x, &why)) {
        exchange_refuse(x, PROBLEM_BAD_PARAMETER, "%s: '%s' came; accepted: %s", why.parameter, why.came, why.accepted);
        return false;
    }
    if (x->target.route == ROUTE_NONE && !assets_find(x)) {
        exchange_refuse(x, PROBLEM_NO_ROUTE, "there is no route here; / lists the routes");
        return false;
    }
    return true;
}

static void answer_from_memory(struct exchange *x)
{
    struct answer answer;
    exchange_look_up(x, false, &answer);
    if (answer.kind == ANSWER_WAIT) {
        if (exchange_wait(x)) {
            return;
        }
        exchange_look_up(x, true, &answer);
    }
    exchange_respond(x, &answer);
}

static void handle(struct exchange *x)
{
    x->target.route = ROUTE_NONE;
    codings_init(&x->codings);
    if (!take_headers(x) || !within_limits(x)) {
        return;
    }
    if (IS_METHOD(x->req, "OPTIONS")) {
        exchange_respond_options(x);
        return;
    }
    if (!x->head && !IS_METHOD(x->req, "GET")) {
        exchange_refuse(x, PROBLEM_METHOD, "%.*s came; accepted: GET, HEAD, OPTIONS",
                        (int)(x->req->method.len < 30 ? x->req->method.len : 30), x->req->method.base);
        return;
    }
    if (!take_target(x)) {
        return;
    }
    const struct web_file *file = assets_find(x);
    if (file) {
        exchange_respond_asset(x, file);
    } else if (x->target.route == ROUTE_EVENTS) {
        exchange_follow(x);
    } else {
        answer_from_memory(x);
    }
}

static int on_request(h2o_handler_t *self, h2o_req_t *req)
{
    (void)self;
    struct event_loop *loop = event_loop_of(req);
    struct exchange x;
    x.worker = H2O_STRUCT_FROM_MEMBER(struct worker, loop, loop);
    x.req = req;
    x.begun_us = clock_us();
    x.at_least.kind = AT_LEAST_NOTHING;
    x.validator_count = 0;
    x.request_id = x.traceparent = x.last_event_id = (h2o_iovec_t){0};
    x.prefix = "";
    x.missed = false;
    x.head = IS_METHOD(req, "HEAD");
    handle(&x);
    return 0;
}

void handler_register(h2o_hostconf_t *host)
{
    h2o_pathconf_t *path = h2o_config_register_path(host, "/", 0);
    h2o_create_handler(path, sizeof(struct handler))->on_req = on_request;
}
