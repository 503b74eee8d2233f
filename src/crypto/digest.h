/*
 * digest - SHA-256 (FIPS 180-4).
 */
#ifndef CRYPTO_DIGEST_H
#define CRYPTO_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

#define DIGEST_SHA256_BYTES 32

/* Of len bytes at data.  -1: OpenSSL failed (no memory, no provider); ret is untouched. */
int digest_sha256(const void *data, size_t len, uint8_t ret[DIGEST_SHA256_BYTES]) MUST_CHECK;

/* The same in portions.  Null: OpenSSL failed. */
struct digest;
struct digest *digest_new(void) MUST_CHECK;
void digest_free(struct digest *d);
int digest_add(struct digest *d, const void *data, size_t len) MUST_CHECK;
/* Once, at the end. */
int digest_end(struct digest *d, uint8_t ret[DIGEST_SHA256_BYTES]) MUST_CHECK;

#endif
