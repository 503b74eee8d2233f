/*
 * The accepting commit: message and work become durable, and with them attempt 1 when it may
 * begin here: the lane is ours, the credentials are known and a place for the call is taken.
 */
#include "base/clock.h"
#include "base/random.h"
#include "base/text.h"
#include "domain/graph_error.h"
#include "pipeline/flow.h"

/* After its wait a request still looks into the store and has its answer recorded. */
#define ANSWER_GRACE_MS 5000

static void name_message(struct flow *f)
{
	const int64_t now_us = clock_wall_us();
	uint8_t random[10];

	random_bytes(random, sizeof(random));
	f->id = f->message->id = message_id_make(now_us / 1000, random);
	f->message->accepted_wall_us = now_us;
	f->expires_wall_us =
		message_expires_us(f->message, 1000 * f->pipeline->settings.message_ttl_ms);
}

/* An answer that is known already comes with the message. */
static enum flow_result submit(struct flow *f, struct store_accept *row)
{
	struct err err;

	if (f->key) {
		f->key->runs_ms = f->deadline_boot_ms - loop_now_ms(f->pipeline->world->loop) +
				  ANSWER_GRACE_MS;
		if ((f->async || row->failed) && flow_key_answer(f) != FLOW_OK)
			return FLOW_NO;
		row->key = f->key;
	}
	if (!store_accept(f->pipeline->world->store, f->job.id, row, &err))
		return FLOW_PENDING;
	f->reply = REPLY_OVERLOADED;
	return FLOW_NO;
}

/* Attempt 1 with the accept: not for messages nobody waits for while a breaker holds them up. */
static bool may_begin(const struct flow *f)
{
	const struct pipeline *p = f->pipeline;

	return f->credentials && !p->draining && !f->message->due_wall_us &&
	       delivery_owns(p->delivery, f->message->lane) &&
	       (!f->async || delivery_flows(p->delivery, f->credentials->number));
}

/* What is due sooner goes to its owner at once, and waits there. */
static bool is_later(const struct message *m)
{
	return message_is_later(m, 1000 * DELIVERY_DUE_AHEAD_MS);
}

enum flow_result flow_commit(struct flow *f)
{
	const struct pipeline *p = f->pipeline;
	const struct pipeline_settings *settings = &p->settings;
	struct store_accept row;

	name_message(f);
	if (may_begin(f))
		f->place = delivery_reserve(p->delivery, f->message, f->credentials->number,
					    !f->async);
	f->begun_wall_us = f->message->accepted_wall_us;
	f->deadline_wall_us = f->begun_wall_us +
			      1000 * (settings->accept_timeout_ms + settings->request_timeout_ms);
	row = (struct store_accept){
		.message = f->message,
		.caller_waits = !f->async,
		.scheduled = is_later(f->message),
		.due_wall_us = f->message->due_wall_us,
		.expires_wall_us = f->expires_wall_us,
		.begin = f->place != NULL,
		.number = f->place ? f->credentials->number : NULL,
		.deadline_wall_us = f->deadline_wall_us,
		.charge = f->charge,
	};
	return submit(f, &row);
}

/* The outlet has no credentials: it cannot be sent, and that can be asked for. */
enum flow_result flow_commit_failed(struct flow *f)
{
	const struct graph_error *error = graph_error_case(GRAPH_CASE_CREDENTIALS);
	struct store_accept row = {
		.message = f->message,
		.failed = true,
		.failure_code = GRAPH_CASE_CREDENTIALS,
		.failure_reason = f->reason,
	};

	name_message(f);
	f->reply = REPLY_FAILED;
	f->outcome.code = GRAPH_CASE_CREDENTIALS;
	text_copy_cut(f->outcome.title, sizeof(f->outcome.title),
		      *f->reason ? f->reason : error->title);
	text_copy_cut(f->action, sizeof(f->action), error->action);
	return submit(f, &row);
}

const char *flow_quota_reason(uint64_t which)
{
	return which == STORE_QUOTA_DAILY ? "daily quota used up" : "monthly quota used up";
}

enum flow_result flow_committed(struct flow *f, enum store_verdict verdict, uint64_t seq)
{
	if (verdict == STORE_DONE || verdict == STORE_NOT_BEGUN)
		meter_count(f->pipeline->world->meter, METRIC_ACCEPTED, 0, 0);
	switch (verdict) {
	case STORE_DONE:
		f->message->seq = seq;
		return is_later(f->message) ? FLOW_LATER : FLOW_OK;
	case STORE_NOT_BEGUN: /* others have taken our lanes over; it is theirs now */
		delivery_give_back(f->pipeline->delivery, f->place);
		f->place = NULL;
		f->message->seq = seq;
		return FLOW_OK;
	case STORE_AWAY:
		f->reply = REPLY_STORE_AWAY;
		return FLOW_NO;
	case STORE_UNCERTAIN:
		f->reply = REPLY_UNCERTAIN;
		return FLOW_NO;
	case STORE_CONFLICT:
		return FLOW_TAKEN;
	case STORE_OVER_QUOTA:
		f->reply = REPLY_QUOTA;
		text_copy_cut(f->reason, sizeof(f->reason), flow_quota_reason(seq));
		return FLOW_NO;
	case STORE_REJECTED:
		break;
	}
	f->reply = REPLY_INTERNAL;
	return FLOW_NO;
}
