/* Rows as the six legacy files in a directory. Each is written under a name of its own, <file>.part, and takes
 * its real name when all six are whole. */
#pragma once
#include "base/error.h"
#include "load/sink.h"

struct csv_files;

/* The directory is made if it is not there. */
MUST_CHECK bool csv_files_open(struct csv_files **out, const char *directory, struct error *e);
struct sink csv_files_sink(struct csv_files *files);
MUST_CHECK bool csv_files_finish(struct csv_files *files, struct error *e);
/* Removes what is not finished. */
void csv_files_close(struct csv_files **files);
