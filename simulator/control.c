/*
 * The control calls under /_sim/: what tests order, and what they ask afterwards.
 */
#include "simulator/control.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void control_reply(struct exchange *exchange, int status, json_t *json)
{
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

	if (!text)
		abort();
	sim_answer_json(&exchange->answer, status, text);
	free(text);
	json_decref(json);
	exchange_send(exchange, 0);
}

void control_done(struct exchange *exchange, const char *fault)
{
	if (fault)
		control_reply(exchange, 400, json_pack("{s:s}", "error", fault));
	else
		control_reply(exchange, 200, json_pack("{s:b}", "ok", 1));
}

json_t *control_body(struct exchange *exchange)
{
	const struct buf *body = &exchange->request.body;
	json_t *json =
		json_loadb(body->len ? body->at : "", body->len, JSON_REJECT_DUPLICATES, NULL);

	if (json_is_object(json))
		return json;
	json_decref(json);
	control_done(exchange, "the body must be a JSON object");
	return NULL;
}

static int service_of(const char *name)
{
	for (int i = 0; name && i < SERVICES; i++)
		if (strcmp(service_names[i], name) == 0)
			return i;
	return -1;
}

/* The kinds of value each service can be scripted by. */
static const struct {
	enum service service;
	const char *by;
} selectors[] = {
	{ SERVICE_GRAPH, "recipient" }, { SERVICE_GRAPH, "number" },
	{ SERVICE_GRAPH, "token" },     { SERVICE_QUOTA, "tenant" },
	{ SERVICE_OUTLET, "outlet" },   { SERVICE_CONVERSATION, "conversation" },
};

/* NULL, or what is wrong with the order. */
static const char *order(struct sim *sim, const json_t *json, char why[128])
{
	int service = service_of(json_string_value(json_object_get(json, "service")));
	const json_t *wanted = json_object_get(json, "behaviour");
	const char *by = "", *value = "";
	char digits[40];

	if (service < 0)
		return "service: graph, quota, outlet or conversation is needed";
	if (!wanted)
		return "behaviour: an object, a list of them, or null is needed";
	for (size_t i = 0; i < sizeof(selectors) / sizeof(selectors[0]); i++) {
		const char *text = json_string_value(json_object_get(json, selectors[i].by));

		if (text && (int)selectors[i].service == service) {
			by = selectors[i].by;
			value = text;
		}
	}
	if (json_object_size(json) != (*by ? 3u : 2u))
		return "only service, behaviour and one selector of this service are known";
	/* Recipients are known by their digits; user and group ids by their text. */
	if (strcmp(by, "recipient") == 0 && sim_digits(value, digits, sizeof(digits)))
		value = digits;
	struct behaviour *first = NULL;
	if (!json_is_null(wanted) && !(first = behaviour_read(wanted, why)))
		return why;
	script_set(sim->script, service_names[service], by, value, first);
	return NULL;
}

static void post_script(struct sim *sim, struct exchange *exchange)
{
	char why[128];
	json_t *json = control_body(exchange);

	if (!json)
		return;
	control_done(exchange, order(sim, json, why));
	json_decref(json);
}

static void post_latency(struct sim *sim, struct exchange *exchange)
{
	json_error_t error;
	json_t *json = control_body(exchange);
	int graph_ms = sim->graph_ms, service_ms = sim->service_ms;

	if (!json)
		return;
	if (json_unpack_ex(json, &error, JSON_STRICT, "{s?i,s?i}", "graph_ms", &graph_ms,
			   "service_ms", &service_ms) != 0 ||
	    graph_ms < 0 || service_ms < 0) {
		control_done(exchange, "graph_ms and service_ms: milliseconds, 0 or more");
	} else {
		sim->graph_ms = graph_ms;
		sim->service_ms = service_ms;
		control_done(exchange, NULL);
	}
	json_decref(json);
}

static void post_limits(struct sim *sim, struct exchange *exchange)
{
	struct limits_rules r = { .tolerance_ms = LIMITS_TOLERANCE_MS,
				  .pair_burst = LIMITS_PAIR_BURST };
	json_error_t error;
	json_t *json = control_body(exchange);

	if (!json)
		return;
	if (json_unpack_ex(json, &error, JSON_STRICT, "{s?i,s?i,s?i,s?i}", "number_rate",
			   &r.number_rate, "tolerance_ms", &r.tolerance_ms, "pair_seconds",
			   &r.pair_seconds, "pair_burst", &r.pair_burst) != 0 ||
	    r.number_rate < 0 || r.tolerance_ms < 0 || r.pair_seconds < 0 || r.pair_burst < 1) {
		control_done(exchange,
			     "number_rate, tolerance_ms, pair_seconds: 0 or more; pair_burst: 1 or "
			     "more");
	} else {
		limits_set(sim->limits, &r);
		control_done(exchange, NULL);
	}
	json_decref(json);
}

static void post_reset(struct sim *sim, struct exchange *exchange)
{
	int64_t in_flight = sim->totals.graph_in_flight;

	script_clear(sim->script);
	dict_clear(sim->receipts);
	webhooks_reset(sim->webhooks);
	tally_clear(sim->messages);
	tally_clear(sim->recipients);
	for (int i = 0; i < SERVICES; i++)
		sim->last[i].proto = NULL;
	sim->totals = (struct totals){ .graph_in_flight = in_flight };
	control_done(exchange, NULL);
}

/* All but the one that asks. What waits for its answer gets none. */
static void post_close_connections(struct sim *sim, struct exchange *exchange)
{
	for (struct conn *conn = sim->net.conns; conn; conn = conn->next)
		if (conn != exchange->conn)
			conn_doom(conn, true);
	control_done(exchange, NULL);
}

static void get_counts(struct sim *sim, struct exchange *exchange)
{
	const struct totals *t = &sim->totals;
	const struct net *net = &sim->net;
	const struct {
		const char *name;
		int64_t value;
	} rows[] = {
		{ "graph_calls", t->calls[SERVICE_GRAPH] },
		{ "graph_accepted", t->graph_accepted },
		{ "graph_in_flight", t->graph_in_flight },
		{ "graph_in_flight_max", t->graph_in_flight_max },
		{ "messages", (int64_t)tally_count(sim->messages) },
		{ "recipients", (int64_t)tally_count(sim->recipients) },
		{ "duplicates", t->duplicates },
		{ "quota", t->calls[SERVICE_QUOTA] },
		{ "outlet", t->calls[SERVICE_OUTLET] },
		{ "conversation", t->calls[SERVICE_CONVERSATION] },
		{ "conversation_stored", t->conversation_stored },
		{ "conversation_distinct", t->conversation_distinct },
		{ "conversation_repeated", t->conversation_repeated },
		{ "refused_throughput", t->refused_throughput },
		{ "refused_pair", t->refused_pair },
		{ "unknown_requests", t->unknown_requests },
		{ "connections_tls_open", net->tls_open },
		{ "connections_tls_total", net->tls_total },
		{ "connections_h2_total", net->h2_total },
		{ "connections_plain_open", net->plain_open },
		{ "connections_plain_total", net->plain_total },
	};
	json_t *json = json_object();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		json_object_set_new(json, rows[i].name, json_integer(rows[i].value));
	control_reply(exchange, 200, json);
}

/* What one tally knows of a key; an unknown key has counts of 0. */
static json_t *describe(const struct tally *tally, const char *key)
{
	const struct tally_entry *entry = tally_find(tally, key);
	struct tally_call calls[TALLY_CALLS_KEPT];
	size_t n = entry ? tally_recall(tally, entry, calls) : 0;
	json_t *attempts = json_array(), *times = json_array();

	for (size_t i = 0; i < n; i++) {
		json_array_append_new(attempts, json_string(calls[i].text));
		json_array_append_new(times, json_integer(calls[i].ms));
	}
	return json_pack("{s:I,s:I,s:o,s:o}", "accepted", (json_int_t)(entry ? entry->accepted : 0),
			 "calls", (json_int_t)(entry ? entry->calls : 0), "attempts", attempts,
			 "times_ms", times);
}

static void get_message(struct sim *sim, struct exchange *exchange)
{
	const char *id = exchange->request.segments[2];
	const struct tally_entry *entry = tally_find(sim->messages, id);
	json_t *json = describe(sim->messages, id);

	json_object_set_new(json, "conversation", json_integer(entry ? entry->posts : 0));
	json_object_set_new(json, "stored", json_integer(entry ? entry->stored : 0));
	control_reply(exchange, 200, json);
}

static void get_recipient(struct sim *sim, struct exchange *exchange)
{
	const char *key = exchange->request.segments[2];
	char digits[40];

	if (sim_digits(key, digits, sizeof(digits)))
		key = digits;
	const struct tally_entry *entry = tally_find(sim->recipients, key);
	const struct buf *body = entry ? tally_body(sim->recipients, entry) : NULL;
	json_t *json = describe(sim->recipients, key);
	json_object_set_new(json, "body", body ? json_stringn(body->at, body->len) : json_null());
	control_reply(exchange, 200, json);
}

static void get_last(struct sim *sim, struct exchange *exchange)
{
	int service = service_of(exchange->request.segments[2]);

	if (service < 0 || !sim->last[service].proto) {
		control_reply(exchange, 404,
			      json_pack("{s:s}", "error",
					service < 0 ? "unknown service" : "no request yet"));
		return;
	}
	const struct last_request *last = &sim->last[service];
	json_t *headers = json_object();
	const char *end = last->headers.at + last->headers.len;
	for (const char *name = last->headers.at; name < end;) {
		const char *value = name + strlen(name) + 1;

		json_object_set_new(headers, name, json_string(value));
		name = value + strlen(value) + 1;
	}
	/* A body that is not UTF-8 shows as null. */
	json_t *body = json_stringn(last->body.at, last->body.len);
	control_reply(exchange, 200,
		      json_pack("{s:s,s:s,s:s,s:o,s:o}", "protocol", last->proto, "method",
				last->method, "path", last->target.at, "headers", headers, "body",
				body ? body : json_null()));
}

static void get_duplicates(struct sim *sim, struct exchange *exchange)
{
	json_t *list = json_array();
	char text[40];

	for (size_t i = 0; i < tally_count(sim->messages) && sim->totals.duplicates; i++) {
		const struct tally_entry *entry = tally_at(sim->messages, i);

		if (entry->accepted > 1)
			json_array_append_new(list, json_pack("{s:s,s:I}", "message",
							      tally_key(entry, text), "accepted",
							      (json_int_t)entry->accepted));
	}
	control_reply(exchange, 200, list);
}

static const struct {
	const char *method;
	const char *name;
	size_t segments;
	void (*serve)(struct sim *sim, struct exchange *exchange);
} calls[] = {
	{ "POST", "script", 2, post_script },
	{ "POST", "latency", 2, post_latency },
	{ "POST", "limits", 2, post_limits },
	{ "POST", "reset", 2, post_reset },
	{ "POST", "close_connections", 2, post_close_connections },
	{ "GET", "counts", 2, get_counts },
	{ "GET", "message", 3, get_message },
	{ "GET", "recipient", 3, get_recipient },
	{ "GET", "last", 3, get_last },
	{ "GET", "duplicates", 2, get_duplicates },
	{ "POST", "webhooks", 2, control_post_webhooks },
	{ "GET", "webhooks", 2, control_get_webhooks },
	{ "POST", "receipts", 2, control_post_receipts },
	{ "POST", "webhook", 2, control_post_webhook },
	{ "POST", "inbound", 2, control_post_inbound },
	{ "POST", "handshake", 2, control_post_handshake },
};

void control_serve(struct sim *sim, struct exchange *exchange)
{
	const struct request *request = &exchange->request;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (request->segment_count == calls[i].segments &&
		    strcmp(request->segments[1], calls[i].name) == 0 &&
		    strcmp(request->method, calls[i].method) == 0) {
			calls[i].serve(sim, exchange);
			return;
		}
	}
	control_reply(exchange, 404,
		      json_pack("{s:s}", "error",
				"unknown control call; simulator/README.md has them all"));
}
