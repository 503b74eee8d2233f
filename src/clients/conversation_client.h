/*
 * conversation_client - stores a sent message with the Conversation Service.
 *
 * POST {base}/api/v1/messages with X-Tenant-Id and Idempotency-Key: <message_id>; any 2xx is
 * success.  Never repeated in here, but libcurl may do so when a connection it used before
 * ends without an answer: the key makes that harmless.
 */
#ifndef CLIENTS_CONVERSATION_CLIENT_H
#define CLIENTS_CONVERSATION_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/loop.h"
#include "domain/message.h"

/* stored: a 2xx.  Otherwise err says why; err->class ERR_PERMANENT for a 4xx other than 408,
 * 425 and 429 (it is repeated all the same, at the longest wait). */
typedef void conversation_done_fn(void *arg, uint64_t tag, bool stored, const struct err *err);

struct conversation_client;

struct conversation_client_settings {
	const char *base_url; /* copied */
	const char *ca_file;  /* copied */
	int64_t timeout_ms;
	unsigned max_connections;
	unsigned max_in_flight;
};

struct conversation_client *
conversation_client_new(struct loop *loop, const struct conversation_client_settings *settings,
			conversation_done_fn *done, void *arg, struct err *ret_err) MUST_CHECK;
void conversation_client_free(struct conversation_client *c);

/* 0: the result comes later.  -1: ret_err, nothing comes. */
int conversation_client_store(struct conversation_client *c, uint64_t tag, const struct message *m,
			      const char *wamid, struct err *ret_err) MUST_CHECK;

#endif
