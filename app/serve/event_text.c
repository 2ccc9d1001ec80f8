#include "serve/event_text.h"

#include <inttypes.h>

/* The index of the first id after `product`. */
static size_t after(const int64_t *ids, size_t count, int64_t product)
{
    size_t low = 0;
    while (low < count) {
        size_t middle = low + (count - low) / 2;
        if (ids[middle] <= product) {
            low = middle + 1;
        } else {
            count = middle;
        }
    }
    return low;
}

/* The first product after `product` that both have; 0: none. */
static int64_t next_of(const struct event_batch *b, struct wanted wanted, int64_t product)
{
    if (wanted.count == 0) {
        size_t at = after(b->ids, b->count, product);
        return at < b->count ? b->ids[at] : 0;
    }
    for (size_t i = after(wanted.ids, wanted.count, product); i < wanted.count; i++) {
        size_t at = after(b->ids, b->count, wanted.ids[i] - 1);
        if (at < b->count && b->ids[at] == wanted.ids[i]) {
            return wanted.ids[i];
        }
    }
    return 0;
}

static void id_line(struct text *out, const struct event_batch *b, int64_t product)
{
    if (b->loose || !b->to_text) {
        return;
    }
    if (product == 0) {
        text_printf(out, "id: %" PRIu64 "-%s\n", b->era, b->to_text);
    } else if (b->from_text) {
        text_printf(out, "id: %" PRIu64 "-%s-%s-%" PRId64 "\n", b->era, b->from_text, b->to_text, product);
    }
}

bool event_text_changes(struct text *out, const struct event_batch *b, struct wanted wanted, int64_t *product,
                        size_t most, uint64_t *count)
{
    int64_t id = next_of(b, wanted, *product);
    while (id != 0 && out->len < most) {
        int64_t next = next_of(b, wanted, id);
        id_line(out, b, next == 0 ? 0 : id);
        text_printf(out, "event: change\ndata: {\"id\":%" PRId64 ",\"version\":\"%" PRIu64 ".%" PRIu64 "\"}\n\n", id,
                    b->era, b->version);
        *product = id;
        ++*count;
        id = next;
    }
    return id == 0;
}

void event_text_reload(struct text *out, const struct event_batch *b, enum reload why)
{
    id_line(out, b, 0);
    text_printf(out, "event: reload\ndata: {\"reason\":\"%s\",\"version\":\"%" PRIu64 ".%" PRIu64 "\"}\n\n",
                reload_names[why], b->era, b->version);
}

void event_text_heartbeat(struct text *out, const struct event_batch *head)
{
    text_str(out, ":\n");
    if (head) {
        id_line(out, head, 0);
    }
    text_str(out, "\n");
}
