#include "serve/library_errors.h"

#include "serve/exchange.h"

struct replaced {
    h2o_ostream_t super;
    h2o_iovec_t body;
};

static void send_replaced(h2o_ostream_t *stream, h2o_req_t *req, h2o_iovec_t *bufs, size_t count,
                          h2o_send_state_t state)
{
    struct replaced *r = (struct replaced *)stream;
    (void)bufs;
    bool body = count > 0 && r->body.len > 0;
    h2o_ostream_send_next(stream, req, &r->body, body, state);
    r->body.len = 0;
}

static h2o_iovec_t make_body(h2o_req_t *req, int status)
{
    struct text text = {0};
    enum problem p = problem_for_status(status);
    problem_body(&text, p, problem_rows[p].title, req->path.base ? req->path.base : "",
                 req->path.len < 256 ? req->path.len : 256);
    h2o_iovec_t body = h2o_strdup(&req->pool, text.failed ? "{}" : text.at, text.failed ? 2 : text.len);
    text_fini(&text);
    return body;
}

static void on_setup_ostream(h2o_filter_t *self, h2o_req_t *req, h2o_ostream_t **slot)
{
    (void)self;
    if (req->res.status >= 400) {
        struct replaced *r = (struct replaced *)h2o_add_ostream(req, sizeof *r, slot);
        r->super.do_send = send_replaced;
        r->body = make_body(req, req->res.status);
        slot = &r->super.next;
        req->res.content_length = r->body.len;
        req->res.headers = (h2o_headers_t){0};
        h2o_headers_t *headers = &req->res.headers;
        h2o_add_header(&req->pool, headers, H2O_TOKEN_CONTENT_TYPE, NULL, H2O_STRLIT("application/problem+json"));
        h2o_add_header(&req->pool, headers, H2O_TOKEN_CACHE_CONTROL, NULL, H2O_STRLIT("no-store"));
        struct event_loop *loop = event_loop_of(req);
        struct exchange x = {.worker = H2O_STRUCT_FROM_MEMBER(struct worker, loop, loop), .req = req};
        exchange_add_common(&x);
    }
    h2o_setup_next_ostream(req, slot);
}

void library_errors_register(h2o_hostconf_t *host)
{
    /* Requests that never reach a handler belong to the fallback path. */
    h2o_create_filter(&host->fallback_path, sizeof(h2o_filter_t))->on_setup_ostream = on_setup_ostream;
}
