/*
 * seal - secrets at rest: AES-256-GCM (NIST SP 800-38D) under one of a few master keys.
 *
 *   version 1 | length of the key's id | key id | nonce, 12 random bytes | ciphertext | tag, 16
 *
 * What is sealed belongs to one place (what it is, whose, which row), which is the additional
 * authenticated data: moved to another row, or read as something else, it does not open.
 * The file of master keys has a line "<id> <base64 of 32 bytes>" for each, '#' begins a comment;
 * the first one seals, all open, so that a new one is put before the old one until everything has
 * been sealed anew.
 */
#ifndef CRYPTO_SEAL_H
#define CRYPTO_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"

#define SEAL_KEYS_MAX 8
#define SEAL_KEY_ID_MAX 16
#define SEAL_TEXT_MAX 4095
/* What sealing adds to a text, at most. */
#define SEAL_ADDED_MAX (2 + SEAL_KEY_ID_MAX + 12 + 16)

struct seal_keys;

/* Ids have 1 to 16 letters, digits, '-', '_'.  Null with ret_err (ERR_INVALID), which names file
 * and line and never what stands there: a line is wrong, an id comes twice, there are none or more
 * than SEAL_KEYS_MAX, or others than the file's owner and group may read it. */
struct seal_keys *seal_keys_load(const char *file, struct err *ret_err) MUST_CHECK;
/* Wiped; null is allowed. */
void seal_keys_free(struct seal_keys *keys);

struct seal_place {
	const char *what;      /* "outlet.token" */
	const char *tenant_id; /* without the byte 0, as any C string */
	const char *row;       /* the rest of the row's key */
};

/* ret: strlen(text) + SEAL_ADDED_MAX bytes.  -1: longer than SEAL_TEXT_MAX, or OpenSSL failed. */
int seal_text(const struct seal_keys *keys, const struct seal_place *place, const char *text,
	      uint8_t *ret, size_t *ret_len, struct err *ret_err) MUST_CHECK;
/* The text with its ending 0.  -1 (nothing of it is in ret): another place's, changed, of a key
 * that is not at hand, or longer than fits. */
int seal_open(const struct seal_keys *keys, const struct seal_place *place, const uint8_t *sealed,
	      size_t len, char *ret, size_t size, struct err *ret_err) MUST_CHECK;
/* By the key that seals now? */
bool seal_is_current(const struct seal_keys *keys, const uint8_t *sealed, size_t len);
/* The beginning of all that this key seals, for a query; its length. */
size_t seal_current_prefix(const struct seal_keys *keys, uint8_t ret[2 + SEAL_KEY_ID_MAX]);

#endif
