/* TLS session tickets with keys from a file, so that replicas that share it resume each other's sessions, and go on
 * after a restart. A session is as secret as these keys: they are to be changed about daily, with the old ones kept
 * behind the new one for as long as tickets live (2 h). */
#pragma once
#include "base/error.h"
#include <openssl/ssl.h>

enum { TICKET_KEYS_MAX = 16 };

/* The file is keys of 80 bytes: name 16, HMAC-SHA256 32, AES-256 32, as in NGINX's ssl_session_ticket_key. The first
 * encrypts, all decrypt; a ticket of another than the first is renewed. */
MUST_CHECK bool tickets_use_keys(SSL_CTX *context, const char *file, struct error *e);
