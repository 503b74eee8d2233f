/*
 * request - one HTTP request as the pipeline sees it: plain values, no FastCGI.
 *
 * All pointers are borrowed for the one call that hands the request over; text fields are
 * never null ("" when the header is absent) and end with 0.
 */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include <stddef.h>

#include "base/str.h"

/* Why the request could not be taken whole; the answer is a refusal. */
enum http_fault {
	HTTP_FAULT_NONE = 0,
	HTTP_FAULT_BODY_TOO_LARGE,  /* 413 */
	HTTP_FAULT_HEAD_TOO_LARGE,  /* 431: parameters beyond the bound */
	HTTP_FAULT_OVERLOADED,      /* 503: the worker holds too much of requests already */
	HTTP_FAULT_BODY_INCOMPLETE, /* 400: CONTENT_LENGTH and the bytes that came disagree */
	HTTP_FAULT_MALFORMED,       /* 400: no method, no REQUEST_URI, bad CONTENT_LENGTH */
};

struct http_request {
	enum http_fault fault;
	size_t limit_bytes; /* the bound that a fault of size passed; 0: not known */
	const char *method; /* REQUEST_METHOD, as sent */
	const char *path;   /* REQUEST_URI up to '?', still percent-encoded */
	const char *query;  /* REQUEST_URI behind '?', without it */
	const char *content_type;
	const char *request_id;      /* X-Request-Id */
	const char *prefer;          /* RFC 7240 */
	const char *idempotency_key; /* Idempotency-Key */
	const char *traceparent;     /* W3C Trace Context */
	const char *authorization;
	const char *signature; /* X-Hub-Signature-256, of a webhook */
	const char *body;      /* body[body_len] is 0 */
	size_t body_len;       /* bytes */
	/* Null, or the owner of a long body: who has to keep it moves it out of here. */
	struct str *large;
};

#endif
