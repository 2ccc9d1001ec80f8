/* Errors of HTTP/2 as libh2o counts them, a table of kinds. */
#pragma once
#include "base/text.h"
#include "serve/event_loop.h"

/* Of one loop; any thread. */
struct http2_errors {
    uint64_t kinds[H2O_HTTP2_ERROR_MAX], write_closed;
};
void http2_errors_add(struct http2_errors *to, const struct event_loop *loop);
void http2_errors_print(const struct http2_errors *errors, struct text *out);
