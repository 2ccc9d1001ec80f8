/* What the columns of a row accept. Pure: bytes in, verdict out; any thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 1…9223372036854775807, digits only, no leading zero. */
bool value_id(const char *at, size_t len, int64_t *out);
/* 0…9999999999.99: one to ten digits, then perhaps a point and one or two more. */
bool value_price(const char *at, size_t len);
/* 0…2147483647, digits only. */
bool value_quantity(const char *at, size_t len);
/* 0, 1, true, false, in any case. */
bool value_flag(const char *at, size_t len, bool *out);
/* Well-formed UTF-8 without NUL, as Postgres takes it. */
bool value_text(const char *at, size_t len);
