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

void http_problem_print_reference(FILE *out)
{
	(void)fputs("| code | status | message | Retry-After |\n|---|---|---|---|\n", out);
	for (int i = 0; i < PROBLEM_COUNT; i++)
		(void)fprintf(out, "| `%s` | %d | %s | %s |\n", rows[i].code, rows[i].status,
			      rows[i].message, rows[i].retry_after ? rows[i].retry_after : "");
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
