/* What a gzip member inflates to, by zlib: another implementation than the one that is tested. */
#pragma once
#include "unit.h"

#include <zlib.h>

/* One member, whole, with nothing after it, that inflates to these bytes. */
static inline void check_gzip(const char *gzip, size_t len, const char *expected, size_t expected_len)
{
    z_stream z = {0};
    char *plain = malloc(expected_len + 1);
    assert_non_null(plain);
    assert_int_equal(inflateInit2(&z, 16 + MAX_WBITS), Z_OK); /* 16: gzip and nothing else */
    z.next_in = (Bytef *)(uintptr_t)gzip;
    z.avail_in = (uInt)len;
    z.next_out = (Bytef *)plain;
    z.avail_out = (uInt)expected_len + 1;
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.avail_in, 0);
    check_bytes("gzip", plain, z.total_out, expected, expected_len);
    inflateEnd(&z);
    free(plain);
}
