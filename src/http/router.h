/*
 * router - which route a request means, from its raw path (REQUEST_URI, so that any
 * web-server mapping works) and method.  One row per route.
 */
#ifndef HTTP_ROUTER_H
#define HTTP_ROUTER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "domain/api_key.h"
#include "http/request.h"
#include "http/response.h"

enum route {
	ROUTE_HEALTH = 0,    /* GET /health */
	ROUTE_SEND,          /* POST /api/v1/messages/send */
	ROUTE_BULK,          /* POST /api/v1/messages/bulk */
	ROUTE_LIST,          /* GET /api/v1/messages?tenant_id=... */
	ROUTE_STATUS,        /* GET /api/v1/messages/{id}/status */
	ROUTE_EVENTS,        /* GET /api/v1/messages/{id}/events */
	ROUTE_EXPLAIN,       /* GET /api/v1/messages/{id}/explain */
	ROUTE_MESSAGE,       /* GET /api/v1/messages/{id} */
	ROUTE_CANCEL,        /* DELETE /api/v1/messages/{id} */
	ROUTE_BATCH,         /* GET /api/v1/batches/{id} */
	ROUTE_BATCH_CANCEL,  /* DELETE /api/v1/batches/{id} */
	ROUTE_REPORT,        /* GET /api/v1/reports/{name}?tenant_id=... */
	ROUTE_OPENAPI,       /* GET /api/v1/openapi.yaml */
	ROUTE_WEBHOOK,       /* POST /api/v1/webhooks/whatsapp */
	ROUTE_WEBHOOK_SETUP, /* GET of the same: Meta's handshake */
	ROUTE_PAUSE,         /* POST /api/v1/pause */
	ROUTE_RESUME,        /* POST /api/v1/resume */
	ROUTE_RESOLVE,       /* POST /api/v1/messages/{id}/resolve */
	ROUTE_REPLAY,        /* POST /api/v1/replay */
	ROUTE_COUNT,
};

/* Is this the path (as sent, without its query) of a bulk call, or of a webhook, which may have a
 * long body? */
bool http_route_is_bulk(const char *path, size_t len);
bool http_route_is_webhook(const char *path, size_t len);

#define ROUTE_PARAM_BYTES 132

struct route_match {
	enum route route;
	char param[ROUTE_PARAM_BYTES]; /* {id}, percent-decoded; "" when the route has none */
};

/* "send", "status"...: for the log; static. */
const char *http_route_name(enum route route);

/* What a key must have for it.  Each row of the table says so: there is no default. */
enum scope http_route_scope(enum route route);

/* False: ret_refusal is the answer (400, 404, 405 with Allow, 413, 415, 431), initialised
 * here.  HEAD is taken as GET (the web server drops the body). */
bool http_route(const struct http_request *request, struct route_match *ret_match,
		struct http_response *ret_refusal) MUST_CHECK;

#endif
