/* SIGHUP: options that can change, certificate, key and ticket keys are read again while the program runs. All of it
 * is taken, or nothing. The main thread only. */
#pragma once
#include "admin/admin.h"
#include "options.h"

struct reload {
    int argc; /* of the program: command line and environment come before the file, then as now */
    char **argv;
    struct options *options; /* what is in force */
    struct server *server;
    struct admin *admin;
};

/* Logs and counts what became of it. */
void reload_all(const struct reload *r);
