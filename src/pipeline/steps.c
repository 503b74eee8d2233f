/*
 * The steps of a request as a table.  Completions record their result and make the flow
 * ready; flow_advance_all(), a hook of the loop, walks the table.
 *
 *   1  receive      pipeline.c: read, checked, admitted
 *      key          (with Idempotency-Key) the first answer again, 409, 422
 *      room         the backlog is full -> 429
 *   2  quota        exceeded -> 429; the check failing -> warn and go on
 *   3  credentials  the outlet's number and token; none -> stored as failed, 500
 *      commit       message and work (and attempt 1, if it may begin here) are durable
 *   4  send         delivery: attempts, retries
 *   5  store        delivery: the Conversation Service's copy
 *      record       (with Idempotency-Key) the answer is durable before it leaves
 *   6  answer       200, 202, 409, 422, 429, 500, 503
 *
 * A bulk call has steps of its own between key and record: bulk.c; so has a webhook: webhook.c.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "pipeline/bulk.h"
#include "pipeline/flow.h"
#include "pipeline/webhook.h"

#define STATUS_WAIT_MS 1000
#define TAKEN_MS 1000       /* the answer waits so long for the owner on another node to have it */
#define RING_AGAIN_MS 250   /* meanwhile */
#define CANCEL_WAIT_MS 5000 /* one page of a batch */

struct step {
	const char *name;
	enum flow_result (*begin)(struct flow *f);
	enum flow_step next[FLOW_RESULTS];
};

/* What is measured of each step. */
static const enum metric_stage stages[FLOW_STEPS] = {
	[FLOW_KEY] = STAGE_KEY,
	[FLOW_ROOM] = METRIC_STAGES,
	[FLOW_QUOTA] = STAGE_QUOTA,
	[FLOW_CREDENTIALS] = STAGE_CREDENTIALS,
	[FLOW_COMMIT] = STAGE_COMMIT,
	[FLOW_COMMIT_FAILED] = STAGE_COMMIT,
	[FLOW_DELIVER] = STAGE_DELIVER,
	[FLOW_STATUS] = STAGE_READ,
	[FLOW_RECORD] = STAGE_KEEP,
	[FLOW_READ] = STAGE_READ,
	[FLOW_CANCEL] = STAGE_COMMIT,
	[FLOW_BULK_READ] = METRIC_STAGES,
	[FLOW_BULK_KEY] = STAGE_KEY,
	[FLOW_BULK_ROOM] = METRIC_STAGES,
	[FLOW_BULK_QUOTA] = STAGE_QUOTA,
	[FLOW_BULK_OPEN] = STAGE_COMMIT,
	[FLOW_BULK_ADD] = METRIC_STAGES,
	[FLOW_BULK_CLOSE] = STAGE_COMMIT,
	[FLOW_BATCH_CANCEL] = METRIC_STAGES,
	[FLOW_WEBHOOK_CHECK] = METRIC_STAGES,
	[FLOW_WEBHOOK_READ] = METRIC_STAGES,
	[FLOW_WEBHOOK_STORE] = STAGE_COMMIT,
	[FLOW_ANSWER] = METRIC_STAGES,
};

static enum flow_result check_quota(struct flow *f);
static enum flow_result find_credentials(struct flow *f);
static enum flow_result deliver(struct flow *f);
static enum flow_result look_up_status(struct flow *f);
static enum flow_result read_for_caller(struct flow *f);
static enum flow_result look_seen(struct flow *f);
static enum flow_result call_off(struct flow *f);
static enum flow_result cancel_batch(struct flow *f);
static enum flow_result answer(struct flow *f);

static const struct step steps[FLOW_STEPS] = {
	/* step               name             does               FLOW_OK           FLOW_NO
	 *                                                        FLOW_TAKEN */
	[FLOW_KEY] = { "key", flow_look_up_key, { FLOW_ROOM, FLOW_RECORD } },
	[FLOW_ROOM] = { "room", flow_find_room, { FLOW_QUOTA, FLOW_ANSWER } },
	[FLOW_QUOTA] = { "quota", check_quota, { FLOW_CREDENTIALS, FLOW_ANSWER } },
	[FLOW_CREDENTIALS] = { "credentials",
			       find_credentials,
			       { FLOW_COMMIT, FLOW_COMMIT_FAILED } },
	[FLOW_COMMIT] = { "commit",
			  flow_commit,
			  { FLOW_DELIVER, FLOW_ANSWER, FLOW_KEY, FLOW_RECORD } },
	[FLOW_COMMIT_FAILED] = { "commit",
				 flow_commit_failed,
				 { FLOW_ANSWER, FLOW_ANSWER, FLOW_KEY } },
	[FLOW_DELIVER] = { "deliver", deliver, { FLOW_RECORD, FLOW_STATUS } },
	[FLOW_STATUS] = { "status", look_up_status, { FLOW_RECORD, FLOW_ANSWER } },
	[FLOW_RECORD] = { "record", flow_record, { FLOW_ANSWER, FLOW_ANSWER, FLOW_KEY } },
	[FLOW_READ] = { "read", read_for_caller, { FLOW_ANSWER, FLOW_ANSWER } },
	[FLOW_SEEN] = { "seen", look_seen, { FLOW_CANCEL, FLOW_ANSWER } },
	[FLOW_CANCEL] = { "cancel", call_off, { FLOW_STATUS, FLOW_ANSWER } },
	[FLOW_BULK_READ] = { "read", bulk_read, { FLOW_BULK_KEY, FLOW_ANSWER } },
	[FLOW_BULK_KEY] = { "key", flow_look_up_key, { FLOW_BULK_ROOM, FLOW_ANSWER } },
	[FLOW_BULK_ROOM] = { "room", flow_find_room, { FLOW_BULK_QUOTA, FLOW_ANSWER } },
	[FLOW_BULK_QUOTA] = { "quota", check_quota, { FLOW_BULK_OPEN, FLOW_ANSWER } },
	[FLOW_BULK_OPEN] = { "open", bulk_open, { FLOW_BULK_ADD, FLOW_ANSWER, FLOW_BULK_KEY } },
	[FLOW_BULK_ADD] = { "add", bulk_add, { FLOW_BULK_CLOSE, FLOW_ANSWER } },
	[FLOW_BULK_CLOSE] = { "close", bulk_close, { FLOW_RECORD, FLOW_ANSWER } },
	[FLOW_BATCH_SEEN] = { "seen", look_seen, { FLOW_BATCH_CANCEL, FLOW_ANSWER } },
	[FLOW_BATCH_CANCEL] = { "cancel", cancel_batch, { FLOW_READ, FLOW_ANSWER } },
	[FLOW_WEBHOOK_CHECK] = { "signature", webhook_check, { FLOW_WEBHOOK_READ, FLOW_ANSWER } },
	[FLOW_WEBHOOK_READ] = { "read", webhook_read, { FLOW_WEBHOOK_STORE, FLOW_ANSWER } },
	[FLOW_WEBHOOK_STORE] = { "store",
				 webhook_store,
				 { FLOW_ANSWER, FLOW_ANSWER, FLOW_WEBHOOK_READ } },
	[FLOW_ANSWER] = { "answer", answer, { FLOW_ANSWER, FLOW_ANSWER } },
};

static struct flow *flow_of(struct job *job)
{
	return LIST_OBJECT(job, struct flow, job);
}

void flow_ready(struct flow *f, enum flow_result result)
{
	f->result = result;
	if (list_empty(&f->ready))
		list_append(&f->pipeline->ready, &f->ready);
}

void flow_enter(struct flow *f, enum flow_step step)
{
	f->step = step;
	f->step_boot_ms = loop_now_ms(f->pipeline->world->loop);
	flow_ready(f, FLOW_PENDING);
}

/* A step without a key, or whose answer is kept at once, took no time of its own. */
static void measure(struct flow *f)
{
	const int64_t now_ms = loop_now_ms(f->pipeline->world->loop);

	if (f->key || (f->step != FLOW_KEY && f->step != FLOW_RECORD))
		meter_took(f->pipeline->world->meter, METRIC_STAGE_SECONDS, stages[f->step],
			   now_ms - f->step_boot_ms);
	f->step_boot_ms = now_ms;
}

/* Up to a step that is pending, or to the answer. */
static void advance(struct flow *f)
{
	struct pipeline *p = f->pipeline;
	enum flow_result result = f->result;

	f->result = FLOW_PENDING;
	while (f->step != FLOW_ANSWER) {
		if (result == FLOW_PENDING)
			result = steps[f->step].begin(f);
		if (result == FLOW_PENDING)
			return;
		measure(f);
		f->step = steps[f->step].next[result];
		result = FLOW_PENDING;
	}
	loop_cancel(p->world->loop, f->timer);
	f->timer = 0;
	list_append(&p->decided, &f->ready);
}

bool flow_advance_all(struct pipeline *p)
{
	struct list *node;
	bool did = false;

	/* An answer leaves in the second round of the hooks after it was decided: by then the
	 * bells have that were rung before it, to siblings and (the store's pump) to other
	 * nodes.  Who is told that a message is taken and sends the next one must not find
	 * that it goes first. */
	while ((node = list_take_first(&p->leaving))) {
		struct flow *f = LIST_OBJECT(node, struct flow, ready);

		(void)steps[f->step].begin(f);
		flow_free(f);
		did = true;
	}
	while ((node = list_take_first(&p->decided))) {
		list_append(&p->leaving, node);
		did = true;
	}
	while ((node = list_take_first(&p->ready))) {
		advance(LIST_OBJECT(node, struct flow, ready));
		did = true;
	}
	return did;
}

/* -- 2: quota ------------------------------------------------------------------------- */

static void warn_unchecked(struct flow *f, const struct quota_answer *a)
{
	struct pipeline *p = f->pipeline;
	struct log_line line;
	uint64_t suppressed = 0;

	if (a->skipped && !log_rate_allows(&p->quota_log, loop_now_ms(p->world->loop), &suppressed))
		return;
	log_begin(&line, p->world->log, LOG_WARNING, "quota_unchecked");
	log_str(&line, "tenant_id", f->tenant_id);
	log_str(&line, "request_id", f->request_id);
	log_str(&line, "cause", a->err.text);
	log_str(&line, "result", "allowed");
	log_int(&line, "suppressed", (int64_t)suppressed);
	log_end(&line);
}

static enum flow_result use_quota(struct flow *f, const struct quota_answer *a)
{
	f->charge = a->charge;
	switch (a->verdict) {
	case QUOTA_ALLOWED:
		break;
	case QUOTA_EXCEEDED:
		text_copy_cut(f->reason, sizeof(f->reason), a->reason);
		f->reply = REPLY_QUOTA;
		return FLOW_NO;
	case QUOTA_UNCHECKED:
		if (a->err.class == ERR_LIMIT)
			meter_bound(f->pipeline->world->meter, BOUND_LOOKUPS);
		warn_unchecked(f, a);
		break;
	}
	return FLOW_OK;
}

static enum flow_result check_quota(struct flow *f)
{
	struct quota_answer a;

	if (!tenant_client_quota(f->pipeline->world->tenant, f->tenant_id, f->traceparent,
				 f->job.id, &a))
		return FLOW_PENDING;
	return use_quota(f, &a);
}

static void on_quota(struct job *job, const struct quota_answer *a)
{
	struct flow *f = flow_of(job);

	if (f->step == FLOW_QUOTA || f->step == FLOW_BULK_QUOTA)
		flow_ready(f, use_quota(f, a));
}

/* -- 3: credentials ------------------------------------------------------------------- */

static enum flow_result use_credentials(struct flow *f, const struct credentials_answer *a)
{
	switch (a->verdict) {
	case CREDENTIALS_OK:
		f->credentials = malloc(sizeof(*f->credentials));
		if (f->credentials)
			*f->credentials = *a->credentials;
		return FLOW_OK;
	case CREDENTIALS_AWAY:
		if (a->err.class == ERR_LIMIT)
			meter_bound(f->pipeline->world->meter, BOUND_LOOKUPS);
		/* Delivery asks the siblings, then decides by whether somebody waits. */
		return FLOW_OK;
	case CREDENTIALS_UNKNOWN:
		break;
	}
	text_copy_cut(f->reason, sizeof(f->reason), a->err.text);
	return FLOW_NO;
}

static enum flow_result find_credentials(struct flow *f)
{
	const struct message *m = f->message;
	struct credentials_answer a;

	if (!tenant_client_credentials(f->pipeline->world->tenant, m->tenant_id, m->outlet_id, NULL,
				       f->traceparent, f->job.id, &a))
		return FLOW_PENDING;
	return use_credentials(f, &a);
}

static void on_credentials(struct job *job, const struct credentials_answer *a)
{
	struct flow *f = flow_of(job);

	if (f->step == FLOW_CREDENTIALS)
		flow_ready(f, use_credentials(f, a));
}

/* -- cancel --------------------------------------------------------------------------- */

static void on_cancel_late(void *arg)
{
	struct flow *f = arg;

	f->timer = 0;
	f->reply = REPLY_CANCEL_UNKNOWN;
	flow_ready(f, FLOW_NO);
}

static enum flow_result call_off(struct flow *f)
{
	const struct pipeline *p = f->pipeline;
	struct loop *loop = p->world->loop;

	f->timer = loop_timer(loop, loop_now_ms(loop) + p->settings.accept_timeout_ms,
			      on_cancel_late, f);
	store_call_off(p->world->store, f->job.id, f->id);
	return FLOW_PENDING;
}

/* Whether it was called off, now or before, its status says. */
static enum flow_result called_off(struct flow *f, enum store_verdict verdict)
{
	loop_cancel(f->pipeline->world->loop, f->timer);
	f->timer = 0;
	if (verdict == STORE_DONE)
		return FLOW_OK;
	f->reply = REPLY_INTERNAL;
	return FLOW_NO;
}

/* -- commit --------------------------------------------------------------------------- */

static void on_written(struct job *job, enum store_verdict verdict, uint64_t seq,
		       const struct err *err)
{
	struct flow *f = flow_of(job);

	(void)err;
	if (f->step == FLOW_COMMIT)
		flow_leave_room(f, verdict);
	if (f->step == FLOW_COMMIT || f->step == FLOW_COMMIT_FAILED)
		flow_ready(f, flow_committed(f, verdict, seq));
	else if (f->step == FLOW_BULK_OPEN)
		flow_ready(f, bulk_opened(f, verdict));
	else if (f->step == FLOW_BULK_CLOSE)
		flow_ready(f, bulk_closed(f, verdict));
	else if (f->step == FLOW_RECORD)
		flow_ready(f, flow_recorded(f, verdict));
	else if (f->step == FLOW_CANCEL && f->result == FLOW_PENDING)
		flow_ready(f, called_off(f, verdict));
}

/* -- 4 and 5: delivery ---------------------------------------------------------------- */

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

static enum flow_result deliver(struct flow *f)
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

/* -- status --------------------------------------------------------------------------- */

/* Not how the message of a request of its own stands. */
static bool asks_status(const struct flow *f)
{
	return f->route == ROUTE_STATUS || f->route == ROUTE_CANCEL;
}

static enum flow_reply reply_of_silence(const struct flow *f)
{
	return f->route == ROUTE_CANCEL ? REPLY_CANCEL_UNKNOWN : REPLY_STORE_AWAY;
}

static void on_status_late(void *arg)
{
	struct flow *f = arg;

	f->timer = 0;
	if (f->route != ROUTE_SEND)
		f->reply = reply_of_silence(f);
	flow_ready(f, FLOW_OK);
}

static enum flow_result look_up_status(struct flow *f)
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
	f->timer = loop_timer(p->world->loop, now_ms + STATUS_WAIT_MS, on_status_late, f);
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

static void on_status(struct job *job, enum store_verdict verdict,
		      const struct store_status *status, const struct err *err)
{
	struct flow *f = flow_of(job);
	const bool known = verdict == STORE_DONE && status->found;

	(void)err;
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

static void on_first(struct job *job, enum store_verdict verdict, const struct store_first *first,
		     const struct err *err)
{
	struct flow *f = flow_of(job);

	(void)err;
	if (f->step == FLOW_KEY || f->step == FLOW_BULK_KEY)
		flow_ready(f, flow_use_first(f, verdict, first));
}

static enum flow_result read_for_caller(struct flow *f)
{
	struct loop *loop = f->pipeline->world->loop;
	const enum flow_result result = flow_read(f);

	loop_cancel(loop, f->timer);
	f->timer = 0;
	if (result == FLOW_PENDING)
		f->timer = loop_timer(loop, loop_now_ms(loop) + STATUS_WAIT_MS, on_status_late, f);
	return result;
}

/* Nothing has been cancelled yet. */
static void on_seen_late(void *arg)
{
	struct flow *f = arg;

	f->timer = 0;
	f->reply = REPLY_STORE_AWAY;
	flow_ready(f, FLOW_NO);
}

static enum flow_result look_seen(struct flow *f)
{
	struct loop *loop = f->pipeline->world->loop;
	const enum flow_result result = flow_look_seen(f);

	if (result == FLOW_PENDING)
		f->timer = loop_timer(loop, loop_now_ms(loop) + STATUS_WAIT_MS, on_seen_late, f);
	return result;
}

static void on_seen(struct flow *f, enum store_verdict verdict, const struct store_found *found)
{
	loop_cancel(f->pipeline->world->loop, f->timer);
	f->timer = 0;
	flow_ready(f, flow_seen(f, verdict, found));
}

static enum flow_result cancel_batch(struct flow *f)
{
	struct loop *loop = f->pipeline->world->loop;
	const enum flow_result result = flow_cancel_batch(f);

	loop_cancel(loop, f->timer);
	f->timer = result == FLOW_PENDING
			   ? loop_timer(loop, loop_now_ms(loop) + CANCEL_WAIT_MS, on_cancel_late, f)
			   : 0;
	return result;
}

static void on_found(struct job *job, enum store_verdict verdict, const struct store_found *found,
		     const struct err *err)
{
	struct flow *f = flow_of(job);

	(void)err;
	if (f->result != FLOW_PENDING)
		return;
	if (f->step == FLOW_SEEN || f->step == FLOW_BATCH_SEEN)
		on_seen(f, verdict, found);
	else if (f->step == FLOW_READ)
		flow_ready(f, flow_found(f, verdict, found));
	else if (f->step == FLOW_BATCH_CANCEL)
		flow_ready(f, flow_cancelled(f, verdict, found));
}

static void on_received(struct job *job, enum store_verdict verdict,
			const struct store_received *received, const struct err *err)
{
	struct flow *f = flow_of(job);

	(void)err;
	if (f->step == FLOW_WEBHOOK_STORE)
		flow_ready(f, webhook_stored(f, verdict, received));
}

static enum flow_result answer(struct flow *f)
{
	flow_answer(f);
	return FLOW_OK;
}

const struct job_operations flow_operations = {
	.quota = on_quota,
	.credentials = on_credentials,
	.written = on_written,
	.status = on_status,
	.first = on_first,
	.found = on_found,
	.received = on_received,
};
