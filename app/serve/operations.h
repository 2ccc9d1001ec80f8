/* The operations port: a table of paths, answered by functions that fill text. On a thread of its own,
 * so that it answers whatever the workers do. */
#pragma once
#include "serve/event_loop.h"
#include "serve/server.h"

void operations_register(h2o_hostconf_t *host, const struct operations_route *routes, size_t count, void *context);
