/* The description of this API, made from app/openapi.yaml when the server is built. */
#pragma once
#include "cache/entry.h"

extern const struct openapi {
    const char *bytes[CODINGS];
    uint32_t length[CODINGS];
    char hash[HASH_HEX + 1];
} openapi;
