/* Where rows go: into the database (loader.h) or into files (csv_files.h). Called table by table, in the order
 * of tables[]; each table once. */
#pragma once
#include "base/error.h"
#include "load/row.h"

struct sink {
    void *to;
    bool (*begin)(void *to, const struct table *table, struct error *e);
    bool (*row)(void *to, const struct table *table, const struct row *row, struct error *e);
    bool (*end)(void *to, const struct table *table, struct error *e);
};
