/* What /status says for those who watch: the operators' page, above all. */
#include "admin/watch.h"

#include "base/clock.h"
#include "base/metric.h"

#include <inttypes.h>

static void print_canaries(const struct refresh_metrics *m, struct text *out)
{
    struct histogram visible = {0};
    histogram_collect(&visible, &m->visible);
    text_printf(out, "\"canaries\":{\"shown\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"sum_us\":%" PRIu64 "},",
                metric_get(&m->canaries_shown), metric_get(&m->canaries_lost), metric_get(&visible.sum_us));
}

static void print_audit(const struct refresh_metrics *m, struct text *out)
{
    text_printf(out,
                "\"audit\":{\"checked\":%" PRIu64 ",\"inconsistent\":%" PRIu64 ",\"repaired\":%" PRIu64
                ",\"cycles\":%" PRIu64 ",\"last_cycle_s\":%" PRIu64 ",\"last_cycle_ended\":%" PRIu64 "},",
                metric_get(&m->audit_checked), metric_get(&m->audit_inconsistent), metric_get(&m->audit_repaired),
                metric_get(&m->audit_cycles), metric_get(&m->audit_cycle_seconds), metric_get(&m->audit_cycle_ended));
}

/* Ids as text: browsers' numbers end at 2⁵³. */
static void print_recent(const struct refresher *r, struct text *out)
{
    struct recent_change recent[RECENT_MAX];
    size_t count = refresher_recent(r, recent);
    int64_t since_1970_us = clock_wall_us() - clock_us();
    text_str(out, "\"recent\":[");
    for (size_t i = 0; i < count; i++) {
        text_printf(out, "%s{\"id\":\"%" PRId64 "\",\"ms\":%" PRId64 "}", i ? "," : "", recent[i].id,
                    (recent[i].us + since_1970_us) / 1000);
    }
    text_str(out, "],");
}

void admin_print_watch(const struct admin *a, struct text *out)
{
    const struct refresh_metrics *m = refresher_metrics(a->refresher);
    text_printf(out, "\"changes\":%" PRIu64 ",\"postgres_connections\":%" PRIu64 ",", metric_get(&m->changes),
                metric_get(&m->connections));
    print_canaries(m, out);
    print_audit(m, out);
    print_recent(a->refresher, out);
    server_print_status(a->server, out);
}
