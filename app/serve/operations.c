#include "serve/operations.h"

#include "serve/problem.h"
#include "web/files.h"

/* The page loads what this program has, and asks the other replicas; nothing in it is parsed as markup. */
#define POLICY_BEFORE "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' "
#define POLICY_AFTER                                                                                                   \
    "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script';"               \
    " trusted-types 'none'"

struct handler {
    h2o_handler_t super;
    const struct operations_route *routes;
    size_t count;
    void *context;
    h2o_iovec_t policy;
};

static h2o_generator_t no_generator;

static void respond(h2o_req_t *req, int status, const char *type, struct text *body)
{
    h2o_iovec_t sent = h2o_strdup(&req->pool, body->failed ? "" : body->at, body->failed ? 0 : body->len);
    text_fini(body);
    bool head = h2o_memis(req->method.base, req->method.len, H2O_STRLIT("HEAD"));
    req->res.status = status;
    req->res.reason = status == 200 ? "OK" : status == 503 ? "Service Unavailable" : "Not OK";
    req->res.content_length = sent.len;
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, type, strlen(type));
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CACHE_CONTROL, NULL, H2O_STRLIT("no-store"));
    h2o_add_header_by_str(&req->pool, &req->res.headers, H2O_STRLIT("access-control-allow-origin"), 0, NULL,
                          H2O_STRLIT("*"));
    h2o_add_header_by_str(&req->pool, &req->res.headers, H2O_STRLIT("x-content-type-options"), 0, NULL,
                          H2O_STRLIT("nosniff"));
    h2o_start_response(req, &no_generator);
    h2o_send(req, &sent, head || sent.len == 0 ? 0 : 1, H2O_SEND_STATE_FINAL);
}

static void refuse(h2o_req_t *req, enum problem p, const char *detail)
{
    struct text body = {0};
    problem_body(&body, p, detail, req->path.base, req->path.len < 256 ? req->path.len : 256);
    respond(req, problem_rows[p].status, "application/problem+json", &body);
}

static bool is_path(const h2o_req_t *req, const char *path)
{
    return h2o_memis(req->path_normalized.base, req->path_normalized.len, path, strlen(path));
}

static bool respond_file(const struct handler *h, h2o_req_t *req)
{
    for (uint32_t i = 0; i < operations_file_count; i++) {
        const struct web_file *file = &operations_files[i];
        if (is_path(req, file->path)) {
            struct text body = {0};
            text_add(&body, file->identity.at, file->identity.length);
            if (!*file->name) {
                h2o_add_header_by_str(&req->pool, &req->res.headers, H2O_STRLIT("content-security-policy"), 0, NULL,
                                      h->policy.base, h->policy.len);
            }
            respond(req, 200, file->type, &body);
            return true;
        }
    }
    return false;
}

static int on_request(h2o_handler_t *self, h2o_req_t *req)
{
    struct handler *h = (struct handler *)self;
    if (!h2o_memis(req->method.base, req->method.len, H2O_STRLIT("GET")) &&
        !h2o_memis(req->method.base, req->method.len, H2O_STRLIT("HEAD"))) {
        h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_ALLOW, NULL, H2O_STRLIT("GET, HEAD"));
        refuse(req, PROBLEM_METHOD, "accepted: GET, HEAD");
        return 0;
    }
    for (size_t i = 0; i < h->count; i++) {
        const struct operations_route *r = &h->routes[i];
        if (is_path(req, r->path)) {
            struct text body = {0};
            int status = r->answer(h->context, &body);
            respond(req, status, r->content_type, &body);
            return 0;
        }
    }
    if (!respond_file(h, req)) {
        refuse(req, PROBLEM_NO_ROUTE, "here are /, /healthz, /readyz, /metrics and /status");
    }
    return 0;
}

void operations_register(h2o_hostconf_t *host, const struct operations_route *routes, size_t count, void *context,
                         const char *peers)
{
    h2o_pathconf_t *path = h2o_config_register_path(host, "/", 0);
    struct handler *h = (struct handler *)h2o_create_handler(path, sizeof *h);
    h->super.on_req = on_request;
    h->routes = routes;
    h->count = count;
    h->context = context;
    h->policy = h2o_concat(NULL, h2o_iovec_init(H2O_STRLIT(POLICY_BEFORE)), h2o_iovec_init(peers, strlen(peers)),
                           h2o_iovec_init(H2O_STRLIT(POLICY_AFTER)));
}
