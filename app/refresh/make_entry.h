/* From a rendered product to an entry: compresses, hashes, packs. Pure; one maker per thread. */
#pragma once
#include "cache/entry.h"
#include "refresh/render.h"

struct entry_maker;

/* `document_max`: the largest document served, in bytes of its identity form. */
MUST_CHECK bool entry_maker_new(struct entry_maker **out, size_t document_max, struct error *e);
void entry_maker_free(struct entry_maker **maker);

/* Renders, compresses and packs; the caller owns the entry. A document that is the same in `before`, an older entry of
 * the product or NULL, is not compressed again. A product with a document over the limit becomes an entry that says so
 * (`refused`), and is logged with its size and the option's name. */
MUST_CHECK bool entry_make(struct entry_maker *m, const struct product *p, stamp s, const struct entry *before,
                           struct entry **out, struct error *e);
/* The entry that says: there is no such product. */
MUST_CHECK bool entry_make_absent(int64_t id, stamp s, struct entry **out, struct error *e);
