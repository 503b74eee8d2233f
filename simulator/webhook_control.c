/*
 * The control calls about webhooks: /_sim/webhooks, receipts, webhook, inbound and handshake. The
 * last three send one and answer with what came back.
 */
#include "simulator/control.h"
#include "simulator/wamid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* NULL, or what is wrong. What is left out stays. */
static const char *set_rules(struct webhooks *webhooks, const json_t *json)
{
	struct webhook_rules r = webhooks_rules(webhooks);
	const char *url = r.url, *secret = r.secret;

	if (!json_object_get(json, "batch_min") && json_object_get(json, "batch"))
		r.batch_min = -1;
	if (json_unpack((json_t *)json, "{s?s,s?s,s?i,s?i,s?i,s?i,s?i,s?i,s?i!}", "url", &url,
			"secret", &secret, "batch", &r.batch, "batch_min", &r.batch_min,
			"gather_ms", &r.gather_ms, "connections", &r.connections, "retry_ms",
			&r.retry_ms, "timeout_ms", &r.timeout_ms, "deaf", &r.deaf) != 0)
		return "a setting is unknown or has a wrong type";
	if (r.batch_min < 0)
		r.batch_min = r.batch;
	if (strlen(url) >= sizeof(r.url) || strlen(secret) >= sizeof(r.secret))
		return "url, secret: too long";
	memmove(r.url, url, strlen(url) + 1);
	memmove(r.secret, secret, strlen(secret) + 1);
	return webhooks_set(webhooks, &r);
}

void control_post_webhooks(struct sim *sim, struct exchange *exchange)
{
	json_t *json = control_body(exchange);

	if (!json)
		return;
	control_done(exchange, set_rules(sim->webhooks, json));
	json_decref(json);
}

void control_get_webhooks(struct sim *sim, struct exchange *exchange)
{
	const struct webhook_rules rules = webhooks_rules(sim->webhooks);
	const struct webhook_counts c = webhooks_counts(sim->webhooks);
	const struct {
		const char *name;
		int64_t value;
	} rows[] = {
		{ "batch", rules.batch },
		{ "batch_min", rules.batch_min },
		{ "gather_ms", rules.gather_ms },
		{ "connections", rules.connections },
		{ "retry_ms", rules.retry_ms },
		{ "timeout_ms", rules.timeout_ms },
		{ "deaf", rules.deaf },
		{ "statuses", c.statuses },
		{ "taken", c.taken },
		{ "duplicated", c.duplicated },
		{ "dropped", c.dropped },
		{ "waiting", c.waiting },
		{ "posts", c.posts },
		{ "open", c.open },
		{ "tries", c.tries },
		{ "refused", c.refused },
		{ "unanswered", c.unanswered },
		{ "unheard", c.unheard },
		{ "last_status", c.last_status },
	};
	json_t *json = json_pack("{s:s,s:f,s:f,s:f}", "url", rules.url, "median_ms", c.median_ms,
				 "p99_ms", c.p99_ms, "max_ms", c.max_ms);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		json_object_set_new(json, rows[i].name, json_integer(rows[i].value));
	control_reply(exchange, 200, json);
}

/* NULL, or what is wrong with the order. */
static const char *order_receipts(struct sim *sim, const json_t *json, char why[128])
{
	const json_t *wanted = json_object_get(json, "receipts");
	const char *recipient = json_string_value(json_object_get(json, "recipient"));
	struct receipts *receipts = NULL;
	char digits[40];

	if (!wanted || json_object_size(json) != (recipient ? 2u : 1u))
		return "receipts and, if not for all, a recipient are needed";
	if (recipient && sim_digits(recipient, digits, sizeof(digits)))
		recipient = digits;
	if (!json_is_null(wanted) && !(receipts = receipts_read(wanted, why)))
		return why;
	dict_set(sim->receipts, recipient ? recipient : "", receipts);
	return NULL;
}

void control_post_receipts(struct sim *sim, struct exchange *exchange)
{
	char why[128];
	json_t *json = control_body(exchange);

	if (!json)
		return;
	control_done(exchange, order_receipts(sim, json, why));
	json_decref(json);
}

/* --- sent at once --- */

static void asker_is_gone(struct exchange *exchange)
{
	struct sim *sim = exchange->conn->net->ctx;

	webhooks_forget(sim->webhooks, exchange);
}

static void tell(struct order *order)
{
	struct exchange *exchange = order->asker;
	const struct errand *errand = &order->errand;
	json_t *body = json_stringn(errand->body.at ? errand->body.at : "", errand->body.len);

	control_reply(exchange, 200,
		      json_pack("{s:i,s:s,s:o}", "status", errand->status, "type", errand->type,
				"body", body ? body : json_null()));
}

/* False: webhooks are off, and that is answered. */
static bool can_send(struct sim *sim, struct exchange *exchange)
{
	if (webhooks_rules(sim->webhooks).url[0]) {
		exchange->on_end = asker_is_gone;
		return true;
	}
	control_done(exchange, "there is no url: POST /_sim/webhooks sets it");
	return false;
}

static void send_webhook(struct sim *sim, struct exchange *exchange, const json_t *json)
{
	const json_t *wanted = json_object_get(json, "body");
	const char *signature = json_string_value(json_object_get(json, "signature"));
	char *text = json_is_string(wanted) ? strdup(json_string_value(wanted))
					    : json_dumps(wanted, JSON_COMPACT);
	struct buf body = { 0 };

	if (!text) {
		control_done(exchange, "body: an object, or a text to be sent as it is, is needed");
		return;
	}
	if (json_is_string(wanted))
		buf_text(&body, text);
	else
		notice_escape(&body, text, strlen(text));
	if (can_send(sim, exchange))
		webhooks_post(sim->webhooks, &body, signature, exchange, tell);
	buf_free(&body);
	free(text);
}

void control_post_webhook(struct sim *sim, struct exchange *exchange)
{
	json_t *json = control_body(exchange);

	if (!json)
		return;
	send_webhook(sim, exchange, json);
	json_decref(json);
}

/* Whom the message is from, as its subject. */
static void send_inbound(struct sim *sim, struct exchange *exchange, const char *number,
			 const char *from, const char *identity, const json_t *message)
{
	struct subject subject = { .number = (char *)number, .wamid = (char *)"" };
	struct buf body = { 0 };
	char digits[40], wamid[WAMID_SIZE];
	char *text = json_dumps(message, JSON_COMPACT);

	subject.is_user_id = !sim_digits(from, digits, sizeof(digits));
	subject.recipient = subject.is_user_id ? (char *)from : digits;
	if (strcmp(identity, "phone") == 0)
		subject.style.identity = IDENTITY_PHONE;
	if (strcmp(identity, "user") == 0)
		subject.style.identity = IDENTITY_USER;
	wamid_make(wamid, subject.recipient, sim->run, ++sim->serial);
	subject.wamid = wamid;
	if (!text)
		abort();
	notice_write_inbound(&body, &subject, text, time(NULL));
	webhooks_post(sim->webhooks, &body, NULL, exchange, tell);
	buf_free(&body);
	free(text);
}

void control_post_inbound(struct sim *sim, struct exchange *exchange)
{
	const char *number = NULL, *from = NULL, *text = "Halo \u2013 masih ada?",
		   *identity = "both";
	json_t *message = NULL, *json = control_body(exchange);

	if (!json)
		return;
	if (json_unpack(json, "{s:s,s:s,s?s,s?s,s?o!}", "number", &number, "from", &from, "text",
			&text, "identity", &identity, "message", &message) != 0) {
		control_done(exchange, "number and from are needed; text or message, and identity "
				       "may be there");
	} else if (can_send(sim, exchange)) {
		json_t *plain = json_pack("{s:s,s:{s:s}}", "type", "text", "text", "body", text);

		send_inbound(sim, exchange, number, from, identity,
			     json_is_object(message) ? message : plain);
		json_decref(plain);
	}
	json_decref(json);
}

static void add_encoded(struct buf *to, const char *name, const char *value)
{
	buf_printf(to, "%s%s=", to->len ? "&" : "", name);
	for (; *value; value++) {
		bool plain = (*value >= 'a' && *value <= 'z') || (*value >= 'A' && *value <= 'Z') ||
			     (*value >= '0' && *value <= '9') || strchr("-._~", *value);

		buf_printf(to, plain ? "%c" : "%%%02X", (unsigned char)*value);
	}
}

void control_post_handshake(struct sim *sim, struct exchange *exchange)
{
	const char *mode = "subscribe", *token = "", *challenge = "1158201444";
	json_t *json = control_body(exchange);
	struct buf query = { 0 };

	if (!json)
		return;
	if (json_unpack(json, "{s?s,s?s,s?s!}", "mode", &mode, "token", &token, "challenge",
			&challenge) != 0) {
		control_done(exchange, "only mode, token and challenge are known");
	} else if (can_send(sim, exchange)) {
		add_encoded(&query, "hub.mode", mode);
		add_encoded(&query, "hub.challenge", challenge);
		add_encoded(&query, "hub.verify_token", token);
		webhooks_get(sim->webhooks, query.at, exchange, tell);
		buf_free(&query);
	}
	json_decref(json);
}
