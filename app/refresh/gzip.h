/* Gzip of documents when they are published; one for each thread.
 *
 * Documents of one kind are much alike, so the first of them say which Huffman code suits them all: what follows is
 * compressed with that code in one pass, at a fifth of the time that it takes to find a code for each, and 8 % larger
 * ("semi-static" in ISA-L). Each process learns its own code: bytes may differ between replicas, what they inflate to
 * does not. */
#pragma once
#include "base/error.h"

#include <stddef.h>

enum {
    GZIP_CLASSES_MAX = 4,
    GZIP_LEARNT_FROM = 256, /* documents of a class */
    GZIP_LARGE = 32 << 10,  /* bytes, from which on a document has a code of its own */
};

struct gzip;

MUST_CHECK bool gzip_new(struct gzip **out, struct error *e);
void gzip_free(struct gzip **gzip);
/* What a document may take at most. */
size_t gzip_bound(size_t len);
/* One member. `class`: below GZIP_CLASSES_MAX, documents that are alike; `to` has room for gzip_bound(len).
 * Returns its length; never fails. */
size_t gzip_compress(struct gzip *gzip, size_t class, const char *document, size_t len, char *to);
