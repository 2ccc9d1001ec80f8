/* Events as text/event-stream says them (HTML Standard, 9.2). Pure. */
#pragma once
#include "cache/events.h"

/* Which products somebody follows: ascending; none: all of them. */
struct wanted {
    const int64_t *ids;
    size_t count;
};

/* A change each, for the batch's products after `*product`, until `out` holds at least `most` bytes; moves `*product`.
 * true: there are no more. */
bool event_text_changes(struct text *out, const struct event_batch *b, struct wanted wanted, int64_t *product,
                        size_t most, uint64_t *count);
/* `b` tells the position and the version. */
void event_text_reload(struct text *out, const struct event_batch *b, enum reload why);
/* A comment. `head`: where the client stands, which moves its Last-Event-ID and is no event to it; or NULL. */
void event_text_heartbeat(struct text *out, const struct event_batch *head);
