/* The access log: one JSON line for every Nth request, and for every answer of 500 and above. */
#pragma once
#include <h2o.h>

void access_log_register(h2o_pathconf_t *path);
