/* How a message stands: asked for, or when the wait for its delivery is long or over. */
#include <stdlib.h>

#include "pipeline/flow.h"

/* Not how the message of a request of its own stands. */
static bool asks_status(const struct flow *f)
{
	return f->route == ROUTE_STATUS || f->route == ROUTE_CANCEL || f->route == ROUTE_RESOLVE;
}

static enum flow_reply reply_of_silence(const struct flow *f)
{
	if (f->route == ROUTE_RESOLVE)
		return REPLY_MANAGE_UNKNOWN;
	return f->route == ROUTE_CANCEL ? REPLY_CANCEL_UNKNOWN : REPLY_STORE_AWAY;
}

void flow_status_late(void *arg)
{
	struct flow *f = arg;

	f->timer = 0;
	if (f->route != ROUTE_SEND)
		f->reply = reply_of_silence(f);
	flow_ready(f, FLOW_OK);
}

enum flow_result flow_look_up_status(struct flow *f)
{
	struct pipeline *p = f->pipeline;
	const int64_t now_ms = loop_now_ms(p->world->loop);
	struct err err;

	f->look_boot_ms = 0;
	if (store_status(p->world->store, f->job.id, f->id, asks_status(f) ? &f->read.asker : NULL,
			 &err)) {
		if (asks_status(f))
			f->reply = reply_of_silence(f);
		return FLOW_OK;
	}
	f->timer = loop_timer(p->world->loop, now_ms + FLOW_STATUS_WAIT_MS, flow_status_late, f);
	return FLOW_PENDING;
}

static void use_status(struct flow *f, enum store_verdict verdict,
		       const struct store_status *status)
{
	if (verdict != STORE_DONE) {
		f->reply = reply_of_silence(f);
	} else if (!status->found) {
		f->reply = REPLY_NOT_FOUND;
	} else {
		f->status = malloc(sizeof(*f->status));
		f->reply = f->status ? REPLY_STATUS : REPLY_INTERNAL;
		if (f->status)
			*f->status = *status;
	}
}

/* Draining, and nobody is there to begin what has not begun: not worth the wait. */
static bool is_left(const struct flow *f, const struct store_status *status)
{
	const struct pipeline *p = f->pipeline;

	return p->draining && status->state != STATE_SENDING &&
	       delivery_leaves(p->delivery, f->message->lane);
}

void flow_use_status(struct flow *f, enum store_verdict verdict, const struct store_status *status)
{
	const bool known = verdict == STORE_DONE && status->found;

	if (f->step == FLOW_DELIVER && f->result == FLOW_PENDING && known) {
		/* The fallback look: only an end is news, or that nobody is left. */
		if (flow_awaits_copy(f, status))
			return;
		flow_use_state(f, status);
		if (f->reply != REPLY_PENDING || status->state == STATE_UNKNOWN ||
		    is_left(f, status))
			flow_ready(f, FLOW_OK);
		return;
	}
	if (f->step != FLOW_STATUS)
		return;
	if (asks_status(f))
		use_status(f, verdict, status);
	else if (known)
		flow_use_state(f, status);
	flow_ready(f, FLOW_OK);
}
