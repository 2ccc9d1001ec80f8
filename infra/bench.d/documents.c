#include "documents.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ID_LIMIT = 100000000 }; /* a table by id, not a hash: nothing is cheaper */

static bool make_room(struct documents *d, int64_t id)
{
    if (id <= d->id_max) {
        return true;
    }
    int64_t id_max = id * 2 < 1024 ? 1024 : id * 2;
    struct document **grown = realloc(d->by_id, (size_t)(id_max + 1) * sizeof *grown);
    if (!grown) {
        return false;
    }
    memset(grown + d->id_max + 1, 0, (size_t)(id_max - d->id_max) * sizeof *grown);
    d->by_id = grown;
    d->id_max = id_max;
    return true;
}

static bool read_one(struct documents *d, FILE *in, int64_t id, size_t length, const char *etag, size_t spare)
{
    struct document *made = malloc(sizeof *made + length + spare);
    if (!made || !make_room(d, id) || d->by_id[id] || fread(made->bytes, 1, length, in) != length) {
        free(made);
        return false;
    }
    made->length = length;
    memcpy(made->etag, etag, ETAG_LENGTH);
    d->by_id[id] = made;
    return true;
}

static bool read_all(struct documents *d, FILE *in, size_t spare)
{
    int64_t id;
    size_t length;
    char etag[ETAG_LENGTH + 1];
    int fields;
    while ((fields = fscanf(in, "%" SCNd64 " %zu %34s", &id, &length, etag)) == 3) {
        bool fits = id >= 0 && id <= ID_LIMIT && strlen(etag) == ETAG_LENGTH && getc(in) == '\n';
        if (!fits || !read_one(d, in, id, length, etag, spare)) {
            return false;
        }
    }
    return fields == EOF && d->by_id;
}

bool documents_read(struct documents *out, const char *file, size_t spare, struct error *e)
{
    FILE *in = fopen(file, "rb");
    *out = (struct documents){.id_max = -1};
    if (!in) {
        return error_errno(e, "--documents: cannot read '%s'", file);
    }
    bool ok = read_all(out, in, spare);
    long at = ftell(in);
    fclose(in);
    return ok || error_set(e, ERROR_DATA,
                           "--documents: '%s' is not 'ID LENGTH ETAG', newline, LENGTH bytes, again and "
                           "again; stopped at byte %ld",
                           file, at);
}
