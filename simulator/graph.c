/*
 * The Graph API: POST /{version}/{number}/messages, in Meta's order: token, number, body, then
 * what the test ordered, then accept. Every accepted call is a message of its own, also when the
 * same body comes twice: Meta has no idempotency key, and that is what tests must notice.
 */
#include "simulator/graph_error.h"
#include "simulator/graph_message.h"
#include "simulator/magic.h"
#include "simulator/sim.h"
#include "simulator/wamid.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OLDEST_VERSION = 21, NEWEST_VERSION = 26 };

/* One call on its way through the checks. */
struct call {
	struct sim *sim;
	struct exchange *exchange;
	const char *token;
	const char *number;
	json_t *json;
	struct graph_message message;
	struct tally_entry *by_message; /* NULL without callback data */
	struct tally_entry *by_recipient;
};

static void call_ends(struct exchange *exchange)
{
	struct sim *sim = exchange->conn->net->ctx;

	sim->totals.graph_in_flight--;
}

/* The version really served: retired ones are answered by the oldest that lives. */
static const char *served_version(const struct request *request)
{
	static const char *const alive[] = { "v21.0", "v22.0", "v23.0", "v24.0", "v25.0", "v26.0" };
	long version = 0;

	if (request->segment_count == 3 && request->segments[0][0] == 'v')
		version = strtol(request->segments[0] + 1, NULL, 10);
	if (version < OLDEST_VERSION)
		version = OLDEST_VERSION;
	if (version > NEWEST_VERSION)
		version = NEWEST_VERSION;
	return alive[version - OLDEST_VERSION];
}

static void add_common_fields(struct sim *sim, struct exchange *exchange)
{
	struct answer *answer = &exchange->answer;

	answer_field(answer, "facebook-api-version", served_version(&exchange->request));
	answer_fieldf(answer, "x-fb-request-id", "A%014" PRIx64, sim->serial);
	answer_fieldf(answer, "x-fb-trace-id", "E%010" PRIx64, sim->serial);
	answer_field(answer, "x-fb-rev", "1031544279");
	answer_field(answer, "strict-transport-security", "max-age=15552000; preload");
	answer_field(answer, "pragma", "no-cache");
	answer_field(answer, "cache-control", "private, no-cache, no-store, must-revalidate");
	answer_field(answer, "vary", "Accept-Encoding");
}

static void refuse(struct call *call, int code, int subcode, const char *details)
{
	struct graph_error spare;

	graph_error_write(&call->exchange->answer, graph_error_find(code, subcode, &spare), -1,
			  subcode, -1, details, call->sim->serial);
	exchange_send(call->exchange, call->sim->graph_ms);
}

static void write_ok(struct call *call, const char *wamid)
{
	const struct graph_message *message = &call->message;
	struct answer *answer = &call->exchange->answer;
	struct buf *body = &answer->body;

	sim_answer_json(answer, 200,
			"{\"messaging_product\":\"whatsapp\",\"contacts\":[{\"input\":");
	buf_json(body, message->to, strlen(message->to));
	buf_text(body, message->is_user_id ? ",\"user_id\":" : ",\"wa_id\":");
	buf_json(body, message->key, strlen(message->key));
	buf_text(body, "}]");
	if (wamid) {
		buf_printf(body, ",\"messages\":[{\"id\":\"%s\"", wamid);
		if (message->is_group) {
			buf_text(body, ",\"group_id\":");
			buf_json(body, message->to, strlen(message->to));
		}
		if (message->is_template)
			buf_text(body, ",\"message_status\":\"accepted\"");
		buf_text(body, "}]");
	}
	buf_text(body, "}");
}

static void accept(struct call *call)
{
	struct totals *totals = &call->sim->totals;

	totals->graph_accepted++;
	call->by_recipient->accepted++;
	if (call->by_message && ++call->by_message->accepted == 2)
		totals->duplicates++;
}

static const struct receipts *receipts_of(const struct sim *sim, const char *recipient)
{
	return dict_count(sim->receipts) ? receipts_next(dict_get(sim->receipts, recipient)) : NULL;
}

/* The webhooks that follow, which know the wamid also when the answer does not tell it. */
static void follow(struct call *call, const char *wamid, int answer_ms)
{
	const struct graph_message *message = &call->message;
	const struct receipts plain = receipts_plain();
	const struct receipts *receipts = receipts_of(call->sim, message->key);
	struct subject subject = { .wamid = (char *)wamid,
				   .callback = (char *)message->callback,
				   .number = (char *)call->number,
				   .recipient = (char *)message->key,
				   .is_user_id = message->is_user_id,
				   .is_group = message->is_group };
	int code = magic_failure(message->key);

	if (!receipts)
		receipts = receipts_of(call->sim, "");
	if (!receipts)
		receipts = &plain;
	subject.style = receipts->style;
	if (code)
		subject.style.code = code;
	webhooks_follow(call->sim->webhooks, &subject, receipts, code > 0, answer_ms);
}

static void note(const struct call *call, const struct behaviour *behaviour, const char *wamid)
{
	journal_write(call->sim->journal, service_names[SERVICE_GRAPH], call->message.callback,
		      behaviour_accepts(behaviour), wamid);
}

static void play(struct call *call, const struct behaviour *behaviour)
{
	struct sim *sim = call->sim;
	struct exchange *exchange = call->exchange;
	struct graph_error spare;
	char wamid[WAMID_SIZE];

	wamid_make(wamid, call->message.key, sim->run, sim->serial);
	if (behaviour_accepts(behaviour)) {
		accept(call);
		follow(call, wamid, behaviour_latency(behaviour, sim->graph_ms));
	}
	if (behaviour_shape(behaviour, &exchange->answer)) {
		note(call, behaviour, NULL);
		exchange_send(exchange, behaviour_latency(behaviour, sim->graph_ms));
		return;
	}
	if (behaviour->kind == BEHAVE_ERROR) {
		int code = behaviour->code < 0 ? 131000 : behaviour->code;
		const struct graph_error *error =
			graph_error_find(code, behaviour->subcode, &spare);

		graph_error_write(&exchange->answer, error, behaviour->status, behaviour->subcode,
				  behaviour->is_transient, NULL, sim->serial);
		note(call, behaviour, NULL);
	} else {
		write_ok(call, behaviour->kind == BEHAVE_NO_ID ? NULL : wamid);
		note(call, behaviour, behaviour->kind == BEHAVE_NO_ID ? NULL : wamid);
	}
	exchange_send(exchange, behaviour_latency(behaviour, sim->graph_ms));
}

/* True: answered. */
static bool play_script(struct call *call, const char *by, const char *value)
{
	const struct behaviour *behaviour =
		script_play(call->sim->script, service_names[SERVICE_GRAPH], by, value);

	if (behaviour)
		play(call, behaviour);
	return behaviour != NULL;
}

/* True: the token is wrong and that is answered. */
static bool refuse_token(struct call *call)
{
	const char *token = call->token;
	const char *given_out = dict_get(call->sim->tokens, call->number);

	if (!token || strncmp(token, "EAA", 3) != 0) {
		refuse(call, 190, -1, NULL);
		return true;
	}
	if (call->sim->strict_token && (!given_out || strcmp(given_out, token) != 0)) {
		refuse(call, 190, 463, NULL);
		return true;
	}
	return false;
}

static bool refuse_number(struct call *call)
{
	size_t digits = strspn(call->number, "0123456789");

	if (digits >= 5 && digits <= 20 && !call->number[digits])
		return false;
	refuse(call, 100, 33, NULL);
	return true;
}

static void count_call(struct call *call)
{
	struct sim *sim = call->sim;
	const struct graph_message *message = &call->message;
	int64_t ms = loop_now_ns() / 1000000;
	char id[TALLY_KEY_MAX + 1];

	call->by_recipient = tally_get(sim->recipients, message->key);
	call->by_recipient->calls++;
	tally_remember(sim->recipients, call->by_recipient, ms, message->callback,
		       &call->exchange->request.body);
	if (!*message->callback)
		return;
	snprintf(id, sizeof(id), "%.*s", (int)strcspn(message->callback, ":"), message->callback);
	call->by_message = tally_get(sim->messages, id);
	call->by_message->calls++;
	tally_remember(sim->messages, call->by_message, ms, message->callback, NULL);
}

/* The body is read; true: it is wrong, or a read mark, and that is answered. */
static bool refuse_body(struct call *call)
{
	const struct buf *body = &call->exchange->request.body;
	char why[160];

	call->json = json_loadb(body->len ? body->at : "", body->len, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(call->json)) {
		refuse(call, 100, -1, "The body is not a JSON object.");
		return true;
	}
	int code = graph_message_read(call->json, call->sim->country, &call->message, why);
	if (code) {
		refuse(call, code, -1, why);
		return true;
	}
	if (call->message.marks_read) {
		sim_answer_json(&call->exchange->answer, 200, "{\"success\":true}");
		exchange_send(call->exchange, call->sim->graph_ms);
		return true;
	}
	return false;
}

/* True: more than the limits allow, and that is answered. */
static bool refuse_limit(struct call *call)
{
	struct totals *totals = &call->sim->totals;
	struct behaviour refusal = behaviour_plain(BEHAVE_ERROR);

	refusal.code =
		limits_judge(call->sim->limits, call->number, call->message.key, loop_now_ns());
	if (!refusal.code)
		return false;
	if (refusal.code == 131056)
		totals->refused_pair++;
	else
		totals->refused_throughput++;
	play(call, &refusal);
	return true;
}

static void serve_send(struct call *call)
{
	struct behaviour behaviour;

	count_call(call);
	if (refuse_limit(call))
		return;
	if (play_script(call, "token", call->token) || play_script(call, "number", call->number) ||
	    play_script(call, "recipient", call->message.key))
		return;
	if (!magic_find(call->message.key, call->by_recipient->calls, &behaviour)) {
		if (play_script(call, "", ""))
			return;
		behaviour = behaviour_plain(BEHAVE_OK);
	}
	play(call, &behaviour);
}

void graph_serve(struct sim *sim, struct exchange *exchange)
{
	struct request *request = &exchange->request;
	const char *bearer = request_header(request, "authorization");
	bool is_bearer = bearer && strncmp(bearer, "Bearer ", 7) == 0;
	struct call call = { .sim = sim,
			     .exchange = exchange,
			     .token = is_bearer ? bearer + 7 : NULL,
			     .number = request->segments[request->segment_count - 2] };

	sim->serial++;
	exchange->on_end = call_ends;
	if (++sim->totals.graph_in_flight > sim->totals.graph_in_flight_max)
		sim->totals.graph_in_flight_max = sim->totals.graph_in_flight;
	add_common_fields(sim, exchange);
	if (refuse_token(&call) || refuse_number(&call) || refuse_body(&call)) {
		json_decref(call.json);
		return;
	}
	serve_send(&call);
	json_decref(call.json);
}
