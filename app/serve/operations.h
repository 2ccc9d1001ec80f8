/* The operations port: a table of paths, answered by functions that fill text, and the page for operators (app/web).
 * Pages of other replicas may read what it says; there is nothing to change here. On a thread of its own,
 * so that it answers whatever the workers do. */
#pragma once
#include "serve/event_loop.h"
#include "serve/server.h"

/* `peers`: origins that the page may ask, with spaces between them; all of it must outlive the server. */
void operations_register(h2o_hostconf_t *host, const struct operations_route *routes, size_t count, void *context,
                         const char *peers);
