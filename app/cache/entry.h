/* An entry: all documents of one product, rendered and compressed. Immutable once published: there
 * is no setter. `pins` changes, but is about the memory, not the content; and late forms are added, each immutable,
 * too.
 *
 * Life: entry_new (a fetcher thread) → filled → cache_publish takes it (the refresher) → readers
 * borrow it between guard_enter and guard_leave → replaced → a grace period → freed, or, if a slow
 * client still holds a pin, freed by the last entry_unpin. */
#pragma once
#include "cache/stamp.h"
#include <ck_epoch.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum document_kind { DOCUMENT_PRODUCT, DOCUMENT_STYLES, DOCUMENT_RELATED, DOCUMENT_KINDS };
enum coding {
    CODING_IDENTITY,
    CODING_GZIP,
    CODINGS_AT_PUBLISH, /* documents have these when they are published, and the next ones perhaps later */
    CODING_BROTLI = CODINGS_AT_PUBLISH,
    CODINGS
};

enum { HASH_HEX = 32 };

struct document {
    uint32_t offset[CODINGS_AT_PUBLISH]; /* into bytes */
    uint32_t length[CODINGS_AT_PUBLISH];
    char hash[HASH_HEX]; /* XXH3-128 of the identity bytes, in hexadecimal; no NUL */
};

/* Bytes of a document's identity form. */
struct slice {
    uint32_t offset, length;
};

/* A form that is made once somebody has asked for it: brotli of a document, brotli or gzip of all of them together.
 * Immutable, and gone with its entry. */
enum { LATE_FULL = DOCUMENT_KINDS, LATE_FULL_GZIP, LATE_KINDS };
struct late {
    struct late *next;
    uint32_t kind; /* of document: its brotli form; or LATE_… */
    uint32_t length;
    char bytes[];
};

struct entry {
    /* what every request reads comes first: one line of the processor's cache, two with its document's row */
    int64_t id;
    stamp stamp;                /* of the snapshot that it was read in; set once, before publishing */
    _Atomic uint32_t pins;      /* 1 for the cache, 1 for each response that still sends it */
    uint32_t size;              /* bytes of this allocation */
    bool exists;                /* false: Postgres has no such product, and there are no documents */
    bool refused;               /* it exists, but there are no documents; `bytes` say why, as text that ends with NUL */
    bool left_out;              /* refused, for want of room: --memory-limit */
    _Atomic uint8_t late_asked; /* one bit a kind */
    uint32_t card_length;       /* the card is this prefix of the product document, and a brace */
    struct document document[DOCUMENT_KINDS];
    _Atomic(struct late *) late; /* what was made since it was published; only ever grows */
    char card_hash[HASH_HEX];    /* as document.hash, of the card's bytes */
    /* What a related card adds to the product document: members of the default style's, else the first's, in the
     * identity form of the styles document. Length 0: there is no style, or it has no photo. */
    struct slice prices;      /* ,"original_price":…,"sale_price":… */
    struct slice thumbnail;   /* "thumbnail_url":… of the first photo */
    int64_t published_us;     /* clock_us when it was published */
    uint64_t digest;          /* of the rows that it was made of (refresh/digest.h); 0 if it does not exist */
    ck_epoch_entry_t reclaim; /* memory only */
    char bytes[];
};

/* The 128 bits of a hash, most significant digit first. Any thread. */
void hash_to_hex(uint64_t high, uint64_t low, char out[HASH_HEX]);

/* With room for `bytes` bytes of documents; NULL when there is no memory. Any thread. */
struct entry *entry_new(int64_t id, bool exists, size_t bytes);
/* Of a product that exists and is not served; NULL when there is no memory. Any thread. */
struct entry *entry_new_refused(int64_t id, const char *why);
/* Gives up the documents of an entry that is not published yet, and most of its memory; the entry may move. */
void entry_leave_out(struct entry **entry);

/* Bytes of its documents in all codings. */
static inline size_t entry_payload(const struct entry *e)
{
    return e->exists && !e->refused ? e->size - sizeof *e : 0;
}
/* What an allocation takes of the heap: glibc puts a word before it and rounds to 16. */
static inline size_t heap_bytes(size_t size)
{
    return (size + sizeof(size_t) + 15) & ~(size_t)15;
}
static inline size_t entry_allocated(const struct entry *e)
{
    return heap_bytes(e->size);
}

static inline const char *entry_bytes(const struct entry *e, enum document_kind kind, enum coding coding)
{
    return e->bytes + e->document[kind].offset[coding];
}

/* Keeps it after guard_leave; only inside the guard that it was got in. Any thread. */
static inline void entry_pin(const struct entry *e)
{
    atomic_fetch_add_explicit(&((struct entry *)(uintptr_t)e)->pins, 1, memory_order_relaxed);
}
/* Any thread; the last one frees it. */
void entry_unpin(const struct entry *e);

/* ---- late forms: any thread, inside a guard or with a pin ---- */
/* NULL: not made, or not worth it. */
const struct late *entry_late(const struct entry *e, unsigned kind);
/* true for one caller a kind: it has to see to it that the form is made, or take its word back. */
bool entry_ask_late(const struct entry *e, unsigned kind);
void entry_unask_late(const struct entry *e, unsigned kind);
/* Takes `made`, which was malloc'ed. */
void entry_attach_late(const struct entry *e, struct late *made);
/* Bytes of the heap that all forms take. */
size_t entry_late_bytes(void);
