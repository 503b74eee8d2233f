/*
 * appsecret - what shows Meta that whoever uses a token has its app's secret as well
 * (developers.facebook.com, "Securing Graph API Calls").
 */
#ifndef CRYPTO_APPSECRET_H
#define CRYPTO_APPSECRET_H

#include "base/compiler.h"

#define APPSECRET_PROOF_BYTES 65 /* hexadecimal, with its ending 0 */

/* HMAC-SHA256 of the token under the secret.  -1: OpenSSL failed. */
int appsecret_proof(const char *secret, const char *token,
		    char ret[APPSECRET_PROOF_BYTES]) MUST_CHECK;

#endif
