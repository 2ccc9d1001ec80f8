/* The health check by the program itself (--check), for images that have no HTTP client. Any thread. */
#pragma once
#include "base/error.h"

/* Asks GET /healthz of the operations port at `address`, HOST:PORT as it is listened on: where that is any address, on
 * the loopback. The whole answer has two seconds. true: it was 200; the error says what came instead. */
MUST_CHECK bool check_health(const char *address, struct error *e);
