/*
 * 1: receive.  Admission, cheapest first and before any database work: the house is full,
 * the database is away; then routing, reading, checking.
 */
#include "pipeline/pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/idmap.h"
#include "base/random.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "http/idempotency.h"
#include "http/list.h"
#include "http/prefer.h"
#include "http/problem.h"
#include "http/report.h"
#include "http/send.h"
#include "http/status.h"
#include "http/webhook.h"
#include "pipeline/bulk.h"
#include "pipeline/flow.h"
#include "pipeline/manage.h"
#include "pipeline/webhook.h"
#include "webhook/signature.h"

#define STORE_SLOW_MS 1000 /* the oldest row waits so long: no more is let in */
#define DRAIN_ATTEMPT_MS 2000
#define GIVE_UP_MS 300 /* for the outcomes that are just being recorded */

static void on_again(void *arg, uint64_t fcgi_id, const struct http_request *request)
{
	pipeline_on_request(arg, fcgi_id, request);
}

static bool on_hook(void *arg)
{
	const struct pipeline *p = arg;
	const bool did = flow_advance_all(arg);

	meter_set(p->world->meter, METRIC_REQUESTS_OPEN, 0, 0, p->flows);
	return did;
}

struct pipeline *pipeline_new(struct world *world, const struct pipeline_settings *settings,
			      struct err *ret_err)
{
	struct pipeline *p = calloc(1, sizeof(*p));

	if (!p) {
		err_set(ret_err, ERR_TEMPORARY, 0, "no memory for the pipeline");
		return NULL;
	}
	p->access = access_new(world, settings->keys, on_again, p, ret_err);
	if (!p->access) {
		free(p);
		return NULL;
	}
	p->world = world;
	p->settings = *settings;
	list_init(&p->all);
	list_init(&p->ready);
	list_init(&p->decided);
	list_init(&p->leaving);
	list_init(&p->bulks);
	list_init(&p->webhooks);
	p->webhook_secrets = webhook_secrets_new(settings->app_secrets, ret_err);
	if (!p->webhook_secrets) {
		access_free(p->access);
		free(p);
		return NULL;
	}
	loop_hook(world->loop, on_hook, p);
	return p;
}

void pipeline_free(struct pipeline *p)
{
	if (!p)
		return;
	while (!list_empty(&p->all))
		flow_free(LIST_OBJECT(p->all.next, struct flow, all));
	loop_cancel(p->world->loop, p->look_timer);
	access_free(p->access);
	loop_cancel(p->world->loop, p->webhook_timer);
	webhook_secrets_free(p->webhook_secrets);
	free(p);
}

void pipeline_attach(struct pipeline *p, struct delivery *delivery, struct fcgi_server *server)
{
	p->delivery = delivery;
	p->server = server;
}

/* What the caller calls this request, or a name of ours. */
static void name_request(const struct http_request *request, char *text, size_t size)
{
	uint8_t random[8];

	if (text_visible_ascii(request->request_id, strlen(request->request_id), 128) &&
	    text_copy(text, size, request->request_id))
		return;
	random_bytes(random, sizeof(random));
	text_hex(text, random, sizeof(random));
}

/* The database has been away longer than an accept would wait for it. */
static bool store_is_away(struct pipeline *p)
{
	const int64_t now_ms = loop_now_ms(p->world->loop);

	if (store_ready(p->world->store)) {
		p->store_away_since_ms = 0;
		return false;
	}
	if (!p->store_away_since_ms)
		p->store_away_since_ms = now_ms;
	return now_ms - p->store_away_since_ms > p->settings.accept_timeout_ms;
}

static void refuse(struct pipeline *p, uint64_t fcgi_id, const char *request_id, enum route route,
		   enum problem problem)
{
	struct http_response response;
	struct log_line line;
	uint64_t suppressed;

	http_problem(&response, problem, NULL);
	if (log_rate_allows(&p->refused_log, loop_now_ms(p->world->loop), &suppressed)) {
		log_begin(&line, p->world->log, LOG_WARNING, "refused");
		log_str(&line, "cause",
			problem == PROBLEM_OVERLOADED ? "overloaded" : "store_unavailable");
		log_int(&line, "requests", p->flows);
		log_int(&line, "store_oldest_ms", store_oldest_ms(p->world->store));
		if (store_trouble(p->world->store))
			log_str(&line, "store", store_trouble(p->world->store)->text);
		log_int(&line, "suppressed", (int64_t)suppressed);
		log_end(&line);
	}
	pipeline_answer(p, fcgi_id, request_id, route, &response);
}

/* A request that no step is taken for.  The path is logged without its query. */
static void answer_problem(struct pipeline *p, uint64_t fcgi_id, const char *request_id,
			   const struct http_request *request, enum route route,
			   struct http_response *response, const char *cause)
{
	char traceparent[TRACE_PARENT_BYTES];
	struct log_line line;

	flow_trace(request, traceparent);
	log_begin(&line, p->world->log, LOG_INFO, "request");
	log_str(&line, "request_id", request_id);
	log_str(&line, "traceparent", traceparent);
	log_str(&line, "method", request->method);
	log_str(&line, "path", request->path);
	log_int(&line, "status", response->status);
	if (cause)
		log_str(&line, "cause", cause);
	log_end(&line);
	pipeline_answer(p, fcgi_id, request_id, route, response);
}

/* The request's idempotency key with the fingerprint of its body; null with 0 when it has none. */
static int read_key(const struct http_request *request, struct store_key **ret_key,
		    struct err *ret_err)
{
	char text[IDEMPOTENCY_KEY_BYTES];
	uint8_t fingerprint[DIGEST_SHA256_BYTES];

	if (!idempotency_key_read(request->idempotency_key, text, ret_err))
		return -1;
	*ret_key = NULL;
	if (!*text)
		return 0;
	if (!digest_sha256(request->body, request->body_len, fingerprint))
		*ret_key = flow_key_new(text, fingerprint);
	if (*ret_key)
		return 0;
	err_set(ret_err, ERR_INTERNAL, 0, "no memory for an idempotency key");
	return -1;
}

static void receive_send(struct pipeline *p, uint64_t fcgi_id, const char *request_id,
			 const struct http_request *request)
{
	struct http_response response;
	struct message *message = NULL;
	struct store_key *key;
	const char *why;
	int64_t wait_ms;
	struct flow *f;
	struct err err;

	if (!read_key(request, &key, &err)) {
		message = http_send_read(request, grant_tenant(p->grant), clock_wall_us(),
					 p->world->zones, &err);
		if (!message)
			flow_key_free(key);
	}
	if (!message) {
		if (err.class == ERR_INTERNAL)
			http_problem(&response, PROBLEM_INTERNAL, NULL);
		else
			http_problem(&response, PROBLEM_INVALID_REQUEST, err.text);
		answer_problem(p, fcgi_id, request_id, request, ROUTE_SEND, &response, err.text);
		return;
	}
	why = grant_refuses(p->grant, message->tenant_id, message->outlet_id);
	if (why) {
		http_problem(&response, PROBLEM_FORBIDDEN, why);
		answer_problem(p, fcgi_id, request_id, request, ROUTE_SEND, &response, why);
		message_free(message);
		flow_key_free(key);
		return;
	}
	f = flow_new(p, fcgi_id, ROUTE_SEND, request_id, request);
	if (!f) {
		message_free(message);
		flow_key_free(key);
		refuse(p, fcgi_id, request_id, ROUTE_SEND, PROBLEM_OVERLOADED);
		return;
	}
	f->message = message;
	f->tenant_id = message->tenant_id;
	text_copy_cut(message->request_id, sizeof(message->request_id), request_id);
	text_copy_cut(message->traceparent, sizeof(message->traceparent), f->traceparent);
	f->key = key;
	f->prefer = prefer_read(request->prefer);
	wait_ms = prefer_wait_ms(&f->prefer, p->settings.sync_wait_ms);
	f->async = wait_ms == 0 || message->due_wall_us != 0;
	f->deadline_boot_ms = f->begun_boot_ms + wait_ms;
	if (message->due_wall_us)
		text_copy_cut(f->detail, sizeof(f->detail), state_detail(STATE_SCHEDULED, 0));
	flow_enter(f, FLOW_KEY);
}

/* Its body is read later, portion by portion; so is the fingerprint for its key made. */
static void receive_bulk(struct pipeline *p, uint64_t fcgi_id, const char *request_id,
			 const struct http_request *request)
{
	const uint8_t later[DIGEST_SHA256_BYTES] = { 0 };
	char text[IDEMPOTENCY_KEY_BYTES];
	struct http_response response;
	struct str none = STR_INIT(0);
	struct flow *f;
	struct err err;

	if (!idempotency_key_read(request->idempotency_key, text, &err)) {
		http_problem(&response, PROBLEM_INVALID_REQUEST, err.text);
		answer_problem(p, fcgi_id, request_id, request, ROUTE_BULK, &response, err.text);
		return;
	}
	if (p->bulk_count == BULKS_MAX) {
		meter_bound(p->world->meter, BOUND_BULKS);
		refuse(p, fcgi_id, request_id, ROUTE_BULK, PROBLEM_OVERLOADED);
		return;
	}
	f = flow_new(p, fcgi_id, ROUTE_BULK, request_id, request);
	if (f) {
		f->deadline_boot_ms = f->begun_boot_ms + p->settings.sync_wait_ms;
		f->key = *text ? flow_key_new(text, later) : NULL;
		if (f->key || !*text)
			f->bulk = bulk_new(f, request->large ? request->large : &none);
	}
	if (!f || !f->bulk) {
		flow_free(f);
		refuse(p, fcgi_id, request_id, ROUTE_BULK, PROBLEM_OVERLOADED);
		return;
	}
	flow_enter(f, FLOW_BULK_READ);
}

/* Meta asks whether this address is meant: nothing is stored. */
static void receive_webhook_setup(struct pipeline *p, uint64_t fcgi_id, const char *request_id,
				  const struct http_request *request)
{
	struct http_webhook_setup setup;
	struct http_response response;
	bool fits = false;

	if (http_webhook_setup_read(request->query, &setup))
		fits = webhook_token_fits(p->settings.verify_tokens, setup.token);
	if (fits)
		http_webhook_set_up(&response, setup.challenge);
	else
		http_webhook_not_set_up(&response);
	answer_problem(p, fcgi_id, request_id, request, ROUTE_WEBHOOK_SETUP, &response,
		       fits ? NULL : "no handshake, or not our token");
}

/* Its signature is checked, and its body is read, portion by portion. */
static void receive_webhook(struct pipeline *p, uint64_t fcgi_id, const char *request_id,
			    const struct http_request *request)
{
	struct http_response response;
	struct str none = STR_INIT(0);
	struct flow *f;

	if (webhook_secrets_count(p->webhook_secrets) == 0 && !p->settings.unsigned_webhooks) {
		http_webhook_off(&response);
		answer_problem(p, fcgi_id, request_id, request, ROUTE_WEBHOOK, &response,
			       "WHATSAPP_APP_SECRET is not set");
		return;
	}
	f = flow_new(p, fcgi_id, ROUTE_WEBHOOK, request_id, request);
	if (f)
		f->webhook =
			webhook_new(f, request->large ? request->large : &none, request->signature);
	if (!f || !f->webhook) {
		flow_free(f);
		refuse(p, fcgi_id, request_id, ROUTE_WEBHOOK, PROBLEM_OVERLOADED);
		return;
	}
	flow_enter(f, FLOW_WEBHOOK_CHECK);
}

static void answer_no_such_id(struct pipeline *p, uint64_t fcgi_id, const char *request_id,
			      const struct http_request *request, enum route route)
{
	struct http_response response;

	http_problem(&response, PROBLEM_NOT_FOUND, flow_no_such_id(route));
	answer_problem(p, fcgi_id, request_id, request, route, &response, "no such id");
}

static void enter_read(struct pipeline *p, uint64_t fcgi_id, const char *request_id,
		       const struct http_request *request, enum route route,
		       const struct store_read *read)
{
	struct flow *f = flow_new(p, fcgi_id, route, request_id, request);

	if (!f) {
		refuse(p, fcgi_id, request_id, route, PROBLEM_OVERLOADED);
		return;
	}
	f->id = read->id;
	f->read = *read;
	f->read.asker = grant_asker(f->grant);
	flow_enter(f, route == ROUTE_STATUS         ? FLOW_STATUS
		      : route == ROUTE_CANCEL       ? FLOW_SEEN
		      : route == ROUTE_BATCH_CANCEL ? FLOW_BATCH_SEEN
						    : FLOW_READ);
}

/* Status, events, explain, the whole message, its cancellation: what a message_id is asked for; and
 * a batch. */
static void receive_read(struct pipeline *p, uint64_t fcgi_id, const char *request_id,
			 const struct http_request *request, const struct route_match *match)
{
	struct store_read read = {
		.kind = match->route == ROUTE_EVENTS    ? STORE_READ_EVENTS
			: match->route == ROUTE_EXPLAIN ? STORE_READ_FACTS
			: match->route == ROUTE_MESSAGE ? STORE_READ_WHOLE
							: STORE_READ_BATCH,
	};

	if (message_id_parse(match->param, &read.id))
		enter_read(p, fcgi_id, request_id, request, match->route, &read);
	else
		answer_no_such_id(p, fcgi_id, request_id, request, match->route);
}

static void receive_list(struct pipeline *p, uint64_t fcgi_id, const char *request_id,
			 const struct http_request *request)
{
	struct store_read read = { .kind = STORE_READ_LIST };
	struct http_response response;
	const char *why;
	struct err err;

	if (!http_list_read(request->query, grant_tenant(p->grant), &read.filter, &err)) {
		http_problem(&response, PROBLEM_INVALID_REQUEST, err.text);
		answer_problem(p, fcgi_id, request_id, request, ROUTE_LIST, &response, err.text);
		return;
	}
	why = grant_refuses(p->grant, read.filter.tenant_id, NULL);
	if (!why) {
		enter_read(p, fcgi_id, request_id, request, ROUTE_LIST, &read);
		return;
	}
	http_problem(&response, PROBLEM_FORBIDDEN, why);
	answer_problem(p, fcgi_id, request_id, request, ROUTE_LIST, &response, why);
}

static void receive_report(struct pipeline *p, uint64_t fcgi_id, const char *request_id,
			   const struct http_request *request, const char *name)
{
	struct store_read read = { .kind = STORE_READ_REPORT };
	enum problem problem = PROBLEM_INVALID_REQUEST;
	struct http_response response;
	const char *why;
	struct err err;

	if (!http_report_is(name)) {
		problem = PROBLEM_NOT_FOUND;
		err_set(&err, ERR_INVALID, 0,
			"There is no such report; ask for daily, failure, latency or "
			"cost");
	} else if (http_report_read(name, request->query, grant_tenant(p->grant), &read.report,
				    &err)) {
		why = grant_refuses_report(p->grant, read.report.tenant_id);
		if (!why) {
			enter_read(p, fcgi_id, request_id, request, ROUTE_REPORT, &read);
			return;
		}
		problem = PROBLEM_FORBIDDEN;
		err_set(&err, ERR_INVALID, 0, "%s", why);
	}
	http_problem(&response, problem, err.text);
	answer_problem(p, fcgi_id, request_id, request, ROUTE_REPORT, &response, err.text);
}

/* Pause, resume, resolve, replay. */
static void receive_manage(struct pipeline *p, uint64_t fcgi_id, const char *request_id,
			   const struct http_request *request, const struct route_match *match)
{
	struct message_id id = { { 0 } };
	struct flow *f;

	if (match->route == ROUTE_RESOLVE && !message_id_parse(match->param, &id)) {
		answer_no_such_id(p, fcgi_id, request_id, request, match->route);
		return;
	}
	f = flow_new(p, fcgi_id, match->route, request_id, request);
	if (!f) {
		refuse(p, fcgi_id, request_id, match->route, PROBLEM_OVERLOADED);
		return;
	}
	f->id = f->read.id = id;
	f->read.asker = grant_asker(f->grant);
	flow_enter(f, manage_receive(f, request));
}

static bool admit(struct pipeline *p, uint64_t fcgi_id, const char *request_id, enum route route)
{
	const struct meter *m = p->world->meter;
	const bool full = p->flows >= p->settings.max_requests;

	if (full || store_oldest_ms(p->world->store) > STORE_SLOW_MS) {
		meter_bound(m, full ? BOUND_REQUESTS : BOUND_STORE_SLOW);
		refuse(p, fcgi_id, request_id, route,
		       store_ready(p->world->store) ? PROBLEM_OVERLOADED
						    : PROBLEM_STORE_UNAVAILABLE);
		return false;
	}
	if (store_is_away(p)) {
		meter_bound(m, BOUND_STORE_AWAY);
		refuse(p, fcgi_id, request_id, route, PROBLEM_STORE_UNAVAILABLE);
		return false;
	}
	return true;
}

/* Does the caller show a key that permits it?  False: the request was answered, or comes again. */
static bool let_in(struct pipeline *p, uint64_t fcgi_id, const char *request_id,
		   const struct http_request *request, enum route route)
{
	const enum scope needed = http_route_scope(route);
	struct http_response response;
	char why[64];

	if (needed == SCOPE_MANAGE && !access_asks(p->access)) {
		http_problem(
			&response, PROBLEM_FORBIDDEN,
			"key: is asked for here, and the service knows none (AUTH=none); use the "
			"command line, or AUTH=keys");
		answer_problem(p, fcgi_id, request_id, request, route, &response, "no keys");
		return false;
	}
	switch (access_ask(p->access, fcgi_id, request, needed, &p->grant)) {
	case ACCESS_GRANTED:
		return true;
	case ACCESS_LATER:
		break;
	case ACCESS_NO_KEY:
		http_problem(&response, PROBLEM_UNAUTHORIZED, NULL);
		answer_problem(p, fcgi_id, request_id, request, route, &response, "no key");
		break;
	case ACCESS_NOT_SCOPE:
		(void)snprintf(why, sizeof(why), "key: has not the scope %s", scope_name(needed));
		http_problem(&response, PROBLEM_FORBIDDEN, why);
		answer_problem(p, fcgi_id, request_id, request, route, &response, why);
		break;
	case ACCESS_AWAY:
		meter_bound(p->world->meter, BOUND_STORE_AWAY);
		refuse(p, fcgi_id, request_id, route, PROBLEM_STORE_UNAVAILABLE);
		break;
	case ACCESS_FULL:
		meter_bound(p->world->meter, BOUND_KEYS);
		refuse(p, fcgi_id, request_id, route, PROBLEM_OVERLOADED);
		break;
	}
	return false;
}

static void count_fault(const struct pipeline *p, enum http_fault fault)
{
	if (fault == HTTP_FAULT_BODY_TOO_LARGE)
		meter_bound(p->world->meter, BOUND_BODY);
	else if (fault == HTTP_FAULT_HEAD_TOO_LARGE)
		meter_bound(p->world->meter, BOUND_HEAD);
	else if (fault == HTTP_FAULT_OVERLOADED)
		meter_bound(p->world->meter, BOUND_RECEIVING);
}

static void receive(struct pipeline *p, uint64_t fcgi_id, const char *request_id,
		    const struct http_request *request, const struct route_match *match)
{
	switch (match->route) {
	case ROUTE_SEND:
		receive_send(p, fcgi_id, request_id, request);
		return;
	case ROUTE_BULK:
		receive_bulk(p, fcgi_id, request_id, request);
		return;
	case ROUTE_WEBHOOK:
		receive_webhook(p, fcgi_id, request_id, request);
		return;
	case ROUTE_LIST:
		receive_list(p, fcgi_id, request_id, request);
		return;
	case ROUTE_REPORT:
		receive_report(p, fcgi_id, request_id, request, match->param);
		return;
	case ROUTE_PAUSE:
	case ROUTE_RESUME:
	case ROUTE_RESOLVE:
	case ROUTE_REPLAY:
		receive_manage(p, fcgi_id, request_id, request, match);
		return;
	default:
		receive_read(p, fcgi_id, request_id, request, match);
	}
}

void pipeline_on_request(void *pipeline, uint64_t fcgi_id, const struct http_request *request)
{
	struct pipeline *p = pipeline;
	char request_id[FLOW_REQUEST_ID_BYTES];
	struct http_response response;
	struct route_match match;

	name_request(request, request_id, sizeof(request_id));
	if (!http_route(request, &match, &response)) {
		count_fault(p, request->fault);
		answer_problem(p, fcgi_id, request_id, request, ROUTE_COUNT, &response, NULL);
		return;
	}
	if (match.route == ROUTE_HEALTH || match.route == ROUTE_OPENAPI) {
		if (match.route == ROUTE_HEALTH)
			http_health(&response, p->settings.version, p->settings.environment);
		else
			http_openapi(&response);
		pipeline_answer(p, fcgi_id, request_id, match.route, &response);
		return;
	}
	if (match.route == ROUTE_WEBHOOK_SETUP) {
		receive_webhook_setup(p, fcgi_id, request_id, request);
		return;
	}
	if (!let_in(p, fcgi_id, request_id, request, match.route))
		return;
	if (admit(p, fcgi_id, request_id, match.route))
		receive(p, fcgi_id, request_id, request, &match);
	grant_drop(p->grant);
	p->grant = NULL;
}

void pipeline_on_result(void *pipeline, uint64_t waiter_id, const struct delivery_result *result)
{
	struct pipeline *p = pipeline;
	struct job *job = idmap_get(p->world->jobs, waiter_id);

	/* An id of an earlier life of this slot may have come again for something else. */
	if (job && job->operations == &flow_operations)
		flow_take_result(LIST_OBJECT(job, struct flow, job), result);
}

static void hurry_all(struct pipeline *p, int64_t until_ms)
{
	p->drain_until_ms = until_ms;
	for (struct list *node = p->all.next; node != &p->all; node = node->next)
		flow_hurry(LIST_OBJECT(node, struct flow, all), until_ms);
}

void pipeline_drain(struct pipeline *p)
{
	p->draining = true;
	hurry_all(p,
		  loop_now_ms(p->world->loop) + p->settings.request_timeout_ms + DRAIN_ATTEMPT_MS);
}

void pipeline_give_up(struct pipeline *p)
{
	hurry_all(p, loop_now_ms(p->world->loop) + GIVE_UP_MS);
}

unsigned pipeline_busy(const struct pipeline *p)
{
	return p->flows + access_waiting(p->access);
}
