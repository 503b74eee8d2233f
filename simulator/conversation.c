/*
 * The Conversation Service: takes a message, answers its id. Repeats under one idempotency key
 * are taken again and counted, for the caller's sake: a test can see how often it was asked.
 */
#include "simulator/sim.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* NULL, or what is wrong with the body. */
static const char *find_fault(const json_t *json)
{
	static const char *const fields[] = { "conversation_id", "sender_type", "content",
					      "whatsapp_message_id" };

	if (!json_is_object(json))
		return "the body is not a JSON object";
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (!json_string_length(json_object_get(json, fields[i])))
			return fields[i];
	const char *sender = json_string_value(json_object_get(json, "sender_type"));
	if (strcmp(sender, "llm") != 0 && strcmp(sender, "agent") != 0)
		return "sender_type";
	return NULL;
}

/* A post that is well formed; `taken`: and that the service accepts. */
static void count_post(struct sim *sim, const char *key, bool taken)
{
	struct totals *totals = &sim->totals;
	struct tally_entry *entry = key && *key ? tally_get(sim->messages, key) : NULL;

	totals->conversation_stored += taken;
	if (!entry || entry->posts == 0x7fff)
		return;
	entry->posts++;
	if (!taken)
		return;
	if (entry->stored++)
		totals->conversation_repeated++;
	else
		totals->conversation_distinct++;
}

static void write_body(struct sim *sim, const struct behaviour *behaviour, struct answer *answer)
{
	if (behaviour->kind == BEHAVE_ERROR) {
		sim_answer_json(answer, behaviour->status < 0 ? 500 : behaviour->status,
				"{\"error\":\"ordered by the test\"}");
		return;
	}
	sim_answer_json(answer, 201, "{");
	if (behaviour->kind != BEHAVE_NO_ID)
		buf_printf(&answer->body, "\"id\":\"%08" PRIx32 "-%012" PRIx64 "\"", sim->run,
			   ++sim->serial);
	buf_text(&answer->body, "}");
}

static void serve_post(struct sim *sim, struct exchange *exchange, const json_t *json)
{
	const char *name = service_names[SERVICE_CONVERSATION];
	const char *id = json_string_value(json_object_get(json, "conversation_id"));
	const char *key = request_header(&exchange->request, "idempotency-key");
	const struct behaviour plain = behaviour_plain(BEHAVE_OK);
	const struct behaviour *behaviour = script_play(sim->script, name, "conversation", id);

	if (!behaviour)
		behaviour = script_play(sim->script, name, "", "");
	if (!behaviour)
		behaviour = &plain;
	count_post(sim, key, behaviour_accepts(behaviour));
	journal_write(sim->journal, name, key ? key : "", behaviour_accepts(behaviour), NULL);
	if (!behaviour_shape(behaviour, &exchange->answer))
		write_body(sim, behaviour, &exchange->answer);
	exchange_send(exchange, behaviour_latency(behaviour, sim->service_ms));
}

void conversation_serve(struct sim *sim, struct exchange *exchange)
{
	const struct request *request = &exchange->request;
	const char *tenant = request_header(request, "x-tenant-id");
	json_t *json = json_loadb(request->body.len ? request->body.at : "", request->body.len,
				  JSON_REJECT_DUPLICATES, NULL);
	const char *fault = tenant && *tenant ? find_fault(json) : "X-Tenant-Id";

	if (fault) {
		sim_answer_json(&exchange->answer, 400,
				"{\"error\":\"missing or wrong\",\"field\":");
		buf_json(&exchange->answer.body, fault, strlen(fault));
		buf_text(&exchange->answer.body, "}");
		exchange_send(exchange, sim->service_ms);
	} else {
		serve_post(sim, exchange, json);
	}
	json_decref(json);
}
