/* TLS contexts: certificate, key, ticket keys; and what is counted of handshakes. */
#pragma once
#include "base/error.h"
#include "base/metric.h"
#include <openssl/ssl.h>

struct tls_files {
    const char *certificate, *key;
    const char *ticket_keys; /* empty: a key of its own */
};

struct tls_metrics {
    metric full, resumed, errors; /* handshakes */
    metric expires;               /* the certificate, in seconds since 1970 */
};
extern const struct metric_row tls_metric_rows[];
extern const size_t tls_metric_row_count;

/* TLS 1.2 and 1.3, ALPN h2 and http/1.1, with the files as they are now. Handshakes are counted in
 * `metrics`, which must outlive the context; if that is made, `expires` is its certificate's. Any thread; the context
 * serves any number of threads. */
MUST_CHECK bool tls_context_new(SSL_CTX **out, const struct tls_files *files, struct tls_metrics *metrics,
                                struct error *e);
