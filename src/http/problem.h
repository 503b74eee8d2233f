/*
 * problem - error answers in the contract's one form: error, message, code (and details).
 * One row per problem: error word, code, HTTP status, default message.
 *
 * As all functions that write an answer, these initialise r.
 */
#ifndef HTTP_PROBLEM_H
#define HTTP_PROBLEM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "http/response.h"

enum problem {
	PROBLEM_INVALID_REQUEST = 0, /* 400 */
	PROBLEM_UNAUTHORIZED,        /* 401, with WWW-Authenticate */
	PROBLEM_BAD_SIGNATURE,       /* 401, of a webhook */
	PROBLEM_FORBIDDEN,           /* 403 */
	PROBLEM_NOT_FOUND,           /* 404 */
	PROBLEM_METHOD_NOT_ALLOWED,  /* 405, with Allow */
	PROBLEM_BODY_TOO_LARGE,      /* 413 */
	PROBLEM_UNSUPPORTED_TYPE,    /* 415 */
	PROBLEM_HEAD_TOO_LARGE,      /* 431 */
	PROBLEM_KEY_IN_USE,          /* 409, Retry-After 1: the first request still runs */
	PROBLEM_KEY_REUSED,          /* 422: with another body */
	PROBLEM_NOT_CANCELLABLE,     /* 409 */
	PROBLEM_BATCH_CANCELLED,     /* 409, of one message of a bulk call */
	PROBLEM_NOT_RESOLVABLE,      /* 409 */
	PROBLEM_HOLDS_FULL,          /* 409: so much is held already */
	PROBLEM_QUOTA_EXCEEDED,      /* 429 */
	PROBLEM_QUEUE_FULL,          /* 429, with a Retry-After of its own */
	PROBLEM_SEND_FAILED,         /* 500 */
	PROBLEM_INTERNAL,            /* 500 */
	PROBLEM_OVERLOADED,          /* 503, Retry-After 1 */
	PROBLEM_STORE_UNAVAILABLE,   /* 503, Retry-After 2: the database is away */
	PROBLEM_STORE_UNCERTAIN,     /* 503, Retry-After 2: "may have been taken" */
	PROBLEM_COUNT,
};

/* docs/errors.md: the table of all of them. */
void http_problem_print_reference(FILE *out);

/* message null: the row's own. */
void http_problem(struct http_response *r, enum problem problem, const char *message);
/* The 503 of an in-doubt commit: message_id and "may have been taken" under details.  keyed:
 * the request has an idempotency key, and repeating it is safe. */
void http_problem_uncertain(struct http_response *r, const char *message_id, bool keyed);
/* The same of a bulk call: batch_id, and what to do about it. */
void http_problem_bulk_uncertain(struct http_response *r, const char *batch_id, bool keyed);
/* The 429 of a full backlog, the tenant's or (else) that of all: which limit it is and how many
 * wait, under details. */
void http_problem_queue_full(struct http_response *r, bool of_tenant, int64_t limit,
			     int64_t waiting, unsigned retry_after_s);

#endif
