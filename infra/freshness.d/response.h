/* An HTTP/1.1 answer of a replica: as much of it as the measurement needs. Pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Before each number in the column that is written. */
#define STAMP_PREFIX "stamp "

enum response_state { RESPONSE_PARTIAL, RESPONSE_WHOLE, RESPONSE_BAD };

struct response {
    int status;
    bool admits;   /* it says that it may be old: Cache-Status with marked or unproven */
    bool close;    /* the server will close the connection */
    int64_t stamp; /* 0: none */
};

/* `bytes` must be writable and have room for one byte more than `len`, which is set to NUL. */
enum response_state response_parse(char *bytes, size_t len, struct response *out);
