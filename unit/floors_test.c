/* The floors of ARCHITECTURE.md: a folder includes only what lies below it, and each library is known to one folder.
 * Walks through app/ as it is; run from the project's root. */
#include "unit.h"

#include <errno.h>
#include <ftw.h>

static const struct floor {
    const char *folder; /* "": app/ itself */
    const char *below[6];
} floors[] = {
    {"base", {NULL}},
    {"catalog", {"base"}},
    {"cache", {"base", "catalog"}},
    {"refresh", {"base", "catalog", "cache"}},
    {"web", {NULL}},
    {"serve", {"base", "catalog", "cache", "web"}},
    {"admin", {"base", "catalog", "cache", "refresh", "serve"}},
    {"load", {"base", "catalog"}}, /* a program of its own */
    {"", {"base", "catalog", "cache", "refresh", "serve", "admin"}},
};

/* Headers, by how their name begins, and the folders that may include them. */
static const struct {
    const char *prefix;
    const char *folders[3];
} reserved[] = {
    {"h2o", {"serve"}},
    {"picotls", {"serve"}},
    {"openssl/", {"serve"}},
    {"libpq", {"refresh", "load"}},
    {"postgres", {"refresh", "load"}},
    {"yajl/", {"refresh"}},
    {"isa-l", {"refresh"}},
    {"zlib", {"serve"}},
    {"xxhash", {"refresh", "serve"}},
    {"brotli/", {"serve"}},
    {"systemd/", {""}},
    {"ck_", {"cache"}},
    /* what the files of one folder share, and nobody else */
    {"cache/cache_state.h", {"cache"}},
    {"refresh/refresher_state.h", {"refresh"}},
};

static bool is_one_of(const char *name, size_t len, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count && list[i]; i++) {
        if (strlen(list[i]) == len && memcmp(list[i], name, len) == 0) {
            return true;
        }
    }
    return false;
}

static const struct floor *floor_of(const char *folder)
{
    for (size_t i = 0; i < COUNT(floors); i++) {
        if (strcmp(floors[i].folder, folder) == 0) {
            return &floors[i];
        }
    }
    return NULL;
}

/* Why a file of `folder` may not include this; NULL: it may. `own`: in quotes, so one of the project's. */
static const char *refusal(const char *folder, const char *header, bool own)
{
    const struct floor *floor = floor_of(folder);
    if (!floor) {
        return "the folder is on no floor: give it a row here and in ARCHITECTURE.md";
    }
    for (size_t i = 0; i < COUNT(reserved); i++) {
        if (strncmp(header, reserved[i].prefix, strlen(reserved[i].prefix)) == 0 &&
            !is_one_of(folder, strlen(folder), reserved[i].folders, COUNT(reserved[i].folders))) {
            return "it belongs to another folder";
        }
    }
    if (!own) {
        return NULL;
    }
    const char *slash = strrchr(header, '/');
    size_t len = slash ? (size_t)(slash - header) : 0;
    bool same = strlen(folder) == len && memcmp(folder, header, len) == 0;
    return same || is_one_of(header, len, floor->below, COUNT(floor->below)) ? NULL : "it does not lie below";
}

static void test_rules(void **state)
{
    static const struct {
        const char *folder, *header;
        bool own, allowed;
    } rows[] = {
        {"base", "base/error.h", true, true},
        {"cache", "base/error.h", true, true},
        {"cache", "catalog/product.h", true, true},
        {"cache", "ck_hs.h", false, true},
        {"refresh", "cache/cache.h", true, true},
        {"refresh", "libpq-fe.h", false, true},
        {"refresh", "refresh/refresher_state.h", true, true},
        {"load", "libpq-fe.h", false, true},
        {"serve", "h2o.h", false, true},
        {"serve", "stdio.h", false, true},
        {"admin", "refresh/refresher.h", true, true},
        {"", "options.h", true, true},
        {"", "admin/admin.h", true, true},
        {"", "systemd/sd-daemon.h", false, true},
        /* up, across, and past the front door */
        {"base", "cache/cache.h", true, false},
        {"base", "catalog/product.h", true, false},
        {"catalog", "cache/cache.h", true, false},
        {"cache", "refresh/fetch.h", true, false},
        {"cache", "options.h", true, false},
        {"serve", "refresh/refresher.h", true, false},
        {"refresh", "serve/server.h", true, false},
        {"refresh", "admin/admin.h", true, false},
        {"load", "cache/cache.h", true, false},
        {"", "load/import.h", true, false},
        {"admin", "refresh/refresher_state.h", true, false},
        {"serve", "cache/cache_state.h", true, false},
        {"serve", "path.h", true, false}, /* by the include root only: one name, one header */
        {"serve", "../serve/path.h", true, false},
        {"admin", "h2o.h", false, false},
        {"admin", "systemd/sd-daemon.h", false, false},
        {"refresh", "h2o/memory.h", false, false},
        {"serve", "libpq-fe.h", false, false},
        {"serve", "yajl/yajl_gen.h", false, false},
        {"refresh", "ck_epoch.h", false, false},
        {"serve", "isa-l/igzip_lib.h", false, false},
        {"elsewhere", "base/error.h", true, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char row[96];
        snprintf(row, sizeof row, "%s includes %s", rows[i].folder, rows[i].header);
        CHECK_ROW(row, (refusal(rows[i].folder, rows[i].header, rows[i].own) == NULL) == rows[i].allowed);
    }
}

/* ---- the files ------------------------------------------------------------------------------ */

struct walk {
    size_t files, includes, broken;
};

/* The header that a line includes: between quotes or angle brackets; false: the line includes nothing. */
static bool included(const char *line, char header[256], bool *own)
{
    char open;
    if (sscanf(line, " # include %c%255[^\">\n]", &open, header) != 2) {
        return false;
    }
    *own = open == '"';
    return open == '"' || open == '<';
}

static void check_file(struct walk *w, const char *folder, const char *path)
{
    FILE *file = fopen(path, "re");
    char line[1024];
    bool once = path[strlen(path) - 1] == 'c'; /* only headers need it */
    assert_non_null(file);
    w->files++;
    while (fgets(line, sizeof line, file)) {
        char header[256];
        bool own;
        once |= strcmp(line, "#pragma once\n") == 0;
        if (!included(line, header, &own)) {
            continue;
        }
        w->includes++;
        const char *why = refusal(folder, header, own);
        if (why) {
            print_error("%s includes %s: %s\n", path, header, why);
            w->broken++;
        }
    }
    fclose(file);
    if (!once) {
        print_error("%s lacks #pragma once\n", path);
        w->broken++;
    }
}

static bool is_source(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && (strcmp(dot, ".c") == 0 || strcmp(dot, ".h") == 0);
}

static struct walk walk; /* nftw passes no context */

static int visit(const char *path, const struct stat *about, int kind, struct FTW *at)
{
    char folder[256] = "";
    (void)about;
    if (kind != FTW_F || !is_source(path)) {
        return 0;
    }
    size_t skip = strlen("app/");
    if ((size_t)at->base > skip) {
        snprintf(folder, sizeof folder, "%.*s", (int)((size_t)at->base - skip - 1), path + skip);
    }
    check_file(&walk, folder, path);
    return 0;
}

static void test_files(void **state)
{
    (void)state;
    if (nftw("app", visit, 16, FTW_PHYS) != 0) {
        fail_msg("app: %s; run this from the project's root", strerror(errno));
    }
    assert_true(walk.files > 50 && walk.includes > 200); /* it did look */
    assert_int_equal(walk.broken, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
