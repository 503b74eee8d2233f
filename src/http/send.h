/*
 * send - the body of POST /api/v1/messages/send, read and checked (contract).
 */
#ifndef HTTP_SEND_H
#define HTTP_SEND_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/err.h"
#include "domain/message.h"
#include "http/request.h"
#include "http/response.h"
#include "zone/zone.h"
#include "json/json_in.h"

/* A new message from the request, which came now, without id, seq and acceptance time, of this
 * tenant if it names none (null: it must); null with ret_err:
 * ERR_INVALID, text "<field>: <what is wrong and what would be right>" (first fault in the
 * order of the contract's fields; unknown members are named too). */
struct message *http_send_read(const struct http_request *request, const char *tenant_id,
			       int64_t now_wall_us, struct zones *zones,
			       struct err *ret_err) MUST_CHECK;

/* What a bulk call's messages are unless they, or its defaults, say otherwise: a JSON object. */
#define HTTP_SEND_BULK "{\"priority\":\"bulk\"}"
/* The same of one of its messages, which has its tenant_id from the call, and no key any more. */
struct message *http_send_read_item(const struct json_value *root, int64_t now_wall_us,
				    struct zones *zones, struct err *ret_err) MUST_CHECK;
/* May every message have its members?  So nothing else is carried into each. */
bool http_send_check_defaults(const struct json_value *root, struct err *ret_err) MUST_CHECK;
/* Its tenant_id alone; borrowed. */
bool http_send_read_tenant(const struct json_value *root, const char **ret_tenant_id,
			   struct err *ret_err) MUST_CHECK;

/* 200 of the contract. */
void http_send_sent(struct http_response *r, const struct message *m, const char *wamid,
		    int64_t sent_wall_us);
/* 202 with Location; detail is the exact state ("queued", "scheduled", "outcome_unknown"). */
void http_send_pending(struct http_response *r, const struct message *m, const char *detail);
/* An answer of this message once more, byte for byte; a 202 with its Location. */
void http_send_again(struct http_response *r, const struct message *m, int status,
		     const char *body);
/* 500 send_failed; title and action may be "", meta_code 0 is left out. */
void http_send_failed(struct http_response *r, const char *message_id, int meta_code,
		      const char *title, const char *action, unsigned attempts);
/* 429 of the contract; reason of the Tenant Service under details. */
void http_send_quota(struct http_response *r, const char *reason);

#endif
