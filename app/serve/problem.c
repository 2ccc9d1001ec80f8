#include "serve/problem.h"

#include <string.h>

const struct problem_row problem_rows[PROBLEMS] = {
    [PROBLEM_BAD_PARAMETER] = {"bad-parameter", 400, "Bad Request", "A parameter is not acceptable", false, LOG_DEBUG},
    [PROBLEM_BAD_HEADER] = {"bad-header", 400, "Bad Request", "A header is not acceptable", false, LOG_DEBUG},
    [PROBLEM_BAD_REQUEST] = {"bad-request", 400, "Bad Request", "The request cannot be understood", false, LOG_DEBUG},
    [PROBLEM_UNKNOWN_PRODUCT] = {"unknown-product", 404, "Not Found", "There is no such product", false, LOG_DEBUG},
    [PROBLEM_NO_ROUTE] = {"no-route", 404, "Not Found", "There is nothing at this path", false, LOG_DEBUG},
    [PROBLEM_METHOD] = {"method-not-allowed", 405, "Method Not Allowed", "The method is not allowed", false, LOG_DEBUG},
    [PROBLEM_NOT_ACCEPTABLE] = {"not-acceptable", 406, "Not Acceptable", "No acceptable coding", false, LOG_DEBUG},
    [PROBLEM_BODY_TOO_LARGE] = {"body-too-large", 413, "Payload Too Large", "The request's body is too large", false,
                                LOG_DEBUG},
    [PROBLEM_URI_TOO_LONG] = {"uri-too-long", 414, "URI Too Long", "The URL is too long", false, LOG_DEBUG},
    [PROBLEM_HEADERS_TOO_LARGE] = {"headers-too-large", 431, "Request Header Fields Too Large",
                                   "The request's headers are too large", false, LOG_DEBUG},
    [PROBLEM_NOT_LOADED] = {"not-loaded", 503, "Service Unavailable", "Not in memory yet", true, LOG_WARN},
    [PROBLEM_NOT_FRESH] = {"not-fresh", 503, "Service Unavailable", "Not as fresh as asked for", true, LOG_WARN},
    [PROBLEM_UNAVAILABLE] = {"unavailable", 503, "Service Unavailable", "The document is not available", true,
                             LOG_ERROR},
    [PROBLEM_INTERNAL] = {"internal", 500, "Internal Server Error", "Something is wrong in the server", false,
                          LOG_ERROR},
};

enum problem problem_for_status(int status)
{
    switch (status) {
    case 404:
        return PROBLEM_NO_ROUTE;
    case 413:
        return PROBLEM_BODY_TOO_LARGE;
    case 503:
        return PROBLEM_UNAVAILABLE;
    default:
        return status >= 500 ? PROBLEM_INTERNAL : PROBLEM_BAD_REQUEST;
    }
}

void problem_body(struct text *out, enum problem p, const char *detail, const char *instance, size_t instance_len)
{
    const struct problem_row *row = &problem_rows[p];
    text_printf(out, "{\"type\":\"urn:atelier:problem:%s\",\"title\":\"%s\",\"status\":%d,\"detail\":", row->slug,
                row->title, row->status);
    text_json(out, detail, strlen(detail));
    text_str(out, ",\"instance\":");
    text_json(out, instance, instance_len);
    text_str(out, "}");
}
