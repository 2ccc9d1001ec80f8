/* The table of all metrics, made of what /metrics prints, so that it can lack none. */
#include "admin/admin.h"

#include "base/metric.h"

#include <stdio.h>
#include <string.h>

enum { LABELS_MAX = 4, VALUES_MAX = 16, WORD_MAX = 32 };

/* A label, and the values that it was seen with. */
struct label {
    char name[WORD_MAX];
    char values[VALUES_MAX][WORD_MAX];
    size_t count;
};

struct described {
    char name[96], kind[16];
    const char *help;
    int help_len;
    struct label labels[LABELS_MAX];
    size_t label_count;
};

static struct label *label_named(struct described *m, const char *name)
{
    for (size_t i = 0; i < m->label_count; i++) {
        if (strcmp(m->labels[i].name, name) == 0) {
            return &m->labels[i];
        }
    }
    ENSURE(m->label_count < LABELS_MAX);
    struct label *l = &m->labels[m->label_count++];
    snprintf(l->name, sizeof l->name, "%s", name);
    return l;
}

static void note_value(struct label *l, const char *value)
{
    for (size_t i = 0; i < l->count; i++) {
        if (strcmp(l->values[i], value) == 0) {
            return;
        }
    }
    ENSURE(l->count < VALUES_MAX);
    snprintf(l->values[l->count++], WORD_MAX, "%s", value);
}

/* name{label="value",…}; a histogram's bounds are no label of ours. */
static void note_sample(struct described *m, const char *line)
{
    char name[WORD_MAX];
    char value[WORD_MAX];
    int used = 0;
    const char *at = line + strcspn(line, "{\n");
    while (*at && strchr("{,", *at) && sscanf(at + 1, "%31[a-z_]=\"%31[^\"]\"%n", name, value, &used) == 2 &&
           used > 0) {
        if (strcmp(name, "le") != 0) {
            note_value(label_named(m, name), value);
        }
        at += used + 1;
        used = 0;
    }
}

/* By Prometheus's conventions a name ends with its unit, and a counter's with _total after that. */
static const char *unit_of(const char *name)
{
    static const char *const units[] = {"timestamp_seconds", "seconds", "bytes", "ratio", "info"};
    static const char *const said[] = {"seconds since 1970", "seconds", "bytes", "0 to 1", "always 1"};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strstr(name, units[i])) {
            return said[i];
        }
    }
    return "number";
}

/* The values are listed where there is a choice of them. */
static void print_labels(const struct described *m, struct text *out)
{
    for (size_t i = 0; i < m->label_count; i++) {
        const struct label *l = &m->labels[i];
        text_printf(out, "%s`%s`", i ? ", " : "", l->name);
        for (size_t v = 0; l->count > 1 && v < l->count; v++) {
            text_printf(out, "%s%s", v ? ", " : ": ", l->values[v]);
        }
    }
}

static void print_row(const struct described *m, struct text *out)
{
    text_printf(out, "| `%s` | %s | ", m->name, m->kind);
    print_labels(m, out);
    text_printf(out, " | %s | %.*s |\n", unit_of(m->name), m->help_len, m->help);
}

/* Each metric is: its HELP, its TYPE, its samples. */
void admin_print_metrics_table(struct admin *a, struct text *out)
{
    struct text scraped = {0};
    struct described m = {0};
    admin_print_metrics(a, &scraped);
    text_str(out, "| metric | type | labels | unit | meaning |\n|---|---|---|---|---|\n");
    for (const char *line = scraped.failed ? "" : scraped.at; *line; line += strcspn(line, "\n") + 1) {
        char name[sizeof m.name];
        int used = 0;
        if (sscanf(line, "# HELP %95s %n", name, &used) == 1 && used > 0) {
            if (*m.name) {
                print_row(&m, out);
            }
            m = (struct described){.help = line + used, .help_len = (int)strcspn(line + used, "\n")};
            snprintf(m.name, sizeof m.name, "%s", name);
        } else if (sscanf(line, "# TYPE %*s %15s", m.kind) != 1) {
            note_sample(&m, line);
        }
    }
    print_row(&m, out);
    out->failed |= scraped.failed;
    text_fini(&scraped);
}
