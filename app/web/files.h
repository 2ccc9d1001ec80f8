/* The files of the pages, compiled into the program by pack.cmake: named by their content, compressed ahead. Those of
 * the storefront and /docs; and of the operators' page, which has a port of its own. */
#pragma once
#include <stdint.h>

struct web_bytes {
    const unsigned char *at; /* NULL: this coding was not made */
    uint32_t length;
};

struct web_file {
    const char *path; /* "/docs", or "/assets/" name "." hash "." extension */
    const char *name; /* in app/web; pages: "" */
    const char *type; /* Content-Type */
    char hash[33];    /* of the content: SHA-256, its first 32 digits */
    struct web_bytes identity, gzip, brotli;
};

extern const struct web_file web_files[];
extern const uint32_t web_file_count;

extern const struct web_file operations_files[];
extern const uint32_t operations_file_count;
