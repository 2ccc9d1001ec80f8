#include "serve/access_log.h"

#include "serve/exchange.h"

#include <inttypes.h>

static int64_t us_between(const struct timeval *from, const struct timeval *to)
{
    return (int64_t)(to->tv_sec - from->tv_sec) * 1000000 + (to->tv_usec - from->tv_usec);
}

/* A response header's value, as a C string in the request's pool. */
static const char *header(h2o_req_t *req, const char *name)
{
    ssize_t at = h2o_find_header_by_str(&req->res.headers, name, strlen(name), -1);
    if (at < 0) {
        return "";
    }
    h2o_iovec_t value = req->res.headers.entries[at].value;
    return h2o_strdup(&req->pool, value.base, value.len).base;
}

static const char *client(h2o_req_t *req)
{
    struct sockaddr_storage address;
    char host[NI_MAXHOST];
    socklen_t len = req->conn->callbacks->get_peername(req->conn, (struct sockaddr *)&address);
    size_t host_len = len ? h2o_socket_getnumerichost((struct sockaddr *)&address, len, host) : SIZE_MAX;
    return host_len == SIZE_MAX ? "" : h2o_strdup(&req->pool, host, host_len).base;
}

static void write_line(struct worker *w, h2o_req_t *req)
{
    const char *method = h2o_strdup(&req->pool, req->method.base, req->method.len).base;
    const char *path = h2o_strdup(&req->pool, req->path.base, req->path.len < 512 ? req->path.len : 512).base;
    log_at(req->res.status >= 500 ? LOG_WARN : LOG_INFO, "request", LOG_STR("id", header(req, "x-request-id")),
           LOG_STR("traceparent", header(req, "traceparent")), LOG_STR("client", client(req)),
           LOG_STR("method", method), LOG_STR("route", route_names[exchange_route(w, req)]), LOG_STR("path", path),
           LOG_INT("http", req->version >> 8), LOG_INT("status", req->res.status), LOG_INT("bytes", req->bytes_sent),
           LOG_INT("us", us_between(&req->timestamps.request_begin_at, &req->timestamps.response_end_at)),
           LOG_STR("version", header(req, "catalogue-version")));
}

static void on_logged(h2o_logger_t *self, h2o_req_t *req)
{
    (void)self;
    struct event_loop *loop = event_loop_of(req);
    struct worker *w = H2O_STRUCT_FROM_MEMBER(struct worker, loop, loop);
    int64_t every = w->tuning.access_log_sample;
    bool sampled = every > 0 && ++w->log_turn % (uint64_t)every == 0;
    if (sampled || req->res.status >= 500) {
        write_line(w, req);
    }
}

void access_log_register(h2o_pathconf_t *path)
{
    h2o_create_logger(path, sizeof(h2o_logger_t))->log_access = on_logged;
}
