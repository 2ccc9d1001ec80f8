#include "serve/peers.h"

#include <string.h>

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]";

static size_t scheme_length(const char *at)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        if (strncmp(at, schemes[i], strlen(schemes[i])) == 0) {
            return strlen(schemes[i]);
        }
    }
    return 0;
}

bool peers_parse(const char *option, struct text *origins, struct error *e)
{
    for (const char *at = option; *at; at += *at == ',') {
        size_t len = strcspn(at, ",");
        size_t scheme = scheme_length(at);
        if (scheme >= len || strspn(at + scheme, letters) != len - scheme) {
            return error_set(e, ERROR_USAGE,
                             "--operations-peers: '%.*s' came; accepted: HOST:PORT or http://HOST:PORT or"
                             " https://HOST:PORT, with commas between them",
                             (int)len, at);
        }
        text_printf(origins, "%s%s%.*s", origins->len ? " " : "", scheme ? "" : "http://", (int)len, at);
        at += len;
    }
    return !origins->failed || error_set(e, ERROR_SYSTEM, "no memory for --operations-peers");
}
