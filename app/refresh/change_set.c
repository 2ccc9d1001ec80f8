#include "refresh/change_set.h"

void change_set_drop(struct change_set *set, struct slot *slot)
{
    if (slot->queue == URGENCY_NONE) {
        return;
    }
    if (slot->before) {
        slot->before->next = slot->next;
    } else {
        set->head[slot->queue] = slot->next;
    }
    if (slot->next) {
        slot->next->before = slot->before;
    } else {
        set->tail[slot->queue] = slot->before;
    }
    set->count[slot->queue]--;
    slot->next = slot->before = NULL;
    slot->queue = URGENCY_NONE;
}

void change_set_put(struct change_set *set, struct slot *slot, enum urgency urgency)
{
    change_set_drop(set, slot);
    slot->before = set->tail[urgency];
    if (slot->before) {
        slot->before->next = slot;
    } else {
        set->head[urgency] = slot;
    }
    set->tail[urgency] = slot;
    set->count[urgency]++;
    slot->queue = urgency;
}

struct slot *change_set_take(struct change_set *set, enum urgency first, enum urgency last)
{
    for (int urgency = (int)first; urgency <= (int)last; urgency++) {
        struct slot *slot = set->head[urgency];
        if (slot) {
            change_set_drop(set, slot);
            return slot;
        }
    }
    return NULL;
}

size_t change_set_backlog(const struct change_set *set)
{
    return set->count[URGENCY_WAITED] + set->count[URGENCY_READ] + set->count[URGENCY_REST];
}
