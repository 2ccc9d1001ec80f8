/* Whether bytes are one JSON value and nothing after it: yajl's parser, which the server itself does not use. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <yajl/yajl_parse.h>

static inline bool json_is_valid(const char *bytes, size_t len)
{
    yajl_handle parser = yajl_alloc(NULL, NULL, NULL);
    bool ok = yajl_parse(parser, (const unsigned char *)bytes, len) == yajl_status_ok &&
              yajl_complete_parse(parser) == yajl_status_ok;
    yajl_free(parser);
    return ok;
}
