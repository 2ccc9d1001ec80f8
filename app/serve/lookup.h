/* What the files that look up share. All of it inside the guard, on the worker's thread. Each returns false (or NULL)
 * when the answer is settled otherwise: a problem, or to wait. */
#pragma once
#include "serve/coder.h"
#include "serve/exchange.h"

void answer_problem(struct answer *a, enum problem p, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Whether what was found of this product can be shown; notes its version, and whether it is marked. */
bool answer_can_show(struct exchange *x, bool last, struct answer *a, int64_t id, const struct found *found);
/* Says why a product that exists has no documents. */
void answer_refused(const struct exchange *x, struct answer *a, const struct entry *e);
/* The product that the path names, which has documents. */
const struct entry *answer_product(struct exchange *x, bool last, struct answer *a);
/* Sets coding, length, ETag and whether the client has it already; false: no acceptable coding. */
bool answer_choose(struct exchange *x, struct answer *a, const bool available[CODINGS], const uint32_t length[CODINGS],
                   const char hash[HASH_HEX]);
/* A late form, which has this coding; NULL: the client does not take it, or it is not made. */
const struct late *answer_late(const struct exchange *x, const struct entry *e, unsigned kind, enum coding coding);
/* Asks for it if it would be as welcome as what was chosen. */
void answer_ask_late(const struct exchange *x, const struct answer *a, const struct entry *e, unsigned kind,
                     enum coding coding);
/* Keeps the entry until the request is gone. */
void answer_pin(struct exchange *x, const struct entry *e);

void look_up_index(struct exchange *x, struct answer *a); /* index.c */

/* full.c, cards.c, list.c: answers assembled from entries' pieces */
/* /full as it is without a coding; at most PARTS_MAX parts, in the entry or constant. Any thread. */
size_t full_parts(const struct entry *e, h2o_iovec_t out[PARTS_MAX]);
void look_up_full(struct exchange *x, bool last, struct answer *a);
void look_up_related_cards(struct exchange *x, bool last, struct answer *a);
void look_up_list(struct exchange *x, bool last, struct answer *a);
