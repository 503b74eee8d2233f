/*
 * api_key - keys that callers show: how they are written, and what one permits.  Pure.
 *
 *   msk_, 10 characters: the id, which may be shown; 32: the secret, 160 random bits; 6: a checksum
 *
 * All in a-z2-7.  The prefix lets scanners find a key that leaked, the checksum (CRC-32 of all
 * before it, its low 30 bits) lets a mistyped one be refused without a look-up.  Only the SHA-256
 * of the whole text is kept.
 */
#ifndef DOMAIN_API_KEY_H
#define DOMAIN_API_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "domain/message.h"

#define API_KEY_ID_BYTES 11   /* 10 characters and the ending 0 */
#define API_KEY_TEXT_BYTES 53 /* 52 and the ending 0 */
#define API_KEY_RANDOM_BYTES 27
#define API_KEY_HASH_BYTES 32
#define API_KEY_OUTLETS_MAX 64
#define API_KEY_OUTLETS_BYTES (API_KEY_OUTLETS_MAX * (MESSAGE_TOKEN_MAX + 1) + 1)

/* What a route needs, and (or-ed) what a key has. */
enum scope {
	SCOPE_SEND = 1,   /* send messages, and call them off */
	SCOPE_READ = 2,   /* how they stand */
	SCOPE_MANAGE = 4, /* pause, resume, resolve, replay */
	SCOPE_REPORT = 8, /* numbers about them */
	SCOPE_OPEN = 16,  /* of a route: no key is asked for */
};

struct api_key {
	char id[API_KEY_ID_BYTES];
	uint8_t hash[API_KEY_HASH_BYTES];
	unsigned scopes;
	bool revoked;
	int64_t expires_boot_ms;               /* on the clock of who judges; INT64_MAX: never */
	char tenant_id[MESSAGE_TOKEN_MAX + 1]; /* "": of any tenant */
	/* The outlets it may speak for, divided by spaces; "": all.  Borrowed from whoever has the
	 * key. */
	const char *outlets;
};

/* The text of a new key, and its id. */
void api_key_make(const uint8_t random[API_KEY_RANDOM_BYTES], char ret_text[API_KEY_TEXT_BYTES],
		  char ret_id[API_KEY_ID_BYTES]);
/* False: never a key of ours, whoever may know it. */
bool api_key_read(const char *text, char ret_id[API_KEY_ID_BYTES]) MUST_CHECK;
/* The key in "Authorization: Bearer KEY" (RFC 6750; the scheme in any case); null: there is none.
 * Borrowed. */
const char *api_key_bearer(const char *authorization);
bool api_key_is_id(const char *text) MUST_CHECK;

/* "send,read" in any order, each once; false: a word is none of them, or there is none. */
bool scopes_parse(const char *text, unsigned *ret_scopes) MUST_CHECK;
/* "send", or null: more than one, or none. */
const char *scope_name(unsigned scope);

enum api_key_verdict {
	API_KEY_GOOD = 0,
	API_KEY_WRONG,     /* another secret, revoked, or over: 401, and it is not told which */
	API_KEY_NOT_SCOPE, /* 403 */
};
/* hash: of the text that was shown; compared without regard to where it differs. */
enum api_key_verdict api_key_judge(const struct api_key *key,
				   const uint8_t hash[API_KEY_HASH_BYTES], enum scope needed,
				   int64_t now_boot_ms);
/* May it speak for this tenant? */
bool api_key_fits_tenant(const struct api_key *key, const char *tenant_id);
/* So for this outlet. */
bool api_key_fits_outlet(const struct api_key *key, const char *outlet_id);

#endif
