/* Rendering: a product becomes its documents, minified JSON exactly as the contract has them, byte
 * for byte the same on every replica. Pure; one renderer per thread. */
#pragma once
#include "base/error.h"
#include "base/text.h"
#include "cache/entry.h"
#include "catalog/product.h"

/* Part of every ETag: raise it when the same rows are rendered to other bytes. */
enum { RENDERER_REVISION = 1 };

struct rendered {
    struct text document[DOCUMENT_KINDS];
    size_t card_length;             /* of the product document: card = this prefix and "}" */
    struct slice prices, thumbnail; /* of the styles document: see struct entry */
};

struct renderer;

MUST_CHECK bool renderer_new(struct renderer **out, struct error *e);
void renderer_free(struct renderer **renderer);
/* What it fills stays valid until the next call. The error names the product. */
MUST_CHECK bool renderer_render(struct renderer *r, const struct product *p, const struct rendered **out,
                                struct error *e);
