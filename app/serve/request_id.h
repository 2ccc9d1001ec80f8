/* Request ids and W3C traceparents: checked when they come, made when they do not. Pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REQUEST_ID_LENGTH = 32, REQUEST_ID_MAX = 128, TRACEPARENT_LENGTH = 55 };

/* 1 to 128 visible ASCII characters: nothing that could break a header or a log line. */
bool request_id_is_valid(const char *at, size_t len);
bool traceparent_is_valid(const char *at, size_t len);
/* Not terminated. */
void request_id_make(char out[REQUEST_ID_LENGTH], uint64_t random1, uint64_t random2);
void traceparent_make(char out[TRACEPARENT_LENGTH], uint64_t random1, uint64_t random2, uint64_t random3);
