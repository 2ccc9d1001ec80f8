/* Legacy CSV files into rows: read, understood, checked, counted. Knows nothing of where the rows go. */
#pragma once
#include "base/error.h"
#include "load/progress.h"
#include "load/report.h"
#include "load/sink.h"

/* All six files must be in `directory`. A row that is not accepted goes to `rejects` and is counted; a file that
 * is not what it should be fails, as does one of whose rows not a single one is accepted. */
MUST_CHECK bool import_files(const char *directory, struct sink *sink, struct rejects *rejects,
                             struct progress *progress, struct report *report, struct error *e);
