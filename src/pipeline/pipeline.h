/*
 * pipeline - the life of a request in a worker, as the contract's numbered steps:
 *
 *   1 receive  2 quota  3 credentials  (commit)  4 send + 5 store (delivery)  6 answer
 *
 * One request object per request, one step at a time; the table in steps.c says where each
 * result leads, answers are made in answer.c, admission (who is let in at all) is in
 * pipeline.c.  Every wait is bounded by the request's one deadline (SYNC_WAIT_SECONDS).
 *
 * A caller that leaves loses nothing: its message goes on, only the answer finds nobody.
 * One thread: the loop's.
 */
#ifndef PIPELINE_PIPELINE_H
#define PIPELINE_PIPELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "delivery/delivery.h"
#include "delivery/world.h"
#include "fcgi/server.h"
#include "http/request.h"

struct pipeline;

struct pipeline_settings {
	unsigned slot;              /* of this worker */
	bool keys;                  /* AUTH=keys: callers show one */
	unsigned max_requests;      /* at once in this worker; beyond it 503 OVERLOADED */
	int64_t sync_wait_ms;       /* SYNC_WAIT_SECONDS */
	int64_t accept_timeout_ms;  /* longest wait for the accepting commit */
	int64_t request_timeout_ms; /* one attempt */
	int64_t message_ttl_ms;     /* MESSAGE_TTL_SECONDS */
	struct estimate_rates rates;
	struct backlog_limits backlog;
	const char *version;     /* borrowed, for /health */
	const char *environment; /* borrowed, for /health */
	/* Of webhooks; words separated by commas, borrowed. */
	const char *app_secrets;
	const char *verify_tokens;
	bool unsigned_webhooks; /* taken while there is no secret */
};

struct pipeline *pipeline_new(struct world *world, const struct pipeline_settings *settings,
			      struct err *ret_err) MUST_CHECK;
void pipeline_free(struct pipeline *p);

/* The two neighbours are made after the pipeline, as they call it. */
void pipeline_attach(struct pipeline *p, struct delivery *delivery, struct fcgi_server *server);

/* For fcgi_server_new(). */
void pipeline_on_request(void *pipeline, uint64_t fcgi_id, const struct http_request *request);
/* For delivery_new(). */
void pipeline_on_result(void *pipeline, uint64_t waiter_id, const struct delivery_result *result);

/* The worker is about to end.  What waits for something else than the end of an attempt is
 * answered 202; on a reload the successor's workers still answer what was not committed yet. */
void pipeline_drain(struct pipeline *p);
/* The drain takes too long: everybody is answered now, as things stand. */
void pipeline_give_up(struct pipeline *p);
/* Requests not answered yet. */
unsigned pipeline_busy(const struct pipeline *p);

#endif
