/*
 * webhook - the HTTP side of Meta's webhooks: its handshake, and answers.  Who is genuine is judged
 * elsewhere.
 */
#ifndef HTTP_WEBHOOK_H
#define HTTP_WEBHOOK_H

#include <stdbool.h>

#include "base/compiler.h"
#include "http/response.h"

#define HTTP_WEBHOOK_TOKEN_BYTES 1024
#define HTTP_WEBHOOK_CHALLENGE_BYTES 256

/* GET ?hub.mode=subscribe&hub.challenge=…&hub.verify_token=…, in any order, with whatever else the
 * address has. */
struct http_webhook_setup {
	char token[HTTP_WEBHOOK_TOKEN_BYTES];
	char challenge[HTTP_WEBHOOK_CHALLENGE_BYTES]; /* visible ASCII */
};

/* False: it is no handshake. */
bool http_webhook_setup_read(const char *query, struct http_webhook_setup *ret) MUST_CHECK;

/* 200 with the bare challenge; 403; 200. */
void http_webhook_set_up(struct http_response *r, const char *challenge);
void http_webhook_not_set_up(struct http_response *r);
void http_webhook_taken(struct http_response *r, unsigned statuses, unsigned changes);
/* 403: no secret is configured. */
void http_webhook_off(struct http_response *r);

#endif
