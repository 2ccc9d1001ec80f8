/* What workers have counted, each for itself, as one: requests by route, and how their loops do. Any thread. */
#pragma once
#include "serve/worker.h"

void measures_print_requests(const struct worker *workers, size_t count, struct text *out);
void measures_print_loops(const struct worker *workers, size_t count, struct text *out);
/* For /status: JSON members, each with a comma behind it. */
void measures_print_traffic(const struct worker *workers, size_t count, struct text *out);
