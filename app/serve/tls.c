#include "serve/tls.h"

#include "serve/tickets.h"

#include <h2o.h>
#include <openssl/err.h>

#define ROW(field, name, labels, kind, help)                                                                           \
    {                                                                                                                  \
        name, labels, kind, offsetof(struct tls_metrics, field), help                                                  \
    }
static const char handshakes_help[] = "TLS handshakes done, by whether they resumed a session";
const struct metric_row tls_metric_rows[] = {
    ROW(resumed, "atelier_tls_handshakes_total", "resumed=\"yes\"", METRIC_COUNTER, handshakes_help),
    ROW(full, "atelier_tls_handshakes_total", "resumed=\"no\"", METRIC_COUNTER, handshakes_help),
    ROW(errors, "atelier_tls_handshake_errors_total", NULL, METRIC_COUNTER,
        "TLS handshakes that failed; who only goes away is not counted"),
    ROW(expires, "atelier_tls_certificate_expires_timestamp_seconds", NULL, METRIC_GAUGE,
        "When the certificate in use ends, since 1970; 0: there is none"),
};
const size_t tls_metric_row_count = sizeof tls_metric_rows / sizeof *tls_metric_rows;

/* OpenSSL tells of steps of handshakes, on the worker's thread. One that only waits for the client ends
 * as one that has failed does, but without an error (libh2o clears them before). */
static void on_step(const SSL *ssl, int where, int result)
{
    struct tls_metrics *metrics = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    if (where & SSL_CB_HANDSHAKE_DONE) {
        metric_add(SSL_session_reused(ssl) ? &metrics->resumed : &metrics->full, 1);
    } else if (where == SSL_CB_ACCEPT_EXIT && result <= 0 && ERR_peek_error() != 0) {
        metric_add(&metrics->errors, 1);
    }
}

static bool refuse(const char *what, const char *file, struct error *e)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return error_set(e, ERROR_USAGE, "%s '%s' cannot be used: %s", what, file, reason ? reason : "unknown reason");
}

static bool load_certificate(SSL_CTX *context, const struct tls_files *files, struct error *e)
{
    if (SSL_CTX_use_certificate_chain_file(context, files->certificate) != 1) {
        return refuse("--tls-certificate", files->certificate, e);
    }
    if (SSL_CTX_use_PrivateKey_file(context, files->key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1) {
        return refuse("--tls-key", files->key, e);
    }
    return true;
}

static uint64_t expiry(const SSL_CTX *context)
{
    struct tm utc;
    const X509 *certificate = SSL_CTX_get0_certificate(context);
    return ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &utc) == 1 ? (uint64_t)timegm(&utc) : 0;
}

bool tls_context_new(SSL_CTX **out, const struct tls_files *files, struct tls_metrics *metrics, struct error *e)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (!context) {
        return error_set(e, ERROR_SYSTEM, "no memory for a TLS context");
    }
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    if (!load_certificate(context, files, e) ||
        (*files->ticket_keys && !tickets_use_keys(context, files->ticket_keys, e))) {
        SSL_CTX_free(context);
        return false;
    }
    h2o_ssl_register_alpn_protocols(context, h2o_alpn_protocols);
    SSL_CTX_set_app_data(context, metrics);
    SSL_CTX_set_info_callback(context, on_step);
    metric_set(&metrics->expires, expiry(context));
    *out = context;
    return true;
}
