/* atelier-catalogue: the catalogue from legacy files, or a made-up one. */
#include "base/clock.h"
#include "base/option.h"
#include "base/standard_files.h"
#include "load/csv_files.h"
#include "load/generate.h"
#include "load/import.h"
#include "load/loader.h"
#include "load/stop.h"

#include <stdio.h>
#include <string.h>

enum { EXIT_OK, EXIT_FAILED, EXIT_USAGE };

struct options {
    const char *postgres, *rejects, *csv;
    int64_t products, seed;
    bool load;
};

static const struct option_row rows[] = {
    {"postgres", OPTION_STRING, offsetof(struct options, postgres), "dbname=atelier", 0, 0, "CONNINFO",
     "The database, as libpq takes it; connect as the catalogue's owner."},
    {"rejects", OPTION_STRING, offsetof(struct options, rejects), "rejected.csv", 0, 0, "FILE",
     "import: where rejected rows go, each with its line and reason."},
    {"products", OPTION_INT, offsetof(struct options, products), "10000", 0, 100000000, "N",
     "generate: how many products."},
    {"seed", OPTION_INT, offsetof(struct options, seed), "1", 0, INT64_MAX, "S",
     "generate: the same seed gives the same catalogue."},
    {"load", OPTION_FLAG, offsetof(struct options, load), NULL, 0, 0, NULL, "generate: into the database."},
    {"csv", OPTION_STRING, offsetof(struct options, csv), NULL, 0, 0, "DIR",
     "generate: as the six legacy files, into this directory."},
};

static const struct option_table option_table = {
    .program = "atelier-catalogue",
    .usage = "import DIR [OPTIONS] | generate (--load | --csv DIR) [OPTIONS]",
    .purpose = "Replaces the whole catalogue, all or nothing: from legacy CSV files, or with a made-up one.",
    .env_prefix = "ATELIER_CATALOGUE",
    .rows = rows,
    .count = sizeof rows / sizeof *rows,
};

struct job {
    struct options options;
    struct option_rest rest;
    struct progress progress;
    struct report report;
};

/* Everything that can be wrong with the rows is known before the swap, the file of the rejected ones written. */
static bool import(struct job *job, struct loader *loader, struct error *e)
{
    struct rejects rejects;
    struct error ignored;
    struct sink sink = loader_sink(loader);
    if (!rejects_open(&rejects, job->options.rejects, e)) {
        return false;
    }
    bool done = import_files(job->rest.words[1], &sink, &rejects, &job->progress, &job->report, e);
    done = rejects_close(&rejects, done ? e : &ignored) && done;
    return done && loader_finish(loader, e);
}

static bool generate_into(struct job *job, struct sink sink, struct error *e)
{
    struct recipe recipe = {.seed = (uint64_t)job->options.seed, .products = job->options.products};
    return generate_rows(&recipe, &sink, &job->progress, &job->report, e);
}

static bool load(struct job *job, bool from_files, struct error *e)
{
    struct loader *loader = NULL;
    bool done =
        loader_open(&loader, job->options.postgres, &job->progress, e) &&
        (from_files ? import(job, loader, e) : generate_into(job, loader_sink(loader), e) && loader_finish(loader, e));
    loader_close(&loader);
    return done;
}

static bool write_csv(struct job *job, struct error *e)
{
    struct csv_files *files = NULL;
    bool done = csv_files_open(&files, job->options.csv, e) && generate_into(job, csv_files_sink(files), e) &&
                csv_files_finish(files, e);
    csv_files_close(&files);
    return done;
}

static bool run(struct job *job, struct error *e)
{
    const char *command = job->rest.count > 0 ? job->rest.words[0] : "";
    const bool csv = *job->options.csv != '\0';
    if (strcmp(command, "import") == 0) {
        return job->rest.count == 2
                   ? load(job, true, e)
                   : error_set(e, ERROR_USAGE, "import needs one directory, %zu came", job->rest.count - 1);
    }
    if (strcmp(command, "generate") != 0) {
        return error_set(e, ERROR_USAGE, "'%s' is no command; import and generate are; --help says more", command);
    }
    if (job->rest.count > 1 || job->options.load == csv) {
        return error_set(e, ERROR_USAGE, "generate needs either --load or --csv DIR, and nothing else but options");
    }
    return csv ? write_csv(job, e) : load(job, false, e);
}

static int fail(struct job *job, const struct error *e)
{
    progress_clear(&job->progress);
    fprintf(stderr, "atelier-catalogue: %s\n", e->text);
    return e->code == ERROR_USAGE ? EXIT_USAGE : EXIT_FAILED;
}

int main(int argc, char **argv)
{
    struct job job = {0};
    struct error e;
    int64_t started_ms = clock_ms();
    standard_files_open();
    stop_catch_signals();
    progress_init(&job.progress);
    if (!options_parse(&option_table, &job.options, argc, argv, &job.rest, &e)) {
        return fail(&job, &e);
    }
    if (job.rest.help) {
        options_print_help(&option_table);
        return EXIT_OK;
    }
    if (job.rest.reference) {
        options_print_reference(&option_table);
        return EXIT_OK;
    }
    if (!run(&job, &e)) {
        return fail(&job, &e);
    }
    job.report.elapsed_ms = clock_ms() - started_ms;
    report_print(&job.report, job.options.rejects, stdout);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        error_errno(&e, "all is done (%s), but the report could not be written", job.rest.words[0]);
        return fail(&job, &e);
    }
    return EXIT_OK;
}
