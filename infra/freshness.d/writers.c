#include "writers.h"

#include "base/clock.h"
#include "response.h"

#include <inttypes.h>
#include <libpq-fe.h>
#include <stdlib.h>

struct writer {
    struct source source; /* first */
    struct writers *all;
    PGconn *connection;
    size_t next; /* index of the write that it sends next, or has under way */
    bool busy;
};

struct writers {
    struct writers_options options;
    struct results *results;
    write_acked *acked;
    void *context;
    int64_t started_us; /* 0: not yet */
    size_t due;         /* so many writes are due */
    size_t done;
    size_t count;
    struct writer each[];
};

/* The first writer has one product; the others share the rest, by the remainder of the id. */
static int64_t choose_id(const struct writers *w, size_t writer, struct drand48_data *random)
{
    long drawn;
    int64_t step = (int64_t)w->count;
    int64_t places = (w->options.products - 1 - (int64_t)writer) / step + 1;
    lrand48_r(random, &drawn);
    return writer == 0 ? WATCHED_ID : 1 + (int64_t)writer + step * (drawn % places);
}

static void plan(struct writers *w)
{
    struct drand48_data random;
    srand48_r(w->options.seed, &random);
    for (size_t i = 0; i < w->results->write_count; i++) {
        w->results->writes[i].id = choose_id(w, i % w->count, &random);
    }
}

static bool failed(PGconn *connection, const char *what, struct error *e)
{
    return error_set(e, ERROR_POSTGRES, "%s: %s", what, PQerrorMessage(connection));
}

static bool is_good(PGconn *connection, PGresult *result, const char *what, struct error *e)
{
    bool ok = PQresultStatus(result) == PGRES_COMMAND_OK;
    PQclear(result);
    return ok || failed(connection, what, e);
}

/* ---- a write, out and back ------------------------------------------------------------------- */

static bool send_due(struct writer *writer, int64_t now_us, struct error *e)
{
    struct writers *w = writer->all;
    if (writer->busy || writer->next >= w->due) {
        return true;
    }
    struct write *write = &w->results->writes[writer->next];
    char stamp[32], id[24];
    snprintf(stamp, sizeof stamp, STAMP_PREFIX "%" PRId64, w->results->first_stamp + (int64_t)writer->next);
    snprintf(id, sizeof id, "%" PRId64, write->id);
    const char *const values[] = {stamp, id};
    writer->busy = true;
    write->due_us = w->started_us + (int64_t)writer->next * 1000000 / w->options.rate;
    write->sent_us = now_us;
    return PQsendQueryPrepared(writer->connection, "write", 2, values, NULL, NULL, 0) ||
           failed(writer->connection, "cannot write", e);
}

static bool take_result(struct writer *writer, PGresult *result, struct error *e)
{
    bool ok = PQresultStatus(result) == PGRES_COMMAND_OK;
    bool one = ok && strtol(PQcmdTuples(result), NULL, 10) == 1;
    PQclear(result);
    if (!ok) {
        return failed(writer->connection, "a write failed", e);
    }
    return one || error_set(e, ERROR_DATA, "there is no product %" PRId64 "; all ids from 1 on must be there",
                            writer->all->results->writes[writer->next].id);
}

static bool on_ready(struct source *source, int64_t now_us, struct error *e)
{
    struct writer *writer = (struct writer *)source;
    struct writers *w = writer->all;
    if (!PQconsumeInput(writer->connection)) {
        return failed(writer->connection, "a writer lost its connection", e);
    }
    while (writer->busy && !PQisBusy(writer->connection)) {
        PGresult *result = PQgetResult(writer->connection);
        if (result) {
            if (!take_result(writer, result, e)) {
                return false;
            }
            continue;
        }
        size_t index = writer->next;
        writer->busy = false;
        writer->next += w->count;
        w->done++;
        w->results->writes[index].acked_us = now_us;
        if (!w->acked(w->context, index, e) || !send_due(writer, now_us, e)) {
            return false;
        }
    }
    return true;
}

/* ---- all of them ------------------------------------------------------------------------------ */

static bool open_writer(struct writers *w, struct error *e)
{
    struct writer *writer = &w->each[w->count];
    *writer = (struct writer){.source = {.ready = on_ready}, .all = w, .next = w->count};
    writer->connection = PQconnectdb(w->options.conninfo);
    w->count++;
    if (PQstatus(writer->connection) != CONNECTION_OK) {
        return failed(writer->connection, "cannot connect a writer", e);
    }
    writer->source.fd = PQsocket(writer->connection);
    return is_good(
               writer->connection,
               PQprepare(writer->connection, "write", "UPDATE products SET slogan = $1 WHERE id = $2::bigint", 2, NULL),
               "cannot prepare a write", e) &&
           loop_add(w->options.epoll, &writer->source, e);
}

bool writers_new(struct writers **out, const struct writers_options *options, struct results *results,
                 write_acked *acked, void *context, struct error *e)
{
    struct writers *w = calloc(1, sizeof *w + (size_t)options->connections * sizeof *w->each);
    if (!w) {
        return error_set(e, ERROR_SYSTEM, "no memory for %" PRId64 " writers", options->connections);
    }
    *w = (struct writers){.options = *options, .results = results, .acked = acked, .context = context};
    *out = w;
    while (w->count < (size_t)options->connections) {
        if (!open_writer(w, e)) {
            return false;
        }
    }
    plan(w);
    return true;
}

void writers_free(struct writers **writers)
{
    struct writers *w = *writers;
    for (size_t i = 0; w && i < w->count; i++) {
        PQfinish(w->each[i].connection);
    }
    free(w);
    *writers = NULL;
}

void writers_start(struct writers *w, int64_t now_us)
{
    w->started_us = now_us;
}

bool writers_run(struct writers *w, int64_t now_us, struct error *e)
{
    while (now_us >= writers_next_us(w)) {
        w->due++;
        if (!send_due(&w->each[(w->due - 1) % w->count], now_us, e)) {
            return false;
        }
    }
    return true;
}

int64_t writers_next_us(const struct writers *w)
{
    bool none = !w->started_us || w->due == w->results->write_count;
    return none ? INT64_MAX : w->started_us + (int64_t)w->due * 1000000 / w->options.rate;
}

bool writers_done(const struct writers *w)
{
    return w->done == w->results->write_count;
}
