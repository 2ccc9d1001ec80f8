/* Errors that libh2o answers by itself (a request that cannot be parsed, a body that is far too large)
 * are plain text there; this turns them into problems like all others. */
#pragma once
#include <h2o.h>

void library_errors_register(h2o_hostconf_t *host);
