/* Bare libh2o: the least that can be done to answer these documents over HTTP with these heads, and so the ceiling for
 * the real server. One thread; the document is found by the id in the path; the head is a copy of one made in
 * advance, with three values of its own; the body is sent from where it lies. Nothing is negotiated, checked or
 * ever changed. */
#include "documents.h"

#include "base/option.h"
#include "serve/listen.h"
#include "serve/request_id.h"
#include "serve/tls.h"

#include <h2o.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum { HEADERS_MAX = 24 };

struct options {
    const char *listen, *listen_tls, *certificate, *key, *documents, *head;
    int64_t spare;
};

#define AT(field) offsetof(struct options, field)
static const struct option_row rows[] = {
    {"listen", OPTION_STRING, AT(listen), "127.0.0.1:9001", 0, 0, "HOST:PORT", "HTTP/1.1 and h2c"},
    {"listen-tls", OPTION_STRING, AT(listen_tls), "127.0.0.1:9441", 0, 0, "HOST:PORT", "HTTP/1.1 and HTTP/2 over TLS"},
    {"tls-certificate", OPTION_STRING, AT(certificate), "", 0, 0, "FILE", "Certificate chain, PEM"},
    {"tls-key", OPTION_STRING, AT(key), "", 0, 0, "FILE", "Private key, PEM"},
    {"documents", OPTION_STRING, AT(documents), "", 0, 0, "FILE", "ID LENGTH ETAG, newline, LENGTH bytes, and so on"},
    {"head", OPTION_STRING, AT(head), "", 0, 0, "FILE",
     "Response headers, 'name: value' a line; of etag, x-request-id and traceparent only the name counts"},
    {"spare", OPTION_INT, AT(spare), "0", 0, 1 << 20, "BYTES", "Allocated after each document, never touched"},
};
static const struct option_table table = {
    .program = "bare-h2o",
    .usage = "--documents FILE --head FILE [OPTION …]",
    .purpose = "Answers documents from memory with bare libh2o: the ceiling that infra/bench compares with.",
    .env_prefix = "BARE_H2O",
    .rows = rows,
    .count = sizeof rows / sizeof *rows,
};

static struct {
    struct documents documents;
    h2o_header_t head[HEADERS_MAX];
    size_t head_count, etag_at, request_id_at, traceparent_at;
    uint64_t random[2];
} bare;

/* ---- the head ------------------------------------------------------------------------------- */

static size_t *place_of(const char *name)
{
    const struct {
        const char *name;
        size_t *at;
    } own[] = {{"etag", &bare.etag_at}, {"x-request-id", &bare.request_id_at}, {"traceparent", &bare.traceparent_at}};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (strcmp(name, own[i].name) == 0) {
            return own[i].at;
        }
    }
    return NULL;
}

static bool add_header(char *line)
{
    char *colon = strstr(line, ": ");
    if (!colon || bare.head_count == HEADERS_MAX) {
        return false;
    }
    *colon = '\0';
    h2o_iovec_t value = h2o_strdup(NULL, colon + 2, SIZE_MAX);
    size_t *place = place_of(line);
    const h2o_token_t *token = h2o_lookup_token(line, strlen(line));
    h2o_iovec_t *name = token ? (h2o_iovec_t *)(uintptr_t)&token->buf : h2o_mem_alloc(sizeof *name);
    if (!token) {
        *name = h2o_strdup(NULL, line, SIZE_MAX);
    }
    if (place) {
        *place = bare.head_count;
    }
    bare.head[bare.head_count++] = (h2o_header_t){.name = name, .value = value};
    return true;
}

static bool read_head(const char *file, struct error *e)
{
    char line[512];
    bool ok = true;
    FILE *in = fopen(file, "r");
    if (!in) {
        return error_errno(e, "--head: cannot read '%s'", file);
    }
    bare.etag_at = bare.request_id_at = bare.traceparent_at = SIZE_MAX;
    while (ok && fgets(line, sizeof line, in)) {
        line[strcspn(line, "\r\n")] = '\0';
        ok = add_header(line);
    }
    fclose(in);
    if (!ok || bare.etag_at == SIZE_MAX || bare.request_id_at == SIZE_MAX || bare.traceparent_at == SIZE_MAX) {
        return error_set(e, ERROR_DATA,
                         "--head: '%s' is not at most %d lines 'name: value' with etag, x-request-id and "
                         "traceparent among them",
                         file, HEADERS_MAX);
    }
    return true;
}

/* ---- requests ------------------------------------------------------------------------------- */

/* As the server does it: xoroshiro128+. */
static uint64_t next_random(void)
{
    uint64_t a = bare.random[0];
    uint64_t b = bare.random[1];
    uint64_t result = a + b;
    b ^= a;
    bare.random[0] = ((a << 24) | (a >> 40)) ^ b ^ (b << 16);
    bare.random[1] = (b << 37) | (b >> 27);
    return result;
}

/* /products/ID or /products/ID/anything; -1: neither. */
static int64_t id_of(h2o_iovec_t path)
{
    static const char prefix[] = "/products/";
    const size_t from = sizeof prefix - 1;
    int64_t id = 0;
    size_t i = from;
    if (path.len <= from || memcmp(path.base, prefix, from) != 0) {
        return -1;
    }
    while (i < path.len && i < from + 18 && path.base[i] >= '0' && path.base[i] <= '9') {
        id = id * 10 + (path.base[i++] - '0');
    }
    return i > from && (i == path.len || path.base[i] == '/') ? id : -1;
}

static void set_head(h2o_req_t *req, const struct document *d)
{
    h2o_headers_t *headers = &req->res.headers;
    char *made = h2o_mem_alloc_pool(&req->pool, REQUEST_ID_LENGTH + TRACEPARENT_LENGTH);
    request_id_make(made, next_random(), next_random());
    traceparent_make(made + REQUEST_ID_LENGTH, next_random(), next_random(), next_random());
    h2o_vector_reserve(&req->pool, headers, bare.head_count);
    memcpy(headers->entries, bare.head, bare.head_count * sizeof *bare.head);
    headers->size = bare.head_count;
    headers->entries[bare.etag_at].value = h2o_iovec_init(d->etag, ETAG_LENGTH);
    headers->entries[bare.request_id_at].value = h2o_iovec_init(made, REQUEST_ID_LENGTH);
    headers->entries[bare.traceparent_at].value = h2o_iovec_init(made + REQUEST_ID_LENGTH, TRACEPARENT_LENGTH);
}

static int on_request(h2o_handler_t *self, h2o_req_t *req)
{
    static h2o_generator_t no_generator;
    const struct document *d = documents_get(&bare.documents, id_of(req->path_normalized));
    (void)self;
    if (!d) {
        return -1; /* libh2o answers 404 */
    }
    h2o_iovec_t body = h2o_iovec_init(d->bytes, d->length);
    set_head(req, d);
    req->res.status = 200;
    req->res.reason = "OK";
    req->res.content_length = d->length;
    h2o_start_response(req, &no_generator);
    h2o_send(req, &body, 1, H2O_SEND_STATE_FINAL);
    return 0;
}

/* ---- the loop ------------------------------------------------------------------------------- */

static void on_accept(h2o_socket_t *listener, const char *err)
{
    h2o_socket_t *socket;
    while (!err && (socket = h2o_evloop_socket_accept(listener))) {
        h2o_accept(listener->data, socket);
    }
}

static void start_listening(h2o_context_t *context, int fd, h2o_accept_ctx_t *accept)
{
    h2o_socket_t *listener = h2o_evloop_socket_create(context->loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    listener->data = accept;
    h2o_socket_read_start(listener, on_accept);
}

/* As the server is set, where it could make a difference. */
static void configure(h2o_globalconf_t *config)
{
    h2o_config_init(config);
    config->server_name = h2o_iovec_init(H2O_STRLIT("atelier"));
    config->http1.req_timeout = config->http2.idle_timeout = 75000;
    config->http2.max_concurrent_requests_per_connection = 128;
    h2o_hostconf_t *host = h2o_config_register_host(config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_create_handler(h2o_config_register_path(host, "/", 0), sizeof(h2o_handler_t))->on_req = on_request;
}

static bool serve(const struct options *o, struct error *e)
{
    static h2o_globalconf_t config;
    static h2o_context_t context;
    static h2o_accept_ctx_t clear, tls;
    int clear_fd;
    int tls_fd;
    SSL_CTX *ssl;
    static struct tls_metrics metrics;
    const struct tls_files files = {.certificate = o->certificate, .key = o->key, .ticket_keys = ""};
    if (!tls_context_new(&ssl, &files, &metrics, e) || !listen_open(o->listen, &clear_fd, 1, e) ||
        !listen_open(o->listen_tls, &tls_fd, 1, e)) {
        return false;
    }
    configure(&config);
    h2o_context_init(&context, h2o_evloop_create(), &config);
    clear = (h2o_accept_ctx_t){.ctx = &context, .hosts = config.hosts};
    tls = (h2o_accept_ctx_t){.ctx = &context, .hosts = config.hosts, .ssl_ctx = ssl};
    start_listening(&context, clear_fd, &clear);
    start_listening(&context, tls_fd, &tls);
    for (;;) {
        h2o_evloop_run(context.loop, INT32_MAX);
    }
}

int main(int argc, char **argv)
{
    struct options o;
    struct option_rest rest;
    struct error e = {0};
    if (!options_parse(&table, &o, argc, argv, &rest, &e)) {
        fprintf(stderr, "bare-h2o: %s\n", e.text);
        return 2;
    }
    if (rest.help || rest.reference) {
        (rest.help ? options_print_help : options_print_reference)(&table);
        return 0;
    }
    signal(SIGPIPE, SIG_IGN);
    if (getrandom(bare.random, sizeof bare.random, 0) != sizeof bare.random) {
        error_set(&e, ERROR_SYSTEM, "no random numbers");
    } else if (documents_read(&bare.documents, o.documents, (size_t)o.spare, &e) && read_head(o.head, &e)) {
        serve(&o, &e);
    }
    fprintf(stderr, "bare-h2o: %s\n", e.text);
    return 1;
}
