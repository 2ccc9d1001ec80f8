/* The contract's limits on what one request may ask for. */
#pragma once

enum {
    LIST_COUNT_DEFAULT = 5,
    LIST_COUNT_MAX = 1000, /* cards on one page */
    LIST_IDS_MAX = 100,    /* ids in one ?ids= */
    URL_MAX = 2048,        /* bytes of path and query */
    HEADERS_MAX = 16384,   /* bytes of all request header names and values */
    BODY_MAX = 4096,       /* bytes of a request body that is ignored */
};
