#include "serve/http2_errors.h"

#include "base/metric.h"

#include <inttypes.h>

/* RFC 9113's names, by its codes. No error is none, and is left out. */
static const char *const names[H2O_HTTP2_ERROR_MAX] = {
    [-H2O_HTTP2_ERROR_PROTOCOL] = "protocol",
    [-H2O_HTTP2_ERROR_INTERNAL] = "internal",
    [-H2O_HTTP2_ERROR_FLOW_CONTROL] = "flow-control",
    [-H2O_HTTP2_ERROR_SETTINGS_TIMEOUT] = "settings-timeout",
    [-H2O_HTTP2_ERROR_STREAM_CLOSED] = "stream-closed",
    [-H2O_HTTP2_ERROR_FRAME_SIZE] = "frame-size",
    [-H2O_HTTP2_ERROR_REFUSED_STREAM] = "refused-stream",
    [-H2O_HTTP2_ERROR_CANCEL] = "cancel",
    [-H2O_HTTP2_ERROR_COMPRESSION] = "compression",
    [-H2O_HTTP2_ERROR_CONNECT] = "connect",
    [-H2O_HTTP2_ERROR_ENHANCE_YOUR_CALM] = "enhance-your-calm",
    [-H2O_HTTP2_ERROR_INADEQUATE_SECURITY] = "inadequate-security",
};

/* The library counts with plain words on the loop's thread; whole ones are read. */
static uint64_t look(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

void http2_errors_add(struct http2_errors *to, const struct event_loop *loop)
{
    for (size_t i = 0; i < GENERATIONS; i++) {
        const h2o_context_t *context = &loop->generations[i].context;
        for (size_t kind = 0; kind < H2O_HTTP2_ERROR_MAX; kind++) {
            to->kinds[kind] += look(&context->http2.events.protocol_level_errors[kind]);
        }
        to->write_closed += look(&context->http2.events.write_closed);
    }
}

void http2_errors_print(const struct http2_errors *errors, struct text *out)
{
    metric_print_header(out, "atelier_http2_errors_total", METRIC_COUNTER,
                        "Errors that ended an HTTP/2 stream or connection from here, and connections that broke while"
                        " an answer was written (write-closed)");
    for (size_t kind = 0; kind < H2O_HTTP2_ERROR_MAX; kind++) {
        if (names[kind]) {
            text_printf(out, "atelier_http2_errors_total{kind=\"%s\"} %" PRIu64 "\n", names[kind], errors->kinds[kind]);
        }
    }
    text_printf(out, "atelier_http2_errors_total{kind=\"write-closed\"} %" PRIu64 "\n", errors->write_closed);
}
