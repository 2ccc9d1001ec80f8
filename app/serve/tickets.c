#include "serve/tickets.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 16, SECRET_BYTES = 32, IV_BYTES = 16 };

struct key {
    unsigned char name[NAME_BYTES], hmac[SECRET_BYTES], aes[SECRET_BYTES];
};
_Static_assert(sizeof(struct key) == 80, "a key is what the file has of it");

struct keys {
    size_t count;
    struct key at[TICKET_KEYS_MAX];
};

/* ---- keys, as long as their context lives --------------------------------------------------- */

static int slot; /* of SSL_CTX's extra data */

static void free_keys(void *parent, void *keys, CRYPTO_EX_DATA *data, int index, long argl, void *argp)
{
    (void)parent, (void)data, (void)index, (void)argl, (void)argp;
    OPENSSL_clear_free(keys, sizeof(struct keys));
}

static void make_slot(void)
{
    slot = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_keys);
}

static bool read_keys(const char *path, struct keys *keys, struct error *e)
{
    unsigned char bytes[sizeof keys->at + 1];
    FILE *f = fopen(path, "re");
    size_t len = f ? fread(bytes, 1, sizeof bytes, f) : 0;
    if (!f || ferror(f)) {
        error_errno(e, "--tls-ticket-keys '%s' cannot be read", path);
        if (f) {
            fclose(f);
        }
        return false;
    }
    fclose(f);
    if (len == 0 || len % sizeof(struct key) != 0) {
        return error_set(e, ERROR_USAGE, "--tls-ticket-keys '%s' has %s%zu bytes; accepted: 1 to %d keys of %zu bytes",
                         path, len == sizeof bytes ? "at least " : "", len, TICKET_KEYS_MAX, sizeof(struct key));
    }
    memcpy(keys->at, bytes, len);
    keys->count = len / sizeof(struct key);
    OPENSSL_cleanse(bytes, sizeof bytes);
    return true;
}

/* ---- tickets, on a worker's thread ------------------------------------------------------------ */

static bool set_hmac(EVP_MAC_CTX *mac, struct key *key)
{
    OSSL_PARAM parameters[] = {OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->hmac, sizeof key->hmac),
                               OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){"SHA256"}, 0),
                               OSSL_PARAM_construct_end()};
    return EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

static struct key *find(struct keys *keys, const unsigned char name[NAME_BYTES])
{
    for (size_t i = 0; i < keys->count; i++) {
        if (memcmp(keys->at[i].name, name, NAME_BYTES) == 0) {
            return &keys->at[i];
        }
    }
    return NULL;
}

/* What OpenSSL wants to hear: there is no ticket, it is good, and it is good but to be replaced. */
enum { TICKET_ERROR = -1, TICKET_NONE = 0, TICKET_GOOD = 1, TICKET_RENEW = 2 };

static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
                     int encrypt)
{
    struct keys *keys = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), slot);
    struct key *key = encrypt ? &keys->at[0] : find(keys, name);
    if (!key) {
        return TICKET_NONE;
    }
    if (encrypt) {
        memcpy(name, key->name, NAME_BYTES);
        if (RAND_bytes(iv, IV_BYTES) != 1) {
            return TICKET_ERROR;
        }
    }
    if (EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->aes, iv, encrypt) != 1 || !set_hmac(mac, key)) {
        return TICKET_ERROR;
    }
    return key == &keys->at[0] ? TICKET_GOOD : TICKET_RENEW;
}

bool tickets_use_keys(SSL_CTX *context, const char *file, struct error *e)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_slot);
    struct keys *keys = OPENSSL_zalloc(sizeof *keys);
    if (!keys) {
        return error_set(e, ERROR_SYSTEM, "no memory for ticket keys");
    }
    if (!read_keys(file, keys, e)) {
        OPENSSL_clear_free(keys, sizeof *keys);
        return false;
    }
    if (SSL_CTX_set_ex_data(context, slot, keys) != 1) {
        OPENSSL_clear_free(keys, sizeof *keys);
        return error_set(e, ERROR_SYSTEM, "no memory for ticket keys");
    }
    SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket);
    return true;
}
