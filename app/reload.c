#include "reload.h"

#include <stdlib.h>

/* What can fail comes first; server_reload() does all of it or nothing. */
static bool take(const struct reload *r, struct options *fresh, size_t *changed, struct error *e)
{
    enum log_level level;
    if (!options_log_level(fresh, &level, e) || !options_keep_strings(&atelierd_options, r->options, fresh, e) ||
        !server_reload(r->server, &fresh->serve, e)) {
        return false;
    }
    *changed = options_take_live(&atelierd_options, r->options, fresh);
    log_set_level(level);
    r->admin->unproven_after_ms = fresh->serve.tuning.unproven_after_ms;
    r->admin->ready_unproven_max_ms = fresh->ready_unproven_max_ms;
    return true;
}

void reload_all(const struct reload *r)
{
    struct options fresh = {0};
    struct option_rest rest = {0};
    struct error e = {0};
    size_t changed = 0;
    bool applied =
        options_parse(&atelierd_options, &fresh, r->argc, r->argv, &rest, &e) && take(r, &fresh, &changed, &e);
    free(rest.file);
    if (applied) { /* whoever sees it counted finds the line in the log */
        log_info("reloaded", LOG_STR("file", r->options->options_file), LOG_INT("options_changed", changed));
        metric_add(&r->admin->reloads.applied, 1);
    } else {
        log_error("reload_refused", LOG_STR("error", e.text));
        metric_add(&r->admin->reloads.refused, 1);
    }
}
