/* --operations-peers: what comes of it goes into a header and a page, so nothing else may. */
#include "unit.h"

#include "serve/peers.h"

static const struct {
    const char *option, *origins; /* NULL: refused */
} rows[] = {
    {"", ""},
    {"127.0.0.1:9102", "http://127.0.0.1:9102"},
    {"r2:9102,r3:9103", "http://r2:9102 http://r3:9103"},
    {"http://r2:9102,https://r3.example", "http://r2:9102 https://r3.example"},
    {"[::1]:9102", "http://[::1]:9102"},
    {",", NULL},
    {"r2:9102,,r3:9103", NULL},
    {"http://", NULL},
    {"ftp://r2", NULL},
    {"r2:9102/status", NULL},
    {"r2:9102 r3:9103", NULL},
    {"r2;script-src *", NULL},
    {"r2\r\nx: y", NULL},
    {"*", NULL},
    {"'self'", NULL},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text origins = {0};
        struct error e;
        bool ok = peers_parse(rows[i].option, &origins, &e);
        CHECK_ROW(rows[i].option, ok == (rows[i].origins != NULL));
        CHECK_ROW(rows[i].option, !ok || strcmp(origins.len ? origins.at : "", rows[i].origins) == 0);
        CHECK_ROW(rows[i].option, ok || e.code == ERROR_USAGE);
        text_fini(&origins);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
