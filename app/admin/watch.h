/* The part of /status that is there to be watched. */
#pragma once
#include "admin/admin.h"

/* JSON members, each with a comma behind it. */
void admin_print_watch(const struct admin *a, struct text *out);
