#include "response.h"

#include <stdlib.h>
#include <string.h>

static const char *header(const char *head, const char *name)
{
    size_t len = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, len) == 0 && line[2 + len] == ':') {
            return line + 2 + len + 1 + strspn(line + 2 + len + 1, " ");
        }
    }
    return NULL;
}

static bool header_has(const char *head, const char *name, const char *word)
{
    const char *value = header(head, name);
    const char *found = value ? strcasestr(value, word) : NULL;
    return found && found < value + strcspn(value, "\r");
}

enum response_state response_parse(char *bytes, size_t len, struct response *out)
{
    static const char column[] = "\"slogan\":\"" STAMP_PREFIX;
    bytes[len] = '\0';
    char *body = strstr(bytes, "\r\n\r\n");
    if (!body) {
        return RESPONSE_PARTIAL;
    }
    *body = '\0'; /* so that nothing is looked for behind the head */
    body += 4;
    const char *length = header(bytes, "content-length");
    bool ok = strncmp(bytes, "HTTP/1.1 ", 9) == 0 && length;
    size_t body_len = ok ? strtoul(length, NULL, 10) : 0;
    const char *stamp = strstr(body, column);
    *out = (struct response){.status = ok ? atoi(bytes + 9) : 0,
                             .admits = header_has(bytes, "cache-status", "detail=marked") ||
                                       header_has(bytes, "cache-status", "detail=unproven"),
                             .close = header_has(bytes, "connection", "close"),
                             .stamp = stamp ? strtoll(stamp + sizeof column - 1, NULL, 10) : 0};
    body[-4] = '\r';
    size_t have = len - (size_t)(body - bytes);
    return !ok || have > body_len ? RESPONSE_BAD : have < body_len ? RESPONSE_PARTIAL : RESPONSE_WHOLE;
}
