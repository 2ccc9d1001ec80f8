#include "serve/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 4096 };

/* Splits "[HOST]:PORT" or "HOST:PORT" in place. */
static bool split(char *address, const char **host, const char **port)
{
    char *colon = strrchr(address, ':');
    char *end;
    if (!colon || !colon[1]) {
        return false;
    }
    unsigned long number = strtoul(colon + 1, &end, 10);
    if (*end || colon[1] < '0' || colon[1] > '9' || number > 65535) {
        return false; /* getaddrinfo takes 99999 for a port */
    }
    *colon = '\0';
    *port = colon + 1;
    *host = address;
    size_t len = strlen(address);
    if (len >= 2 && address[0] == '[' && address[len - 1] == ']') {
        address[len - 1] = '\0';
        *host = address + 1;
    }
    return true;
}

bool listen_resolve(const char *address, struct addrinfo **out, struct error *e)
{
    char copy[256];
    const char *host;
    const char *port;
    snprintf(copy, sizeof copy, "%s", address);
    if (!split(copy, &host, &port)) {
        return error_set(e, ERROR_USAGE, "'%s' is not HOST:PORT with a port from 0 to 65535", address);
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    int failed = getaddrinfo(*host ? host : NULL, port, &hints, out);
    return !failed || error_set(e, ERROR_USAGE, "'%s' is not HOST:PORT: %s", address, gai_strerror(failed));
}

static int open_one(const struct addrinfo *a)
{
    int yes = 1;
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes) != 0 || bind(fd, a->ai_addr, a->ai_addrlen) != 0 ||
        listen(fd, BACKLOG) != 0) {
        int saved = errno;
        if (fd >= 0) {
            close(fd);
        }
        errno = saved;
        return -1;
    }
    return fd;
}

/* With SO_REUSEPORT a second process of the same user could bind the same port and take half of the connections:
 * look once without it. */
static bool is_free(const struct addrinfo *a)
{
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int yes = 1;
    bool ok = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
              bind(fd, a->ai_addr, a->ai_addrlen) == 0;
    int saved = errno;
    if (fd >= 0) {
        close(fd);
    }
    errno = saved;
    return ok;
}

bool listen_open(const char *address, int *fds, size_t count, struct error *e)
{
    struct addrinfo *a;
    if (!listen_resolve(address, &a, e)) {
        return false;
    }
    size_t opened = 0;
    bool ok = is_free(a);
    while (ok && opened < count) {
        fds[opened] = open_one(a);
        ok = fds[opened] >= 0;
        opened += ok;
    }
    if (!ok) {
        error_errno(e, "cannot listen on %s", address);
        while (opened > 0) {
            close(fds[--opened]);
        }
    }
    freeaddrinfo(a);
    return ok;
}
