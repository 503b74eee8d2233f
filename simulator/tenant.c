/*
 * The Tenant Service: quota and credentials. Every outlet exists; its number and token follow
 * from its id, so nothing has to be set up.
 */
#include "simulator/sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* True: the header is missing, and that is answered. */
static bool refuse_without_tenant(struct sim *sim, struct exchange *exchange)
{
	const char *tenant = request_header(&exchange->request, "x-tenant-id");

	if (tenant && *tenant)
		return false;
	sim_answer_json(&exchange->answer, 400, "{\"error\":\"X-Tenant-Id is missing\"}");
	exchange_send(exchange, sim->service_ms);
	return true;
}

/* A behaviour for this one value, or for the whole service, or a plain "ok". */
static struct behaviour choose(struct sim *sim, enum service service, const char *by,
			       const char *value)
{
	const char *name = service_names[service];
	const struct behaviour *found = script_play(sim->script, name, by, value);

	if (!found)
		found = script_play(sim->script, name, "", "");
	return found ? *found : behaviour_plain(BEHAVE_OK);
}

static void write_error(const struct behaviour *behaviour, struct answer *answer)
{
	sim_answer_json(answer, behaviour->status < 0 ? 500 : behaviour->status,
			"{\"error\":\"ordered by the test\"}");
}

static void write_quota(const struct behaviour *behaviour, struct answer *answer)
{
	bool deny = behaviour->kind == BEHAVE_DENY;
	const char *reason = behaviour->reason ? behaviour->reason : "";

	if (deny && !behaviour->reason)
		reason = "monthly quota used up";
	sim_answer_json(answer, 200, "{\"can_send_message\":");
	buf_text(&answer->body, deny ? "false,\"reason\":" : "true,\"reason\":");
	buf_json(&answer->body, reason, strlen(reason));
	buf_text(&answer->body, "}");
}

void tenant_serve_quota(struct sim *sim, struct exchange *exchange)
{
	if (refuse_without_tenant(sim, exchange))
		return;
	struct behaviour behaviour =
		choose(sim, SERVICE_QUOTA, "tenant", exchange->request.segments[3]);
	if (!behaviour_shape(&behaviour, &exchange->answer)) {
		if (behaviour.kind == BEHAVE_ERROR)
			write_error(&behaviour, &exchange->answer);
		else
			write_quota(&behaviour, &exchange->answer);
	}
	exchange_send(exchange, behaviour_latency(&behaviour, sim->service_ms));
}

/* 15 digits out of the id; or, for an id that ends in "@digits", those. */
static void number_of(const char *outlet, char to[24])
{
	const char *own = strrchr(outlet, '@');
	uint64_t hash = UINT64_C(14695981039346656037);

	if (own && own[1] && strlen(own + 1) <= 20 && !own[1 + strspn(own + 1, "0123456789")]) {
		snprintf(to, 24, "%s", own + 1);
		return;
	}
	for (const char *c = outlet; *c; c++)
		hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
	snprintf(to, 24, "1%014" PRIu64, hash % UINT64_C(100000000000000));
}

static void write_outlet(struct sim *sim, const struct behaviour *behaviour, const char *outlet,
			 struct answer *answer)
{
	struct buf *body = &answer->body;
	struct buf token = { 0 };
	char number[24];

	number_of(outlet, number);
	const char *sender = behaviour->number ? behaviour->number : number;
	if (behaviour->token)
		buf_text(&token, behaviour->token);
	else
		buf_printf(&token, "EAAG-%s", outlet);
	sim_answer_json(answer, 200, "{\"id\":");
	buf_json(body, outlet, strlen(outlet));
	if (behaviour->kind != BEHAVE_NO_ID) {
		buf_text(body, ",\"waba_phone_number_id\":");
		buf_json(body, sender, strlen(sender));
		buf_text(body, ",\"waba_access_token\":");
		buf_json(body, token.at, token.len);
		/* Only --strict-token asks for it: a million outlets need not be remembered. */
		if (sim->strict_token)
			dict_set(sim->tokens, sender, strdup(token.at));
	}
	buf_text(body, "}");
	buf_free(&token);
}

void tenant_serve_outlet(struct sim *sim, struct exchange *exchange)
{
	const char *outlet = exchange->request.segments[3];

	if (refuse_without_tenant(sim, exchange))
		return;
	struct behaviour behaviour = choose(sim, SERVICE_OUTLET, "outlet", outlet);
	if (!behaviour_shape(&behaviour, &exchange->answer)) {
		if (behaviour.kind == BEHAVE_ERROR)
			write_error(&behaviour, &exchange->answer);
		else
			write_outlet(sim, &behaviour, outlet, &exchange->answer);
	}
	exchange_send(exchange, behaviour_latency(&behaviour, sim->service_ms));
}
