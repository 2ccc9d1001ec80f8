/* Cards: arrays assembled from pieces of entries. Inside the guard, on the worker's thread. */
#pragma once
#include "serve/lookup.h"

struct cards {
    const struct entry *entries[LIST_COUNT_MAX];
    size_t count;
};

/* How a product is shown in an array. */
enum card_form { CARD_PLAIN, CARD_RELATED, CARD_FORMS };

/* Appends those of these products that there are to show, in this order; at most LIST_COUNT_MAX in all. Asks for
 * everything that is missing before it says to wait: one wait for the whole list. */
bool cards_add(struct exchange *x, bool last, struct answer *a, const int64_t *ids, size_t count, struct cards *cards);
/* Settles the answer: the array of these cards. */
void cards_answer(struct exchange *x, struct answer *a, const struct cards *cards, enum card_form form);
