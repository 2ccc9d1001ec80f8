#include "options.h"

#define AT(field) offsetof(struct options, field)
#define STRING(name, field, fallback, value, help)                                                                     \
    {                                                                                                                  \
        name, OPTION_STRING, AT(field), fallback, 0, 0, value, help                                                    \
    }
#define INT(name, field, fallback, min, max, value, help)                                                              \
    {                                                                                                                  \
        name, OPTION_INT, AT(field), fallback, min, max, value, help                                                   \
    }
#define FLAG(name, field, help)                                                                                        \
    {                                                                                                                  \
        name, OPTION_FLAG, AT(field), NULL, 0, 0, NULL, help                                                           \
    }

static const struct option_row rows[] = {
    STRING("name", name, "atelierd", "NAME", "The replica's name, in logs and in Postgres's application_name"),
    STRING("postgres", refresh.conninfo, "", "CONNINFO", "Where the catalogue is: a libpq URI or keyword=value string"),
    STRING("listen", serve.listen, "127.0.0.1:9001", "HOST:PORT", "HTTP/1.1 and h2c; empty: none"),
    STRING("listen-tls", serve.listen_tls, "", "HOST:PORT", "HTTP/1.1 and HTTP/2 over TLS; empty: none"),
    STRING("listen-operations", serve.listen_operations, "127.0.0.1:9101", "HOST:PORT",
           "Health, metrics and status; empty: none"),
    STRING("operations-peers", serve.operations_peers, "", "HOST:PORT,…",
           "The other replicas' operations ports as a browser reaches them: the page at this one's / shows them, too"),
    STRING("tls-certificate", serve.tls_certificate, "", "FILE", "Certificate chain for --listen-tls, PEM"),
    STRING("tls-key", serve.tls_key, "", "FILE", "Private key for --listen-tls, PEM"),
    STRING(
        "tls-ticket-keys", serve.tls_ticket_keys, "", "FILE",
        "Keys of session tickets, 80 bytes each, as NGINX has them: the first encrypts, all decrypt; empty: its own"),
    FLAG("proxy-protocol", serve.proxy_protocol, "TLS connections may begin with a PROXY protocol line (version 1)"),
    INT("workers", serve.workers, "0", 0, 64, "N", "Worker threads; 0: one a core"),
    INT("connections-max", serve.tuning.connections_max, "10000", 1, 1000000, "N",
        "Connections a worker holds; more are closed"),
    INT("connection-age-max-s", serve.connection_age_max_s, "300", 0, 86400, "S",
        "Connections are asked to go before this age, those of a worker together, so that clients spread again; 0: "
        "never"),
    INT("wait-ms", serve.tuning.wait_ms, "100", 1, 10000, "MS", "How long a request waits for a fresher document"),
    INT("waiters-max", serve.tuning.waiters_max, "1024", 0, 1000000, "N", "Requests that may wait at once"),
    INT("unproven-after-ms", serve.tuning.unproven_after_ms, "250", 1, 3600000, "MS",
        "Without word from Postgres for so long, answers say that their freshness is unproven"),
    INT("ready-unproven-max-ms", ready_unproven_max_ms, "0", 0, 3600000, "MS",
        "Without word from Postgres for so long, /readyz says 503; 0: never, a warm replica stays ready"),
    INT("events-max", serve.tuning.events_max, "10000", 0, 1000000, "N",
        "Streams of /events at once; more are refused"),
    INT("events-heartbeat-ms", serve.tuning.events_heartbeat_ms, "15000", 100, 3600000, "MS",
        "A stream of /events is never silent for longer"),
    INT("events-stall-ms", serve.tuning.events_stall_ms, "30000", 100, 3600000, "MS",
        "A stream of /events whose client takes nothing for so long is cut off, with its connection"),
    STRING("cache-control", serve.tuning.cache_control, "public, no-cache", "VALUE",
           "Cache-Control of catalogue answers"),
    INT("access-log-sample", serve.tuning.access_log_sample, "0", 0, 1000000000, "N",
        "One request in N is logged; 0: only those answered with 5xx"),
    INT("brotli-max-bytes", serve.brotli_max, "268435456", 0, 1099511627776, "BYTES",
        "What is compressed once somebody asks for it: brotli of documents, brotli and gzip of /full; 0: nothing"),
    STRING("path-prefix", serve.path_prefix, "", "PATH", "Routes answer under this path, too: /api/v1; empty: none"),
    INT("drain-timeout-ms", drain_timeout_ms, "10000", 0, 600000, "MS",
        "How long requests in flight may take on SIGTERM"),
    INT("poll-ms", refresh.poll_ms, "50", 1, 60000, "MS", "The change log is read at least this often"),
    INT("reconnect-max-ms", refresh.reconnect_max_ms, "250", 10, 60000, "MS",
        "Longest pause between attempts to connect"),
    INT("connect-timeout-ms", refresh.connect_timeout_ms, "2000", 10, 60000, "MS", "How long connecting may take"),
    INT("statement-timeout-ms", refresh.statement_timeout_ms, "5000", 100, 60000, "MS",
        "How long a statement may take"),
    INT("fetchers", refresh.fetchers, "3", 2, 16, "N", "Threads that read products, each with a connection"),
    INT("slice", refresh.slice, "2000", 1, 100000, "N", "Products read in one transaction while loading"),
    INT("loads-at-once", refresh.loads_at_once, "2", 1, 64, "N",
        "Of these transactions all replicas together have so many open at once; others wait, and answer meanwhile"),
    INT("change-set-limit", refresh.change_set_limit, "1000000", 1, 100000000, "N",
        "Changes in one log read beyond which all is loaded again"),
    INT("log-retention-s", refresh.log_retention_s, "600", 10, 1000000, "S", "Change log rows are pruned at this age"),
    INT("duty-from-per-second", refresh.duty_from_per_second, "50", 0, 1000, "N",
        "From so many notifications a second on it offers to notify for all writers (duty); 0: never"),
    INT("heartbeat-ms", refresh.heartbeat_ms, "250", 0, 60000, "MS",
        "After so much silence it notifies, to know that the feed hears; 0: never"),
    INT("canary-ms", refresh.canary_ms, "1000", 0, 3600000, "MS",
        "It commits a change of its own about so often, and measures how soon it shows it; 0: never"),
    INT("audit-cycle-s", refresh.audit_cycle_s, "600", 0, 604800, "S",
        "Every product is compared with Postgres once in so long; 0: never"),
    INT("document-max-bytes", refresh.document_max, "4194304", 1024, 1073741824, "BYTES", "Largest document served"),
    INT("memory-limit", memory_limit, "0", 0, 1125899906842624, "BYTES",
        "What the catalogue may take in memory: one that will not fit is refused at the start; 0: no limit"),
    INT("expected-products", expected_products, "10000", 0, 1000000000, "N",
        "Room made in advance; it grows as needed"),
    FLAG("metrics-markdown", metrics_markdown, "Prints the table of all metrics, in Markdown, and ends"),
    STRING("log-level", log_level, "info", "LEVEL", "debug, info, warn or error"),
    {"options-file", OPTION_FILE, AT(options_file), "", 0, 0, "FILE",
     "Options from lines such as ATELIERD_LOG_LEVEL=debug, which SIGHUP reads again; the environment comes before it"},
    FLAG("check", check, "Starts nothing, but asks /healthz at --listen-operations: exit status 0, or 1 and why not"),
};

static const char *const live[] = {"tls-certificate",   "tls-key",
                                   "tls-ticket-keys",   "connections-max",
                                   "wait-ms",           "waiters-max",
                                   "unproven-after-ms", "ready-unproven-max-ms",
                                   "events-max",        "events-heartbeat-ms",
                                   "events-stall-ms",   "cache-control",
                                   "access-log-sample", "drain-timeout-ms",
                                   "log-level",         NULL};

bool options_log_level(const struct options *o, enum log_level *out, struct error *e)
{
    return log_level_parse(o->log_level, out) ||
           error_set(e, ERROR_USAGE, "--log-level: '%s' is not debug, info, warn or error", o->log_level);
}

const struct option_table atelierd_options = {
    .program = "atelierd",
    .usage = "--postgres CONNINFO [OPTION …]",
    .purpose = "Answers the product catalogue over HTTP from memory, kept fresh from Postgres.",
    .env_prefix = "ATELIERD",
    .rows = rows,
    .count = sizeof rows / sizeof *rows,
    .live = live,
};
