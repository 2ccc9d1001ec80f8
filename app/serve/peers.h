/* --operations-peers: where the operations page finds the other replicas. */
#pragma once
#include "base/error.h"
#include "base/text.h"

/* HOST:PORT (http) or URLs without a path, with commas between them → origins with a space between them. An address is
 * let through only if it can be put into a header and a page as it is. */
MUST_CHECK bool peers_parse(const char *option, struct text *origins, struct error *e);
