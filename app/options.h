/* All options of atelierd: one table, which the parser, --help and the reference share. */
#pragma once
#include "base/log.h"
#include "base/option.h"
#include "refresh/refresher.h"
#include "serve/server.h"

struct options {
    const char *name;
    const char *log_level;
    const char *options_file; /* empty: none */
    bool check;
    bool metrics_markdown; /* print the table of metrics and end */
    int64_t expected_products;
    int64_t memory_limit; /* bytes */
    int64_t drain_timeout_ms;
    int64_t ready_unproven_max_ms; /* 0: never */
    struct refresher_options refresh;
    struct server_options serve;
};

extern const struct option_table atelierd_options;
/* What the parser cannot know of --log-level. */
MUST_CHECK bool options_log_level(const struct options *o, enum log_level *out, struct error *e);
