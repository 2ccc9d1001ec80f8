#include "admin/check.h"

#include "base/clock.h"
#include "serve/listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LIMIT_MS = 2000, ANSWER_MAX = 4096 };

static const char request[] = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/* Nobody can connect to "any address". */
static void prefer_loopback(struct sockaddr *address)
{
    struct sockaddr_in *four = (struct sockaddr_in *)(void *)address;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)(void *)address;
    if (address->sa_family == AF_INET && four->sin_addr.s_addr == htonl(INADDR_ANY)) {
        four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    } else if (address->sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr)) {
        six->sin6_addr = in6addr_loopback;
    }
}

/* false: with errno; ETIMEDOUT past the deadline. */
static bool wait_for(int fd, short events, int64_t deadline_ms)
{
    struct pollfd p = {.fd = fd, .events = events};
    int64_t left_ms = deadline_ms - clock_ms();
    int n = left_ms > 0 ? poll(&p, 1, (int)left_ms) : 0;
    if (n == 0) {
        errno = ETIMEDOUT;
    }
    return n > 0;
}

static bool connect_to(int fd, const struct addrinfo *a, int64_t deadline_ms)
{
    int failed = 0;
    socklen_t len = sizeof failed;
    if (connect(fd, a->ai_addr, a->ai_addrlen) == 0) {
        return true;
    }
    if (errno != EINPROGRESS || !wait_for(fd, POLLOUT, deadline_ms) ||
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &len) != 0) {
        return false;
    }
    errno = failed;
    return failed == 0;
}

/* Until the server closes; what is more than fits is passed over. */
static bool receive(int fd, char answer[ANSWER_MAX], int64_t deadline_ms)
{
    size_t len = 0;
    ssize_t n = 1;
    char more[ANSWER_MAX];
    while (n > 0) {
        if (!wait_for(fd, POLLIN, deadline_ms)) {
            return false;
        }
        n = recv(fd, more, sizeof more, 0);
        size_t room = ANSWER_MAX - 1 - len;
        size_t taken = n <= 0 ? 0 : (size_t)n < room ? (size_t)n : room;
        memcpy(answer + len, more, taken);
        len += taken;
    }
    answer[len] = '\0';
    return n == 0;
}

static bool judge(const char *address, char *answer, struct error *e)
{
    int status = 0;
    char *body = strstr(answer, "\r\n\r\n");
    if (sscanf(answer, "HTTP/1.1 %d ", &status) != 1 || !body) {
        return error_set(e, ERROR_DATA, "%s answers, but not with HTTP/1.1", address);
    }
    body += strlen("\r\n\r\n");
    body[strcspn(body, "\r\n")] = '\0';
    return status == 200 || error_set(e, ERROR_SYSTEM, "%s answers /healthz with %d: %s", address, status, body);
}

static bool ask(const char *address, const struct addrinfo *a, struct error *e)
{
    char answer[ANSWER_MAX];
    int64_t deadline_ms = clock_ms() + LIMIT_MS;
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return error_errno(e, "no socket to ask with");
    }
    bool answered = connect_to(fd, a, deadline_ms) &&
                    send(fd, request, strlen(request), MSG_NOSIGNAL) == (ssize_t)strlen(request) &&
                    receive(fd, answer, deadline_ms);
    int saved = errno;
    close(fd);
    errno = saved;
    return answered ? judge(address, answer, e) : error_errno(e, "%s does not answer /healthz", address);
}

bool check_health(const char *address, struct error *e)
{
    struct addrinfo *a;
    if (!*address) {
        return error_set(e, ERROR_USAGE, "--check asks the operations port, and --listen-operations is empty");
    }
    if (!listen_resolve(address, &a, e)) {
        return false;
    }
    prefer_loopback(a->ai_addr);
    bool ok = ask(address, a, e);
    freeaddrinfo(a);
    return ok;
}
