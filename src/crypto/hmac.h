/*
 * hmac - HMAC-SHA256 (RFC 2104, FIPS 198-1), and comparing what must not be guessed.
 */
#ifndef CRYPTO_HMAC_H
#define CRYPTO_HMAC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

#define HMAC_SHA256_BYTES 32

/* One computation under way. */
struct hmac;

/* Begins with a key of any length but 0.  Null: OpenSSL failed (no memory, no provider). */
struct hmac *hmac_new(const void *key, size_t len) MUST_CHECK;
/* Another one, as far as that has come.  Null: so too. */
struct hmac *hmac_copy(const struct hmac *h) MUST_CHECK;
/* The key is wiped; null is allowed. */
void hmac_free(struct hmac *h);
int hmac_add(struct hmac *h, const void *data, size_t len) MUST_CHECK;
/* Once, at the end. */
int hmac_end(struct hmac *h, uint8_t ret[HMAC_SHA256_BYTES]) MUST_CHECK;

/* In a time that depends on the lengths only. */
bool hmac_equal(const void *a, const void *b, size_t len) MUST_CHECK;
/* Of texts of any lengths, in a time that tells nothing of either's bytes: their SHA-256 are
 * compared.  OpenSSL failing: false. */
bool hmac_texts_equal(const char *a, const char *b) MUST_CHECK;

#endif
