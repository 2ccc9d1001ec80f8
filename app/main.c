/* options → build bottom-up → run → drain. The only file that knows every folder. */
#include "admin/admin.h"
#include "admin/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/standard_files.h"
#include "cache/heap.h"
#include "options.h"
#include "reload.h"
#include "supervisor.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

struct program {
    struct options options;
    struct cache *cache;
    struct demand *demand;
    struct refresher *refresher;
    struct server *server;
    struct admin admin;
    struct supervisor supervisor;
    struct reload reload;
};

/* Connections are files: take what the system allows. */
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Signals wait for the main thread; all threads inherit the mask. */
static void block_signals(sigset_t *waited)
{
    sigemptyset(waited);
    sigaddset(waited, SIGTERM);
    sigaddset(waited, SIGINT);
    sigaddset(waited, SIGHUP);
    pthread_sigmask(SIG_BLOCK, waited, NULL);
}

static bool check_options(struct options *o, struct error *e)
{
    enum log_level level;
    if (!options_log_level(o, &level, e)) {
        return false;
    }
    log_set_level(level);
    log_set_replica(o->name);
    if (!*o->refresh.conninfo) {
        return error_set(e, ERROR_USAGE, "--postgres is needed: a libpq URI or keyword=value string");
    }
    o->refresh.replica = o->name;
    return true;
}

static int fail(const struct error *e)
{
    fprintf(stderr, "atelierd: %s\n", e->text);
    return e->code == ERROR_USAGE ? 2 : 1;
}

static bool build(struct program *p, struct error *e)
{
    struct options *o = &p->options;
    if (!cache_new(&p->cache, (size_t)o->expected_products, e) || !demand_new(&p->demand, e) ||
        !refresher_new(&p->refresher, &o->refresh, p->cache, p->demand, e)) {
        return false;
    }
    cache_set_memory_limit(p->cache, (size_t)o->memory_limit);
    p->admin = (struct admin){.replica = o->name,
                              .unproven_after_ms = o->serve.tuning.unproven_after_ms,
                              .ready_unproven_max_ms = o->ready_unproven_max_ms,
                              .started_us = clock_us(),
                              .cache = p->cache,
                              .refresher = p->refresher};
    if (!server_new(&p->server, &o->serve, p->cache, p->demand, admin_routes, admin_route_count, &p->admin, e)) {
        return false;
    }
    p->admin.server = p->reload.server = p->server;
    return true;
}

/* Until one of the signals comes that end the program. */
static int watch(struct program *p, const sigset_t *waited)
{
    static const struct timespec turn = {.tv_nsec = 100000000};
    supervisor_init(&p->supervisor, &p->admin);
    for (;;) {
        supervisor_look(&p->supervisor);
        int signal = sigtimedwait(waited, NULL, p->supervisor.is_there ? &turn : NULL);
        if (signal == SIGHUP) {
            supervisor_reloading(&p->supervisor);
            reload_all(&p->reload);
            supervisor_reloaded(&p->supervisor);
        } else if (signal > 0) {
            return signal;
        }
    }
}

/* Of a server that is built, and not started: it needs no port and no Postgres. */
static int print_metrics_table(struct program *p)
{
    struct error e;
    struct text table = {0};
    struct server_options *serve = &p->options.serve;
    serve->listen = serve->listen_tls = serve->listen_operations = "";
    if (!build(p, &e)) {
        return fail(&e);
    }
    admin_print_metrics_table(&p->admin, &table);
    fputs(table.failed ? "" : table.at, stdout);
    text_fini(&table);
    return 0;
}

static bool run(struct program *p, const sigset_t *waited, struct error *e)
{
    if (!refresher_start(p->refresher, e) || !server_start(p->server, e)) {
        return false;
    }
    log_info("started", LOG_STR("listen", p->options.serve.listen), LOG_STR("tls", p->options.serve.listen_tls),
             LOG_STR("operations", p->options.serve.listen_operations), LOG_INT("workers", server_workers(p->server)));
    int signal = watch(p, waited);
    supervisor_stopping(&p->supervisor);
    bool refused = refresher_refusal(p->refresher, e);
    log_info("draining", LOG_STR("signal", strsignal(signal)));
    size_t cut = server_drain(p->server, clock_us() + p->options.drain_timeout_ms * 1000);
    log_info("stopped", LOG_INT("connections_cut", cut));
    return !refused;
}

/* In reverse order of build. */
static void tear_down(struct program *p)
{
    refresher_free(&p->refresher);
    server_free(&p->server);
    demand_free(&p->demand);
    cache_free(&p->cache);
}

int main(int argc, char **argv)
{
    static struct program p;
    struct option_rest rest;
    struct error e = {0};
    sigset_t waited;
    heap_set_up();
    standard_files_open();
    if (!options_parse(&atelierd_options, &p.options, argc, argv, &rest, &e)) {
        return fail(&e);
    }
    if (rest.help || rest.reference) {
        (rest.help ? options_print_help : options_print_reference)(&atelierd_options);
        return 0;
    }
    if (rest.count > 0) {
        error_set(&e, ERROR_USAGE, "'%s' is not an option; --help lists them", rest.words[0]);
        return fail(&e);
    }
    if (p.options.check) {
        return check_health(p.options.serve.listen_operations, &e) ? 0 : (fail(&e), 1);
    }
    p.reload = (struct reload){.argc = argc, .argv = argv, .options = &p.options, .admin = &p.admin};
    if (p.options.metrics_markdown) {
        return print_metrics_table(&p);
    }
    raise_file_limit();
    block_signals(&waited);
    if (!check_options(&p.options, &e) || !build(&p, &e) || !run(&p, &waited, &e)) {
        int code = fail(&e);
        _Exit(code); /* threads may run */
    }
    tear_down(&p);
    return 0;
}
