/* Many schedules of the write path, each from its seed. unit/README.md says what they hold. */
#include "simulation/world.h"

#include "base/option.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

static struct {
    int64_t seed, schedules, at_least;
    bool verbose, gaps, planted;
} options;

static const struct option_row rows[] = {
    {"seed", OPTION_INT, offsetof(__typeof__(options), seed), "1", 0, INT64_MAX, "N", "The first schedule's seed"},
    {"schedules", OPTION_INT, offsetof(__typeof__(options), schedules), "1", 1, INT64_MAX, "N",
     "How many; each has the next seed"},
    {"at-least", OPTION_INT, offsetof(__typeof__(options), at_least), "0", 0, INT64_MAX, "N",
     "Fail if anything that the schedules are for happened less often"},
    {"verbose", OPTION_FLAG, offsetof(__typeof__(options), verbose), NULL, 0, 0, NULL, "Print each step"},
    {"gaps", OPTION_FLAG, offsetof(__typeof__(options), gaps), NULL, 0, 0, NULL,
     "Also do what is known not to be covered"},
    {"planted", OPTION_FLAG, offsetof(__typeof__(options), planted), NULL, 0, 0, NULL,
     "A fault is planted: succeed only if it is found"},
};
static const struct option_table table = {.program = "simulation",
                                          .usage = "[--seed N] [--schedules N] [--verbose]",
                                          .purpose = "Runs the write path against a model of Postgres.",
                                          .env_prefix = "SIMULATION",
                                          .rows = rows,
                                          .count = sizeof rows / sizeof *rows};

/* An invariant of the program (ENSURE) was broken: it has said which. */
static void aborted(int signal_number)
{
    (void)signal_number;
    broken("an invariant of the program was broken");
}

static bool print_seen(void)
{
    static const char *const texts[] = {
#define X(name, text) text,
        EVENTS_SEEN(X)
#undef X
    };
    bool enough = true;
    for (size_t i = 0; i < SEEN_EVENTS; i++) {
        bool few = seen_count[i] < (uint64_t)options.at_least;
        printf("%10" PRIu64 "  %s%s\n", seen_count[i], texts[i], few ? "   <-- too seldom" : "");
        enough &= !few;
    }
    return enough;
}

int main(int argc, char **argv)
{
    struct option_rest rest;
    struct error e;
    if (!options_parse(&table, &options, argc, argv, &rest, &e)) {
        fprintf(stderr, "%s\n", e.text);
        return 2;
    }
    if (rest.help) {
        options_print_help(&table);
        return 0;
    }
    signal(SIGABRT, aborted);
    world.verbose = options.verbose;
    world.gaps = options.gaps;
    world.planted = options.planted;
    for (int64_t i = 0; i < options.schedules; i++) {
        schedule_run((uint64_t)(options.seed + i));
    }
    bool enough = print_seen();
    printf("%" PRId64 " schedules from seed %" PRId64 ": nothing broken%s\n", options.schedules, options.seed,
           enough ? "" : ", but not all was tried");
    return options.planted || !enough;
}
