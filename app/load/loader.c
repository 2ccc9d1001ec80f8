#include "load/loader.h"

#include "base/clock.h"
#include "load/encode.h"
#include "load/session.h"
#include "load/stop.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes that go to Postgres at once. */
enum { BATCH_BYTES = 128 * 1024 };

/* The swap: each try waits a little longer for the locks, since everybody who wants to read waits behind it;
 * more than a second, so that an autovacuum is asked to give way (deadlock_timeout). */
enum { SWAP_TRIES = 40, SWAP_WAIT_STEP_MS = 100, SWAP_WAIT_MAX_MS = 2000, SWAP_PAUSE_MS = 500 };

struct loader {
    struct session session;
    const char *conninfo;      /* borrowed */
    struct progress *progress; /* borrowed */
    struct text batch;
    bool begun;   /* there is something to drop */
    bool swapped; /* there no longer is */
};

static const char settings[] =
    "SET client_min_messages = warning;"
    "SET statement_timeout = '1h';"
    "SET lock_timeout = '10s';"
    "SET idle_in_transaction_session_timeout = 0;"
    "SET default_transaction_isolation = 'read committed';"
    /* A client that was killed is noticed while a statement runs, and its lock given back. */
    "SET client_connection_check_interval = '1s';"
    "SET maintenance_work_mem = '512MB';"
    "SET max_parallel_maintenance_workers = 2";

/* invalid_schema_name and undefined_function: a database without our functions. insufficient_privilege. */
static bool explain(const char *sqlstate, struct error *e)
{
    struct error cause = *e;
    if (strcmp(sqlstate, "3F000") == 0 || strcmp(sqlstate, "42883") == 0) {
        return error_set(e, cause.code, "%s. Deploy the migrations to this database first (migrations/README.md)",
                         cause.text);
    }
    if (strcmp(sqlstate, "42501") == 0) {
        return error_set(e, cause.code, "%s. A load is made by the catalogue's owner", cause.text);
    }
    return false;
}

static bool begin(struct loader *loader, struct error *e)
{
    char sqlstate[6];
    if (!session_run(&loader->session, settings, e)) {
        return false;
    }
    if (!session_try(&loader->session, "SELECT loading.begin()", sqlstate, e)) {
        return explain(sqlstate, e);
    }
    loader->begun = true;
    return true;
}

bool loader_open(struct loader **out, const char *conninfo, struct progress *progress, struct error *e)
{
    struct loader *loader = calloc(1, sizeof *loader);
    if (!loader) {
        return error_set(e, ERROR_SYSTEM, "no memory");
    }
    loader->conninfo = conninfo;
    loader->progress = progress;
    progress_begin(progress, "connecting", 0);
    if (!session_open(&loader->session, conninfo, progress, e) || !begin(loader, e)) {
        loader_close(&loader);
        return false;
    }
    *out = loader;
    return true;
}

/* TRUNCATE in the same transaction lets COPY write rows that are visible to everybody from the start: nobody
 * has to freeze them later, and a snapshot older than the swap does not see empty tables. */
static bool begin_table(void *to, const struct table *table, struct error *e)
{
    struct loader *loader = to;
    struct text sql = {0};
    text_printf(&sql, "BEGIN; TRUNCATE incoming.%s; COPY incoming.%s (", table->name, table->name);
    encode_copy_columns(&sql, table);
    text_str(&sql, ") FROM STDIN WITH (FREEZE)");
    text_clear(&loader->batch);
    bool done = sql.failed ? error_set(e, ERROR_SYSTEM, "no memory") : session_copy_start(&loader->session, sql.at, e);
    text_fini(&sql);
    return done;
}

static bool send_batch(struct loader *loader, struct error *e)
{
    bool done = session_copy_bytes(&loader->session, &loader->batch, e);
    text_clear(&loader->batch);
    return done;
}

static bool put_row(void *to, const struct table *table, const struct row *row, struct error *e)
{
    struct loader *loader = to;
    encode_copy(&loader->batch, table, row);
    return loader->batch.len < BATCH_BYTES && !loader->batch.failed ? true : send_batch(loader, e);
}

static bool end_table(void *to, const struct table *table, struct error *e)
{
    struct loader *loader = to;
    (void)table;
    if (loader->batch.len > 0 && !send_batch(loader, e)) {
        return false;
    }
    return session_copy_end(&loader->session, e) && session_run(&loader->session, "COMMIT", e);
}

struct sink loader_sink(struct loader *loader)
{
    return (struct sink){.to = loader, .begin = begin_table, .row = put_row, .end = end_table};
}

static bool build(struct loader *loader, struct error *e)
{
    PGresult *plan;
    if (!session_rows(&loader->session, "SELECT what, statement FROM incoming.plan ORDER BY step", &plan, e)) {
        return false;
    }
    bool done = true;
    progress_begin(loader->progress, "keys, indexes, triggers", PQntuples(plan));
    for (int i = 0; done && i < PQntuples(plan); i++) {
        progress_detail(loader->progress, PQgetvalue(plan, i, 0));
        done = session_run(&loader->session, PQgetvalue(plan, i, 1), e);
        progress_at(loader->progress, i + 1, 0);
    }
    if (done) {
        progress_end(loader->progress);
    }
    PQclear(plan);
    return done;
}

enum swap_result { SWAPPED, SWAP_LOCKED, SWAP_FAILED };

static enum swap_result try_swap(struct loader *loader, int lock_timeout_ms, struct error *e)
{
    char sql[128];
    char sqlstate[6];
    struct error ignored;
    snprintf(sql, sizeof sql, "BEGIN; SET LOCAL lock_timeout = %d; SELECT loading.swap(); COMMIT", lock_timeout_ms);
    if (session_try(&loader->session, sql, sqlstate, e)) {
        return SWAPPED;
    }
    /* lock_not_available, deadlock_detected */
    const bool locked = strcmp(sqlstate, "55P03") == 0 || strcmp(sqlstate, "40P01") == 0;
    if (locked && session_run(&loader->session, "ROLLBACK", &ignored)) {
        return SWAP_LOCKED;
    }
    if (!*sqlstate && e->code == ERROR_POSTGRES) {
        struct error cause = *e;
        error_set(e, cause.code, "%s. The connection broke during the swap: look whether it was made, or load again",
                  cause.text);
    }
    return SWAP_FAILED;
}

static bool swap(struct loader *loader, struct error *e)
{
    progress_begin(loader->progress, "swap", 0);
    for (int i = 1; i <= SWAP_TRIES; i++) {
        const int wait_ms = i * SWAP_WAIT_STEP_MS;
        switch (try_swap(loader, wait_ms < SWAP_WAIT_MAX_MS ? wait_ms : SWAP_WAIT_MAX_MS, e)) {
        case SWAPPED:
            loader->swapped = true;
            progress_end(loader->progress);
            return true;
        case SWAP_FAILED:
            return false;
        case SWAP_LOCKED:
            break;
        }
        progress_at(loader->progress, i, 0);
        poll(NULL, 0, SWAP_PAUSE_MS);
        if (!stop_check(e)) {
            return false;
        }
    }
    struct error cause = *e;
    return error_set(e, ERROR_LIMIT, "the live tables stayed locked by others through %d tries to swap: %s", SWAP_TRIES,
                     cause.text);
}

bool loader_finish(struct loader *loader, struct error *e)
{
    return build(loader, e) && swap(loader, e);
}

/* On a connection of its own: the old one may be in the middle of anything. Gigabytes may be waiting to be
 * dropped; if that does not succeed, the next load does it. */
static void abandon(struct loader *loader)
{
    struct error ignored;
    struct session session = {.finishing = true};
    if (session_open(&session, loader->conninfo, loader->progress, &ignored)) {
        if (!session_run(&session, "SET lock_timeout = '10s'; SELECT loading.abandon()", &ignored)) {
            /* nothing more to try */
        }
        session_close(&session);
    }
}

void loader_close(struct loader **loader)
{
    if (!*loader) {
        return;
    }
    session_close(&(*loader)->session);
    if ((*loader)->begun && !(*loader)->swapped) {
        abandon(*loader);
    }
    text_fini(&(*loader)->batch);
    free(*loader);
    *loader = NULL;
}
