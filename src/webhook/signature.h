/*
 * signature - is a webhook Meta's?  Its X-Hub-Signature-256 is the HMAC-SHA256 of the bytes of the
 * body, as they came, with the secret of the app that it is for
 * (developers.facebook.com/docs/graph-api/webhooks: "Validating Payloads").
 *
 * There may be several secrets: of several apps, or two while one is being changed.  All of them
 * are tried, always, in a time that tells nothing of which one fits, or how nearly.
 */
#ifndef WEBHOOK_SIGNATURE_H
#define WEBHOOK_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/err.h"

#define WEBHOOK_SECRETS_MAX 4

/* The secrets in force; read-only, for as many checks at once as there may be. */
struct webhook_secrets;

/* words: up to WEBHOOK_SECRETS_MAX, separated by commas; "": none, and nothing is genuine.  Null
 * with ret_err: too many, an empty one, or OpenSSL failed. */
struct webhook_secrets *webhook_secrets_new(const char *words, struct err *ret_err) MUST_CHECK;
void webhook_secrets_free(struct webhook_secrets *secrets); /* null is allowed */
unsigned webhook_secrets_count(const struct webhook_secrets *secrets);

/* One check under way. */
struct webhook_signature;

/* header: "sha256=" and 64 hexadecimal digits, or whatever came.  Null: OpenSSL failed, or no
 * memory.  The secrets may be freed before it. */
struct webhook_signature *webhook_signature_new(const struct webhook_secrets *secrets,
						const char *header) MUST_CHECK;
void webhook_signature_free(struct webhook_signature *s); /* null is allowed */
/* The body, portion by portion.  -1: OpenSSL failed. */
int webhook_signature_add(struct webhook_signature *s, const void *data, size_t len) MUST_CHECK;
/* Once, at the end. */
bool webhook_signature_fits(struct webhook_signature *s) MUST_CHECK;

/* Is this one of the words (separated by commas)?  In a time that tells nothing of them. */
bool webhook_token_fits(const char *words, const char *token) MUST_CHECK;

#endif
