/* Being told to stop: SIGINT, SIGTERM or SIGHUP. The signal only sets a flag; whatever works in steps asks
 * for it between them and fails with ERROR_STOPPED. A closed pipe is an error of write(2), not a signal. */
#pragma once
#include "base/error.h"

/* Once, before anything else starts. */
void stop_catch_signals(void);
bool stop_asked(void);
/* True: go on. */
MUST_CHECK bool stop_check(struct error *e);
