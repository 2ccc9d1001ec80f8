#include "refresh/recent.h"

void recent_init(struct recent *r)
{
    pthread_mutex_init(&r->mutex, NULL);
}

void recent_add(struct recent *r, int64_t us, const int64_t *ids, size_t count)
{
    size_t from = count > RECENT_MAX ? count - RECENT_MAX : 0;
    pthread_mutex_lock(&r->mutex);
    for (size_t i = from; i < count; i++) {
        r->at[r->count++ % RECENT_MAX] = (struct recent_change){.id = ids[i], .us = us};
    }
    pthread_mutex_unlock(&r->mutex);
}

size_t recent_copy(struct recent *r, struct recent_change out[RECENT_MAX])
{
    pthread_mutex_lock(&r->mutex);
    size_t count = r->count < RECENT_MAX ? r->count : RECENT_MAX;
    for (size_t i = 0; i < count; i++) {
        out[i] = r->at[(r->count - 1 - i) % RECENT_MAX];
    }
    pthread_mutex_unlock(&r->mutex);
    return count;
}
