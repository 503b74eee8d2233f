/*
 * 6: the answer.  Every answer leaves through pipeline_answer(), with X-Request-Id.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/text.h"
#include "http/problem.h"
#include "http/send.h"
#include "http/status.h"
#include "pipeline/bulk.h"
#include "pipeline/flow.h"
#include "pipeline/manage.h"
#include "pipeline/webhook.h"

static bool is_of_batch(enum route route)
{
	return route == ROUTE_BULK || route == ROUTE_BATCH || route == ROUTE_BATCH_CANCEL;
}

const char *flow_no_such_id(enum route route)
{
	return is_of_batch(route)
		       ? "No batch has this id; write the batch_id that the bulk call answered"
		       : "No message has this id; write the message_id that the send call answered";
}

/* Of a cancellation that may have happened. */
static const char *ask_again(enum route route)
{
	return is_of_batch(route)
		       ? "The database cannot be reached. Some of the messages may have been "
			 "cancelled: please ask again, with the same request, after the seconds in "
			 "Retry-After."
		       : "The database cannot be reached. The message may have been cancelled: "
			 "please ask again, with the same request, after the seconds in "
			 "Retry-After.";
}

static void answer_status(struct flow *f, struct http_response *r)
{
	const struct store_status *s = f->status;
	struct message_status status = {
		.state = s->state,
		.failure_code = s->failure_code,
		.was_sent = s->sent_wall_us != 0,
		.delivered_wall_us = s->delivered_wall_us,
		.read_wall_us = s->read_wall_us,
	};

	message_id_text(f->id, status.message_id);
	text_copy_cut(status.wamid, sizeof(status.wamid), s->wamid);
	text_copy_cut(status.failure_reason, sizeof(status.failure_reason), s->failure_reason);
	if (f->route == ROUTE_RESOLVE && *manage_hindrance(f))
		http_status_not_resolvable(r, &status, manage_hindrance(f));
	else if (f->route == ROUTE_CANCEL &&
		 (s->state != STATE_CANCELLED || s->failure_code != GRAPH_CASE_CANCELLED))
		http_status_not_cancellable(r, &status);
	else
		http_status(r, &status);
}

static void answer_again(const struct flow *f, struct http_response *r)
{
	if (f->bulk)
		http_bulk_again(r, f->id, f->key->answer_status, f->key->answer_body);
	else
		http_send_again(r, f->message, f->key->answer_status, f->key->answer_body);
}

/* Those that say nothing of the request. */
static const enum problem plain[] = {
	[REPLY_OVERLOADED] = PROBLEM_OVERLOADED,
	[REPLY_STORE_AWAY] = PROBLEM_STORE_UNAVAILABLE,
	[REPLY_KEY_IN_USE] = PROBLEM_KEY_IN_USE,
	[REPLY_KEY_REUSED] = PROBLEM_KEY_REUSED,
	[REPLY_BAD_SIGNATURE] = PROBLEM_BAD_SIGNATURE,
	[REPLY_HOLDS_FULL] = PROBLEM_HOLDS_FULL,
	[REPLY_INTERNAL] = PROBLEM_INTERNAL,
};

void flow_build(struct flow *f, struct http_response *r)
{
	const struct delivery_result *o = &f->outcome;
	char id[MESSAGE_ID_TEXT_BYTES];

	message_id_text(f->id, id);
	switch (f->reply) {
	case REPLY_PENDING:
		if (f->bulk)
			bulk_answer(f, r);
		else
			http_send_pending(r, f->message, f->detail);
		return;
	case REPLY_SENT:
		http_send_sent(r, f->message, o->wamid, o->sent_wall_us);
		return;
	case REPLY_FAILED:
		http_send_failed(r, id, o->code > 0 ? o->code : 0, o->title, o->action,
				 o->attempts);
		return;
	case REPLY_QUOTA:
		http_send_quota(r, f->reason);
		return;
	case REPLY_QUEUE_FULL:
		http_problem_queue_full(r, f->full.verdict == BACKLOG_TENANT_FULL, f->full.limit,
					f->full.waiting, f->full.retry_after_s);
		return;
	case REPLY_STATUS:
		answer_status(f, r);
		return;
	case REPLY_READ:
		*r = *f->response;
		free(f->response);
		f->response = NULL;
		return;
	case REPLY_NOT_FOUND:
		http_problem(r, PROBLEM_NOT_FOUND, flow_no_such_id(f->route));
		return;
	case REPLY_UNCERTAIN:
		if (f->bulk)
			http_problem_bulk_uncertain(r, id, f->key != NULL);
		else
			http_problem_uncertain(r, id, f->key != NULL);
		return;
	case REPLY_CANCEL_UNKNOWN:
		http_problem(r, PROBLEM_STORE_UNAVAILABLE, ask_again(f->route));
		return;
	case REPLY_AGAIN:
		answer_again(f, r);
		return;
	case REPLY_INVALID:
		http_problem(r, PROBLEM_INVALID_REQUEST, f->reason);
		return;
	case REPLY_FORBIDDEN:
		http_problem(r, PROBLEM_FORBIDDEN, f->reason);
		return;
	case REPLY_WEBHOOK:
		webhook_answer(f, r);
		return;
	case REPLY_MANAGE_UNKNOWN:
		http_problem(
			r, PROBLEM_STORE_UNAVAILABLE,
			"The database did not answer in time. It may have been done, or a part "
			"of it: please ask again, with the same request, after the seconds in "
			"Retry-After; nothing is done twice.");
		return;
	default:
		http_problem(r, plain[f->reply], NULL);
	}
}

/* What an answer says beside its bytes, which an idempotency key keeps. */
static void add_headers(const struct flow *f, struct http_response *r)
{
	char applied[PREFER_TEXT_BYTES];

	switch (f->reply) {
	case REPLY_PENDING:
	case REPLY_SENT:
	case REPLY_FAILED:
	case REPLY_AGAIN:
		break;
	default:
		return;
	}
	if (f->replayed) {
		http_response_header(r, "Idempotency-Replayed", "true");
		return;
	}
	if (f->bulk)
		return;
	prefer_applied(&f->prefer, f->pipeline->settings.sync_wait_ms, f->reply == REPLY_PENDING,
		       applied);
	if (*applied)
		http_response_header(r, "Preference-Applied", applied);
}

static void log_request(const struct flow *f, int status)
{
	const struct pipeline *p = f->pipeline;
	char id[MESSAGE_ID_TEXT_BYTES];
	struct log_line line;

	log_begin(&line, p->world->log, status >= 500 ? LOG_WARNING : LOG_INFO, "request");
	log_str(&line, "request_id", f->request_id);
	log_str(&line, "traceparent", f->traceparent);
	log_str(&line, "route", http_route_name(f->route));
	log_int(&line, "status", status);
	if (f->tenant_id)
		log_str(&line, "tenant_id", f->tenant_id);
	if (f->route == ROUTE_LIST) {
		log_str(&line, "tenant_id", f->read.filter.tenant_id);
	} else if (f->route == ROUTE_REPORT) {
		log_str(&line, "tenant_id", f->read.report.tenant_id);
		log_str(&line, "report", f->read.report.name);
	} else if (!f->manage || f->route == ROUTE_RESOLVE) {
		message_id_text(f->id, id);
		log_str(&line, is_of_batch(f->route) ? "batch_id" : "message_id", id);
	}
	if (f->bulk) {
		log_int(&line, "accepted", bulk_counts(f->bulk)->accepted);
		log_int(&line, "refused", bulk_counts(f->bulk)->refused);
	}
	if (f->grant)
		log_str(&line, "key_id", f->grant->key.id);
	if (f->manage)
		manage_log(f, &line);
	if (f->reply == REPLY_INVALID || f->reply == REPLY_FORBIDDEN)
		log_str(&line, "cause", f->reason);
	if (f->replayed)
		log_str(&line, "replayed", "true");
	if (f->reply == REPLY_PENDING && !f->bulk)
		log_str(&line, "state_detail", f->detail);
	if (f->reply == REPLY_FAILED) {
		log_int(&line, "code", f->outcome.code);
		log_str(&line, "cause", f->outcome.title);
	}
	if (f->reply == REPLY_QUEUE_FULL) {
		log_str(&line, "cause", "queue_full");
		log_int(&line, "waiting", f->full.waiting);
		log_int(&line, "retry_after_s", f->full.retry_after_s);
	}
	log_int(&line, "took_ms", clock_boot_ms() - f->begun_boot_ms);
	log_end(&line);
}

static void log_webhook(const struct flow *f, int status)
{
	struct log_line line;

	log_begin(&line, f->pipeline->world->log, status >= 500 ? LOG_WARNING : LOG_INFO,
		  "webhook");
	log_str(&line, "request_id", f->request_id);
	log_str(&line, "traceparent", f->traceparent);
	log_int(&line, "status", status);
	webhook_log(f, &line);
	log_int(&line, "took_ms", clock_boot_ms() - f->begun_boot_ms);
	log_end(&line);
}

void pipeline_answer(struct pipeline *p, uint64_t fcgi_id, const char *request_id, enum route route,
		     struct http_response *response)
{
	meter_count(p->world->meter, METRIC_REQUESTS, route, (unsigned)response->status / 100 - 2);
	http_response_header(response, "X-Request-Id", request_id);
	/* False: the caller has left.  Its message goes on. */
	(void)fcgi_server_answer(p->server, fcgi_id, response);
	http_response_fini(response);
}

void flow_answer(struct flow *f)
{
	struct http_response response;
	struct pipeline *p = f->pipeline;

	flow_build(f, &response);
	add_headers(f, &response);
	if (f->webhook) {
		webhook_count(f);
		log_webhook(f, response.status);
	} else {
		log_request(f, response.status);
	}
	meter_took(p->world->meter, METRIC_REQUEST_SECONDS, f->route,
		   clock_boot_ms() - f->begun_boot_ms);
	pipeline_answer(p, f->fcgi_id, f->request_id, f->route, &response);
}
