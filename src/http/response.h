/*
 * response - one HTTP answer.  Owned by whoever builds it; fini after it was answered.
 *
 * The functions that write a whole answer (problem.h, send.h, status.h, router.h) initialise
 * it themselves: only http_response_fini() is the caller's.
 */
#ifndef HTTP_RESPONSE_H
#define HTTP_RESPONSE_H

#include <stdbool.h>

#include "base/str.h"

#define HTTP_RESPONSE_HEADERS 8
/* The answer to a bulk call tells of every item. */
#define HTTP_RESPONSE_BODY_MAX ((size_t)8 * 1024 * 1024)

struct http_header {
	const char *name; /* static */
	char value[256];  /* visible ASCII and spaces only: checked when set */
};

struct http_response {
	int status;       /* 200... */
	const char *type; /* static; "application/json" unless set */
	unsigned header_count;
	struct http_header headers[HTTP_RESPONSE_HEADERS];
	struct str body;
};

void http_response_init(struct http_response *r, int status);
void http_response_fini(struct http_response *r);
/* A value with a control character or beyond its bound is left out: header injection is
 * impossible by construction. */
void http_response_header(struct http_response *r, const char *name, const char *value);
/* "Not Found"... static; "" for an unknown status. */
const char *http_status_text(int status);

#endif
