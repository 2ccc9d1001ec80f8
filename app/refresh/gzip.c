#include "refresh/gzip.h"

#include <isa-l/igzip_lib.h>
#include <stdlib.h>

enum {
    HEAD_AND_TAIL = 18,
    STORED_MAX = 65535, /* bytes in one stored block … */
    STORED_HEAD = 5,    /* … after so many */
};

struct class
{
    size_t seen;
    struct isal_huff_histogram histogram; /* of those seen */
    struct isal_hufftables code;          /* once enough were seen */
};

struct gzip {
    struct isal_zstream stream;
    uint8_t work[ISAL_DEF_LVL1_DEFAULT];
    struct class classes[GZIP_CLASSES_MAX];
};

bool gzip_new(struct gzip **out, struct error *e)
{
    *out = calloc(1, sizeof **out);
    return *out || error_set(e, ERROR_SYSTEM, "no memory for a compressor");
}

void gzip_free(struct gzip **gzip)
{
    free(*gzip);
    *gzip = NULL;
}

size_t gzip_bound(size_t len)
{
    return len + (len / STORED_MAX + 1) * STORED_HEAD + HEAD_AND_TAIL;
}

static void learn(struct class *c, uint8_t *document, size_t len)
{
    isal_update_histogram(document, (int)len, &c->histogram);
    if (++c->seen == GZIP_LEARNT_FROM) {
        isal_create_hufftables(&c->code, &c->histogram);
    }
}

size_t gzip_compress(struct gzip *gzip, size_t class, const char *document, size_t len, char *to)
{
    struct class *c = &gzip->classes[class];
    struct isal_zstream *s = &gzip->stream;
    uint8_t *bytes = (uint8_t *)(uintptr_t)document; /* read only */
    isal_deflate_stateless_init(s);
    s->gzip_flag = IGZIP_GZIP;
    s->end_of_stream = 1;
    s->next_in = bytes;
    s->avail_in = (uint32_t)len;
    s->next_out = (uint8_t *)to;
    s->avail_out = (uint32_t)gzip_bound(len);
    if (len < GZIP_LARGE && c->seen < GZIP_LEARNT_FROM) {
        learn(c, bytes, len);
    }
    if (len < GZIP_LARGE && c->seen == GZIP_LEARNT_FROM) {
        s->hufftables = &c->code;
    } else {
        s->level = 1;
        s->level_buf = gzip->work;
        s->level_buf_size = sizeof gzip->work;
    }
    int result = isal_deflate_stateless(s);
    ENSURE(result == COMP_OK); /* what would not fit is stored as it is, and that fits */
    return s->total_out;
}
