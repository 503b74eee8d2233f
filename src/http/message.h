/*
 * message - the answers of GET /api/v1/messages/{id}, .../events, .../explain and of the list.
 *
 * `json` comes from the database, whose encoder made it.
 */
#ifndef HTTP_MESSAGE_H
#define HTTP_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "http/explain.h"
#include "http/response.h"

/* The whole message: the members of the object `json`, its payload, and what it failed of. */
struct message_whole {
	const char *json;    /* an object with at least one member */
	const char *payload; /* JSON */
	bool failed;
	int failure_code; /* negative: a case of ours; 0: none */
	int failure_subcode;
};
void http_message(struct http_response *r, const struct message_whole *whole);

/* 200 with a document as it is: the timeline, a page of the list. */
void http_document(struct http_response *r, const char *json);

void http_explanation(struct http_response *r, const char *message_id,
		      const struct message_facts *facts, const struct estimate_rates *rates,
		      int64_t now_wall_us);
/* The body of the last one. */
void http_explanation_write(struct str *to, const char *message_id,
			    const struct message_facts *facts, const struct estimate_rates *rates,
			    int64_t now_wall_us);
void http_message_write(struct str *to, const struct message_whole *whole);

#endif
