/* 4 and 5: the message is delivery's; who waits for it is told, or runs out of time. */
#include "base/text.h"
#include "pipeline/bulk.h"
#include "pipeline/flow.h"

#define TAKEN_MS 1000     /* the answer waits so long for the owner on another node to have it */
#define RING_AGAIN_MS 250 /* meanwhile */

static struct delivery_waiter waiter_of(const struct flow *f, bool waits)
{
	return (struct delivery_waiter){
		.waits = waits,
		.taken = f->async,
		.slot = f->pipeline->settings.slot,
		.id = f->job.id,
		.until_boot_ms = f->deadline_boot_ms,
	};
}

static void on_deadline(void *arg)
{
	struct flow *f = arg;

	f->timer = 0;
	if (f->result == FLOW_PENDING) /* 202, as the store says it stands */
		flow_ready(f, f->async ? FLOW_OK : FLOW_NO);
}

static void await_taken(struct flow *f);

static void on_not_taken(void *arg)
{
	struct flow *f = arg;
	const struct delivery_waiter waiter = waiter_of(f, true);

	f->timer = 0;
	if (f->result != FLOW_PENDING)
		return;
	if (loop_now_ms(f->pipeline->world->loop) >= f->deadline_boot_ms) {
		meter_bound(f->pipeline->world->meter, BOUND_TAKEN_TIME);
		flow_ready(f, FLOW_OK);
		return;
	}
	delivery_ring(f->pipeline->delivery, f->message, &waiter);
	await_taken(f);
}

/* A bell to another node may be slow or lost, or its lanes may move: who is answered could send the
 * next message there before it has this one. */
static void await_taken(struct flow *f)
{
	struct loop *loop = f->pipeline->world->loop;
	const int64_t again_ms = loop_now_ms(loop) + RING_AGAIN_MS;

	f->timer = loop_timer(loop, again_ms < f->deadline_boot_ms ? again_ms : f->deadline_boot_ms,
			      on_not_taken, f);
}

/* The answer to who does not wait leaves when the message is with the owner of its lane: in its
 * inbox, or, on another node, when that has said so. */
static bool waits_for_delivery(const struct flow *f)
{
	const struct delivery *d = f->pipeline->delivery;

	/* Draining, with nobody to go on with the lane: what has not begun is answered now. */
	if (!f->place && delivery_leaves(d, f->message->lane))
		return false;
	return !f->async || delivery_is_far(d, f->message->lane);
}

enum flow_result flow_deliver(struct flow *f)
{
	struct pipeline *p = f->pipeline;
	struct loop *loop = p->world->loop;
	struct delivery_order order = {
		.message = f->message,
		.credentials = f->credentials,
		.expires_wall_us = f->expires_wall_us,
		.place = f->place,
		.begun_wall_us = f->begun_wall_us,
		.deadline_wall_us = f->deadline_wall_us,
	};

	if (f->async)
		f->deadline_boot_ms = loop_now_ms(loop) + TAKEN_MS;
	order.waiter = waiter_of(f, waits_for_delivery(f));
	f->place = NULL; /* taken with the order */
	delivery_take(p->delivery, &order);
	if (!order.waiter.waits)
		return FLOW_OK; /* 202 */
	if (p->draining && f->deadline_boot_ms > p->drain_until_ms)
		f->deadline_boot_ms = p->drain_until_ms;
	if (f->async) {
		await_taken(f);
		return FLOW_PENDING;
	}
	f->timer = loop_timer(loop, f->deadline_boot_ms, on_deadline, f);
	flow_look_later(f);
	return FLOW_PENDING;
}

void flow_take_result(struct flow *f, const struct delivery_result *result)
{
	if (f->step != FLOW_DELIVER || f->result != FLOW_PENDING ||
	    !message_id_equal(f->id, result->id))
		return;
	if (f->async) { /* taken, or over: 202 */
		flow_ready(f, FLOW_OK);
		return;
	}
	f->outcome = *result;
	f->outcome.action = f->action;
	f->outcome.detail = f->detail;
	text_copy_cut(f->action, sizeof(f->action), result->action);
	switch (result->end) {
	case DELIVERY_SENT:
		f->reply = REPLY_SENT;
		break;
	case DELIVERY_FAILED:
		f->reply = REPLY_FAILED;
		break;
	case DELIVERY_UNKNOWN:
		text_copy_cut(f->detail, sizeof(f->detail), state_detail(STATE_UNKNOWN, 0));
		break;
	case DELIVERY_RELEASED:
		text_copy_cut(f->detail, sizeof(f->detail), result->detail);
		break;
	case DELIVERY_ELSEWHERE:
		flow_look_now(f);
		return;
	case DELIVERY_TAKEN:
	case DELIVERY_END_COUNT:
		return;
	}
	flow_ready(f, FLOW_OK);
}

void flow_hurry(struct flow *f, int64_t until_boot_ms)
{
	if (f->bulk)
		bulk_hurry(f, until_boot_ms);
	if (f->step != FLOW_DELIVER || until_boot_ms >= f->deadline_boot_ms)
		return;
	f->deadline_boot_ms = until_boot_ms;
	loop_cancel(f->pipeline->world->loop, f->timer);
	f->timer = loop_timer(f->pipeline->world->loop, until_boot_ms, on_deadline, f);
}
