/* Announcing: what was read from the log becomes events (cache/events.h) once the cache shows it. A part of the
 * refresher; its thread only.
 *
 * Log reads are told in their order, each when the last of its products has been published; so the head of the ring is
 * a snapshot of which everything can be read here. More than is told one by one is a bulk: a loose reload at once, and
 * one that counts when all of it has been published; what changes in between is told loosely. The first load is a bulk,
 * too. */
#pragma once
#include "cache/cache.h"
#include "cache/events.h"

/* Log reads that are not published yet hold so many products; beyond, they are a bulk. */
enum { ANNOUNCE_IDS_MAX = 65536 };

struct id_list {
    int64_t *at;
    size_t count, room;
    bool lacks; /* there was no memory for some */
};
void id_list_add(struct id_list *list, int64_t id);
/* Ascending, without repeats. */
void id_list_sort(struct id_list *list);
void id_list_fini(struct id_list *list);

struct pending; /* a log read */

struct announce {
    struct pending *first, *last;
    size_t ids; /* of all pending */
    struct {
        bool open;
        enum reload reason;
        struct id_list ids; /* also before it is open: what it will have to wait for, beside what was read */
        size_t at;          /* ids before it are published */
        stamp stamp;
        uint64_t era;
        struct snapshot to; /* what has been told loosely, too */
        int64_t hint_us;    /* no other loose reload before: one bulk after the other must not be a storm of them */
    } bulk;
    struct resume *resumes; /* questions that wait for their answer */
    bool reading;           /* the log, for some of them */
};
void announce_fini(struct announce *a);
