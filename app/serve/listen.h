/* Listening sockets. Before threads start. */
#pragma once
#include "base/error.h"
#include <netdb.h>
#include <stddef.h>

/* Opens `count` sockets that listen on "HOST:PORT" ("[::1]:8443", "127.0.0.1:9001"; an empty HOST is any address);
 * with SO_REUSEPORT the kernel spreads connections over them. The error names the address. */
MUST_CHECK bool listen_open(const char *address, int *fds, size_t count, struct error *e);
/* What "HOST:PORT" stands for; the caller's freeaddrinfo(). */
MUST_CHECK bool listen_resolve(const char *address, struct addrinfo **out, struct error *e);
