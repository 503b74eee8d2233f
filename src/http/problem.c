#include "http/problem.h"

#include <stddef.h>
#include <stdio.h>

#include "http/problem_private.h"

struct problem_row {
	int status;
	const char *error;
	const char *code;
	const char *message;
	const char *retry_after; /* seconds; null: none */
};

static const struct problem_row rows[PROBLEM_COUNT] = {
	[PROBLEM_INVALID_REQUEST] = { 400, "invalid_request", "INVALID_REQUEST",
				      "The request is not valid.", NULL },
	[PROBLEM_UNAUTHORIZED] = { 401, "unauthorized", "UNAUTHORIZED",
				   "Authorization: is no key that is in force; send Authorization: "
				   "Bearer and your API key",
				   NULL },
	[PROBLEM_FORBIDDEN] = { 403, "forbidden", "FORBIDDEN", "This key may not do that.", NULL },
	[PROBLEM_BAD_SIGNATURE] = { 401, "bad_signature", "BAD_SIGNATURE",
				    "X-Hub-Signature-256: is missing, or is not that of these "
				    "bytes with the app's secret; write sha256= and 64 "
				    "hexadecimal digits",
				    NULL },
	[PROBLEM_NOT_FOUND] = { 404, "not_found", "NOT_FOUND", "There is nothing at this address.",
				NULL },
	[PROBLEM_METHOD_NOT_ALLOWED] = { 405, "method_not_allowed", "METHOD_NOT_ALLOWED",
					 "This address does not take the method.", NULL },
	[PROBLEM_BODY_TOO_LARGE] = { 413, "body_too_large", "BODY_TOO_LARGE",
				     "body: is too large; send a shorter one", NULL },
	[PROBLEM_UNSUPPORTED_TYPE] = { 415, "unsupported_media_type", "UNSUPPORTED_MEDIA_TYPE",
				       "Content-Type: send application/json", NULL },
	[PROBLEM_HEAD_TOO_LARGE] = { 431, "headers_too_large", "HEADERS_TOO_LARGE",
				     "headers: are too large; send fewer or shorter ones", NULL },
	[PROBLEM_KEY_IN_USE] = { 409, "idempotency_key_in_use", "IDEMPOTENCY_KEY_IN_USE",
				 "The first request with this Idempotency-Key is still under way. "
				 "Please repeat this one after the seconds in Retry-After.",
				 "1" },
	[PROBLEM_KEY_REUSED] = { 422, "idempotency_key_reused", "IDEMPOTENCY_KEY_REUSED",
				 "Idempotency-Key: was used for a request with another body; "
				 "write a new key for a new message, and the very same bytes to "
				 "repeat one",
				 NULL },
	[PROBLEM_NOT_CANCELLABLE] = { 409, "not_cancellable", "NOT_CANCELLABLE",
				      "The message cannot be cancelled: it was sent, or may have "
				      "been, or has ended. Nothing was changed.",
				      NULL },
	[PROBLEM_BATCH_CANCELLED] = { 409, "batch_cancelled", "BATCH_CANCELLED",
				      "The batch was cancelled while it was being taken; this "
				      "message was not taken.",
				      NULL },
	[PROBLEM_NOT_RESOLVABLE] = { 409, "not_resolvable", "NOT_RESOLVABLE",
				     "The message cannot be decided about: its reply is not "
				     "unknown. Nothing was changed.",
				     NULL },
	[PROBLEM_HOLDS_FULL] = { 409, "too_many_holds", "TOO_MANY_HOLDS",
				 "So much is paused already that no more is taken. Pause the "
				 "tenant as a whole, or resume something first.",
				 NULL },
	[PROBLEM_QUOTA_EXCEEDED] = { 429, "quota_exceeded", "QUOTA_EXCEEDED",
				     "Message quota exceeded. Please upgrade your plan or wait for "
				     "quota reset.",
				     NULL },
	[PROBLEM_QUEUE_FULL] = { 429, "queue_full", "QUEUE_FULL",
				 "Too many messages wait to be sent. Nothing was taken. Please "
				 "try again after the seconds in Retry-After.",
				 NULL },
	[PROBLEM_SEND_FAILED] = { 500, "send_failed", "SEND_FAILED", "Failed to send message",
				  NULL },
	[PROBLEM_INTERNAL] = { 500, "internal_error", "INTERNAL_ERROR",
			       "The service failed. Please report it with the X-Request-Id.",
			       NULL },
	[PROBLEM_OVERLOADED] = { 503, "overloaded", "OVERLOADED",
				 "The service is full. Nothing was sent. Please try again after "
				 "the seconds in Retry-After.",
				 "1" },
	[PROBLEM_STORE_UNAVAILABLE] = { 503, "store_unavailable", "STORE_UNAVAILABLE",
					"The database cannot be reached. Nothing was sent. Please "
					"try again after the seconds in Retry-After.",
					"2" },
	[PROBLEM_STORE_UNCERTAIN] = { 503, "store_unavailable", "STORE_UNAVAILABLE",
				      "The database went away while the message was being stored. "
				      "It may have been taken: ask for its status before sending "
				      "it again.",
				      "2" },
};

/* For the manual alone. */
struct problem_meaning {
	const char *cause;
	const char *we_do;
	const char *cure;
};

static const struct problem_meaning meanings[PROBLEM_COUNT] = {
	[PROBLEM_INVALID_REQUEST] = { "A field, header or parameter is wrong, or the body is "
				      "no JSON; the message names it.",
				      "Nothing was taken.", "Correct what the message names." },
	[PROBLEM_UNAUTHORIZED] = { "No API key, or one that is unknown, has expired or was "
				   "revoked (AUTH=keys).",
				   "Nothing was taken.",
				   "Send a key that is in force; `message-sender key list` "
				   "tells which are." },
	[PROBLEM_BAD_SIGNATURE] = { "A webhook that is not signed with one of "
				    "WHATSAPP_APP_SECRET, or was changed on its way.",
				    "It is not read; Meta sends it again.",
				    "Set the app's secret as Meta shows it; let no proxy "
				    "touch the body." },
	[PROBLEM_FORBIDDEN] = { "The key has not the scope, the tenant or the outlet; "
				"or, of webhooks, the token or the secret is not ours.",
				"Nothing was done.",
				"Use another key, or one with the scope: `message-sender "
				"key create`." },
	[PROBLEM_NOT_FOUND] = { "No such address, or no message or batch of that id that "
				"the key may see.",
				"Nothing.",
				"Look at the address and the id; messages are kept for "
				"RETENTION_DAYS." },
	[PROBLEM_METHOD_NOT_ALLOWED] = { "The address is there, the method is none of its.",
					 "Nothing was done.", "Use one of those in `Allow`." },
	[PROBLEM_BODY_TOO_LARGE] = { "More than MAX_BODY_BYTES, in a bulk call "
				     "MAX_BULK_BYTES; or the web server's own limit.",
				     "Nothing was taken.", "Send less at once." },
	[PROBLEM_UNSUPPORTED_TYPE] = { "A body that is not declared as JSON.", "Nothing was taken.",
				       "Send `Content-Type: application/json`." },
	[PROBLEM_HEAD_TOO_LARGE] = { "Headers of more bytes than are taken.", "Nothing was taken.",
				     "Send fewer or shorter ones." },
	[PROBLEM_KEY_IN_USE] = { "Two requests with one Idempotency-Key at once.",
				 "The first one goes on; this one did nothing.",
				 "Repeat it after `Retry-After`: then it has the first "
				 "one's answer." },
	[PROBLEM_KEY_REUSED] = { "The key was used in the last 7 days with other bytes.",
				 "Nothing was taken.",
				 "A new message wants a new key; a repetition the same "
				 "bytes." },
	[PROBLEM_NOT_CANCELLABLE] = { "An attempt is under way, was accepted or may have been, "
				      "or the message has ended.",
				      "Nothing was changed.",
				      "Ask for its status; what was sent cannot be called back." },
	[PROBLEM_NOT_RESOLVABLE] = { "The message is not unknown: it was never lost, or somebody, "
				     "a policy or a receipt has decided.",
				     "Nothing was changed.",
				     "See its status; `message events` says who decided." },
	[PROBLEM_HOLDS_FULL] = { "The tenant has 200 pauses of its own, or all have 10,000.",
				 "Nothing was changed.",
				 "Pause the tenant as a whole, or resume something first." },
	[PROBLEM_BATCH_CANCELLED] = { "Somebody cancelled the batch while its call was still "
				      "being taken.",
				      "This message was not taken.",
				      "Send it in a call of its own if it is still wanted." },
	[PROBLEM_QUOTA_EXCEEDED] = { "The tenant has used up its quota; the reason is under "
				     "`details`.",
				     "Nothing was sent or stored.",
				     "Upgrade, or wait for the reset." },
	[PROBLEM_QUEUE_FULL] = { "MAX_BACKLOG_PER_TENANT or MAX_BACKLOG messages wait "
				 "already; `details` tells which.",
				 "Nothing was taken.",
				 "Try again after `Retry-After`; `report queue` tells "
				 "whose they are." },
	[PROBLEM_SEND_FAILED] = { "WhatsApp refused it for good, or the attempts were used "
				  "up; its code is under `details`, and below.",
				  "It is failed for ever under this `message_id`.",
				  "As `details.action` says; then send it anew, or "
				  "`message-sender queue replay`." },
	[PROBLEM_INTERNAL] = { "A fault of the service, or no memory.",
			       "It is in the log, with the `X-Request-Id`.",
			       "Report it with `message-sender support`." },
	[PROBLEM_OVERLOADED] = { "MAX_IN_FLIGHT is reached, or commits are too slow.",
				 "Nothing was taken.",
				 "Try again after `Retry-After`, with the same "
				 "Idempotency-Key." },
	[PROBLEM_STORE_UNAVAILABLE] = { "PostgreSQL cannot be reached, is starting, or its disk "
					"is full.",
					"Nothing was taken; what was accepted before is kept.",
					"Try again after `Retry-After`; mend PostgreSQL "
					"(`message-sender doctor`)." },
	[PROBLEM_STORE_UNCERTAIN] = { "The connection was lost in the midst of the commit.",
				      "Settled once PostgreSQL is back: with a key the message "
				      "is there or not; without one it is called off unless an "
				      "attempt has begun.",
				      "Repeat it with the same Idempotency-Key; without one "
				      "ask for `details.message_id`." },
};

void http_problem_print_reference(FILE *out)
{
	(void)fputs("| code | status | message | Retry-After | cause | what we do | what to do |\n"
		    "|---|---|---|---|---|---|---|\n",
		    out);
	for (int i = 0; i < PROBLEM_COUNT; i++)
		(void)fprintf(out, "| `%s` | %d | %s | %s | %s | %s | %s |\n", rows[i].code,
			      rows[i].status, rows[i].message,
			      rows[i].retry_after ? rows[i].retry_after : "", meanings[i].cause,
			      meanings[i].we_do, meanings[i].cure);
}

void http_problem_members(struct json_out *out, enum problem problem, const char *message)
{
	const struct problem_row *row = &rows[problem];

	json_out_text(out, "error", row->error);
	json_out_text(out, "message", message != NULL ? message : row->message);
	json_out_text(out, "code", row->code);
}

void http_problem_begin(struct http_response *r, enum problem problem, const char *message,
			struct json_out *ret_out)
{
	const struct problem_row *row = &rows[problem];

	http_response_init(r, row->status);
	if (row->retry_after != NULL)
		http_response_header(r, "Retry-After", row->retry_after);
	if (problem == PROBLEM_UNAUTHORIZED)
		http_response_header(r, "WWW-Authenticate", "Bearer");
	json_out_begin(ret_out, &r->body);
	json_out_object(ret_out, NULL);
	http_problem_members(ret_out, problem, message);
}

void http_problem(struct http_response *r, enum problem problem, const char *message)
{
	struct json_out out;

	http_problem_begin(r, problem, message, &out);
	json_out_object_end(&out);
}

void http_problem_uncertain(struct http_response *r, const char *message_id, bool keyed)
{
	struct json_out out;

	http_problem_begin(r, PROBLEM_STORE_UNCERTAIN,
			   keyed ? "The database went away while the message was being stored. It "
				   "may have been taken: repeat the request with the same "
				   "Idempotency-Key after the seconds in Retry-After."
				 : NULL,
			   &out);
	json_out_object(&out, "details");
	json_out_text(&out, "message_id", message_id);
	json_out_text(&out, "outcome", "may have been taken");
	json_out_object_end(&out);
	json_out_object_end(&out);
}

void http_problem_bulk_uncertain(struct http_response *r, const char *batch_id, bool keyed)
{
	struct json_out out;

	http_problem_begin(
		r, PROBLEM_STORE_UNCERTAIN,
		keyed ? "The messages could not all be stored in time. Repeat the request "
			"with the same Idempotency-Key and body after the seconds in "
			"Retry-After: what is missing is added, nothing twice."
		      : "The messages could not all be stored in time. Some may have been "
			"taken: ask for the batch, or cancel it, before sending them again.",
		&out);
	json_out_object(&out, "details");
	json_out_text(&out, "batch_id", batch_id);
	json_out_text(&out, "outcome", "may have been taken");
	json_out_object_end(&out);
	json_out_object_end(&out);
}

void http_problem_queue_full(struct http_response *r, bool of_tenant, int64_t limit,
			     int64_t waiting, unsigned retry_after_s)
{
	char retry_after[16];
	struct json_out out;

	http_problem_begin(r, PROBLEM_QUEUE_FULL,
			   of_tenant ? "Too many messages of this tenant wait to be sent. Nothing "
				       "was taken. Please try again after the seconds in "
				       "Retry-After."
				     : NULL,
			   &out);
	(void)snprintf(retry_after, sizeof(retry_after), "%u", retry_after_s);
	http_response_header(r, "Retry-After", retry_after);
	json_out_object(&out, "details");
	json_out_text(&out, "limit", of_tenant ? "MAX_BACKLOG_PER_TENANT" : "MAX_BACKLOG");
	json_out_int(&out, "allowed", limit);
	json_out_int(&out, "waiting", waiting);
	json_out_object_end(&out);
	json_out_object_end(&out);
}
