/*
 * idempotency - the Idempotency-Key header (draft-ietf-httpapi-idempotency-key-header-07).
 */
#ifndef HTTP_IDEMPOTENCY_H
#define HTTP_IDEMPOTENCY_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/err.h"

#define IDEMPOTENCY_KEY_MAX 255
#define IDEMPOTENCY_KEY_BYTES (IDEMPOTENCY_KEY_MAX + 1)

/* The key in a header's value: 1 to 255 visible ASCII characters.  A quoted string of
 * structured fields (RFC 8941, section 3.3.3) and the bare characters are the same key.  ""
 * when there is no header; one without a value is none, as web servers leave it out.
 * False: ret_err (ERR_INVALID) names the header and what would be right. */
bool idempotency_key_read(const char *header, char ret_key[IDEMPOTENCY_KEY_BYTES],
			  struct err *ret_err) MUST_CHECK;

#endif
