/*
 * status - the answers of GET /health and GET /api/v1/messages/{id}/status (contract).
 */
#ifndef HTTP_STATUS_H
#define HTTP_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "domain/state.h"
#include "http/response.h"

void http_health(struct http_response *r, const char *version, const char *environment);
/* The description of this interface (OpenAPI, YAML). */
void http_openapi(struct http_response *r);

struct message_status {
	char message_id[40];
	enum state state;
	int failure_code;          /* 0: none */
	bool was_sent;             /* accepted by WhatsApp once */
	char wamid[160];           /* "": null in the answer */
	int64_t delivered_wall_us; /* 0: null */
	int64_t read_wall_us;      /* 0: null */
	char failure_reason[512];  /* "" unless failed */
};
/* The contract's fields, and state_detail. */
void http_status(struct http_response *r, const struct message_status *status);
/* 409: it cannot be cancelled, as it stands like that. */
void http_status_not_cancellable(struct http_response *r, const struct message_status *status);

/* 409: nobody has to decide about it; why: what stands in the way. */
void http_status_not_resolvable(struct http_response *r, const struct message_status *status,
				const char *why);

#endif
