#include "load/stop.h"

#include <signal.h>

static volatile sig_atomic_t asked;

static void ask(int signal_number)
{
    (void)signal_number;
    asked = 1;
}

void stop_catch_signals(void)
{
    /* Without SA_RESTART: a wait ends at once. */
    struct sigaction action = {.sa_handler = ask};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

bool stop_asked(void)
{
    return asked;
}

bool stop_check(struct error *e)
{
    return asked ? error_set(e, ERROR_STOPPED, "told to stop; nothing was changed") : true;
}
