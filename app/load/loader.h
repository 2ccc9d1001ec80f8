/* Rows into the database: aside, and then in the live tables' place in one short transaction
 * (migrations/deploy/loading.sql). Until loader_finish() has returned true the catalogue is as it was. One
 * thread. */
#pragma once
#include "base/error.h"
#include "load/progress.h"
#include "load/sink.h"

struct loader;

/* Connects and makes empty tables beside the live ones. Refused while another load runs, and when something
 * that hangs on the live tables would be lost. */
MUST_CHECK bool loader_open(struct loader **out, const char *conninfo, struct progress *progress, struct error *e);
/* Takes the rows of all six tables. */
struct sink loader_sink(struct loader *loader);
/* Keys, indexes, triggers, rights; then the swap, which waits for those who read the live tables, a bounded
 * number of times. */
MUST_CHECK bool loader_finish(struct loader *loader, struct error *e);
/* Drops what was not swapped in; what cannot be dropped now is dropped by the next load. */
void loader_close(struct loader **loader);
