#include "load/csv_files.h"

#include "load/encode.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 4096, BATCH_BYTES = 128 * 1024 };

struct csv_files {
    const char *directory; /* borrowed */
    FILE *out;             /* the table at hand's, or NULL */
    struct text batch;
    size_t begun; /* tables with a .part file */
};

static void make_path(const struct csv_files *files, const struct table *table, const char *suffix,
                      char path[PATH_BYTES])
{
    snprintf(path, PATH_BYTES, "%s/%s%s", files->directory, table->files[0], suffix);
}

bool csv_files_open(struct csv_files **out, const char *directory, struct error *e)
{
    if (mkdir(directory, 0777) != 0 && errno != EEXIST) {
        return error_errno(e, "cannot make the directory %s", directory);
    }
    *out = calloc(1, sizeof **out);
    if (!*out) {
        return error_set(e, ERROR_SYSTEM, "no memory");
    }
    (*out)->directory = directory;
    return true;
}

static bool begin_table(void *to, const struct table *table, struct error *e)
{
    struct csv_files *files = to;
    char path[PATH_BYTES];
    make_path(files, table, ".part", path);
    files->out = fopen(path, "we");
    if (!files->out) {
        return error_errno(e, "cannot write %s", path);
    }
    files->begun++;
    text_clear(&files->batch);
    encode_csv_header(&files->batch, table);
    return true;
}

static bool write_batch(struct csv_files *files, struct error *e)
{
    if (files->batch.failed) {
        return error_set(e, ERROR_SYSTEM, "no memory for a row");
    }
    if (fwrite(files->batch.at, 1, files->batch.len, files->out) != files->batch.len) {
        return error_errno(e, "writing into %s failed", files->directory);
    }
    text_clear(&files->batch);
    return true;
}

static bool put_row(void *to, const struct table *table, const struct row *row, struct error *e)
{
    struct csv_files *files = to;
    encode_csv(&files->batch, table, row);
    return files->batch.len < BATCH_BYTES && !files->batch.failed ? true : write_batch(files, e);
}

static bool end_table(void *to, const struct table *table, struct error *e)
{
    struct csv_files *files = to;
    (void)table;
    const bool written = write_batch(files, e);
    FILE *out = files->out;
    files->out = NULL;
    if (fclose(out) != 0 && written) {
        return error_errno(e, "writing into %s failed", files->directory);
    }
    return written;
}

struct sink csv_files_sink(struct csv_files *files)
{
    return (struct sink){.to = files, .begin = begin_table, .row = put_row, .end = end_table};
}

bool csv_files_finish(struct csv_files *files, struct error *e)
{
    for (size_t t = 0; t < TABLES; t++) {
        char part[PATH_BYTES];
        char path[PATH_BYTES];
        make_path(files, &tables[t], ".part", part);
        make_path(files, &tables[t], "", path);
        if (rename(part, path) != 0) {
            return error_errno(e, "cannot rename %s to %s", part, path);
        }
    }
    files->begun = 0;
    return true;
}

void csv_files_close(struct csv_files **files)
{
    if (!*files) {
        return;
    }
    if ((*files)->out) {
        fclose((*files)->out);
    }
    for (size_t t = 0; t < (*files)->begun; t++) {
        char path[PATH_BYTES];
        make_path(*files, &tables[t], ".part", path);
        unlink(path);
    }
    text_fini(&(*files)->batch);
    free(*files);
    *files = NULL;
}
