#include "results.h"

#include <inttypes.h>
#include <stdlib.h>

bool results_init(struct results *r, size_t writes, size_t samples, struct error *e)
{
    r->writes = calloc(writes, sizeof *r->writes);
    r->samples = calloc(samples, sizeof *r->samples);
    r->write_count = writes;
    r->sample_room = samples;
    return (r->writes && r->samples) || error_set(e, ERROR_SYSTEM, "no memory for %zu writes", writes);
}

void results_fini(struct results *r)
{
    free(r->writes);
    free(r->samples);
}

void results_add_violation(struct results *r, const struct violation *v)
{
    if (r->violations < VIOLATIONS_KEPT) {
        r->violation[r->violations] = *v;
    }
    r->violations++;
}

void results_add_sample(struct results *r, const struct sample *s)
{
    ENSURE(r->sample_count < r->sample_room);
    r->samples[r->sample_count++] = *s;
}

static void print_lists(const struct results *r, FILE *out)
{
    for (size_t i = 0; i < r->write_count; i++) {
        const struct write *w = &r->writes[i];
        if (w->acked_us) {
            fprintf(out, "write %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n",
                    r->first_stamp + (int64_t)i, w->id, w->sent_us - w->due_us, w->acked_us - w->sent_us, w->acked_us);
        }
    }
    for (size_t i = 0; i < r->sample_count; i++) {
        const struct sample *s = &r->samples[i];
        fprintf(out, "sample %" PRId64 " %d %" PRId64 " %" PRId64 " %" PRId64 "\n", s->stamp, s->replica, s->latency_us,
                s->gap_us, s->polls);
    }
    for (size_t i = 0; i < r->violations && i < VIOLATIONS_KEPT; i++) {
        const struct violation *v = &r->violation[i];
        fprintf(out, "violation %" PRId64 " %d %" PRId64 "\n", v->stamp, v->replica, v->age_us);
    }
}

void results_print(const struct results *r, FILE *out)
{
    const struct {
        const char *name;
        uint64_t number;
    } counts[] = {
        {"violations", r->violations},
        {"refused", r->refused},
        {"admitted", r->admitted},
        {"reconnects", r->reconnects},
        {"skipped", r->skipped},
        {"loop_max_us", (uint64_t)r->loop_max_us},
        {"began_us", (uint64_t)r->began_us},
        {"ended_us", (uint64_t)r->ended_us},
    };
    print_lists(r, out);
    for (size_t i = 0; i < REPLICAS_MAX; i++) {
        fprintf(out, "reads %zu %" PRIu64 "\n", i, r->reads[i]);
    }
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        fprintf(out, "count %s %" PRIu64 "\n", counts[i].name, counts[i].number);
    }
}
