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
 * A bulk call has steps of its own between key and record: bulk.c; so has a webhook: webhook.c, and
 * what is decided by key: manage.c.
 */
#include "pipeline/bulk.h"
#include "pipeline/flow.h"
#include "pipeline/manage.h"
#include "pipeline/webhook.h"

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
	[FLOW_HOLD] = STAGE_COMMIT,
	[FLOW_RESOLVE] = STAGE_COMMIT,
	[FLOW_REPLAY_COUNT] = STAGE_READ,
	[FLOW_REPLAY_QUOTA] = STAGE_QUOTA,
	[FLOW_REPLAY] = METRIC_STAGES,
	[FLOW_RESOLVE_SEEN] = STAGE_READ,
	[FLOW_ANSWER] = METRIC_STAGES,
};

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
	[FLOW_QUOTA] = { "quota", flow_check_quota, { FLOW_CREDENTIALS, FLOW_ANSWER } },
	[FLOW_CREDENTIALS] = { "credentials",
			       flow_find_credentials,
			       { FLOW_COMMIT, FLOW_COMMIT_FAILED } },
	[FLOW_COMMIT] = { "commit",
			  flow_commit,
			  { FLOW_DELIVER, FLOW_ANSWER, FLOW_KEY, FLOW_RECORD } },
	[FLOW_COMMIT_FAILED] = { "commit",
				 flow_commit_failed,
				 { FLOW_ANSWER, FLOW_ANSWER, FLOW_KEY } },
	[FLOW_DELIVER] = { "deliver", flow_deliver, { FLOW_RECORD, FLOW_STATUS } },
	[FLOW_STATUS] = { "status", flow_look_up_status, { FLOW_RECORD, FLOW_ANSWER } },
	[FLOW_RECORD] = { "record", flow_record, { FLOW_ANSWER, FLOW_ANSWER, FLOW_KEY } },
	[FLOW_READ] = { "read", read_for_caller, { FLOW_ANSWER, FLOW_ANSWER } },
	[FLOW_SEEN] = { "seen", look_seen, { FLOW_CANCEL, FLOW_ANSWER } },
	[FLOW_CANCEL] = { "cancel", call_off, { FLOW_STATUS, FLOW_ANSWER } },
	[FLOW_BULK_READ] = { "read", bulk_read, { FLOW_BULK_KEY, FLOW_ANSWER } },
	[FLOW_BULK_KEY] = { "key", flow_look_up_key, { FLOW_BULK_ROOM, FLOW_ANSWER } },
	[FLOW_BULK_ROOM] = { "room", flow_find_room, { FLOW_BULK_QUOTA, FLOW_ANSWER } },
	[FLOW_BULK_QUOTA] = { "quota", flow_check_quota, { FLOW_BULK_OPEN, FLOW_ANSWER } },
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
	[FLOW_HOLD] = { "hold", manage_hold, { FLOW_ANSWER, FLOW_ANSWER } },
	[FLOW_RESOLVE_SEEN] = { "seen", look_seen, { FLOW_RESOLVE, FLOW_ANSWER } },
	[FLOW_RESOLVE] = { "resolve", manage_resolve, { FLOW_STATUS, FLOW_ANSWER } },
	[FLOW_REPLAY_COUNT] = { "count", manage_count, { FLOW_ANSWER, FLOW_ANSWER } },
	[FLOW_REPLAY_QUOTA] = { "quota", flow_check_quota, { FLOW_REPLAY, FLOW_ANSWER } },
	[FLOW_REPLAY] = { "replay", manage_replay, { FLOW_ANSWER, FLOW_ANSWER } },
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

/* -- what was asked of the Tenant Service ----------------------------------------------- */

static void on_quota(struct job *job, const struct quota_answer *a)
{
	struct flow *f = flow_of(job);

	if (f->step == FLOW_QUOTA || f->step == FLOW_BULK_QUOTA || f->step == FLOW_REPLAY_QUOTA)
		flow_ready(f, flow_use_quota(f, a));
}

static void on_credentials(struct job *job, const struct credentials_answer *a)
{
	struct flow *f = flow_of(job);

	if (f->step == FLOW_CREDENTIALS)
		flow_ready(f, flow_use_credentials(f, a));
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

static void on_status(struct job *job, enum store_verdict verdict,
		      const struct store_status *status, const struct err *err)
{
	(void)err;
	flow_use_status(flow_of(job), verdict, status);
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
		f->timer = loop_timer(loop, loop_now_ms(loop) + FLOW_STATUS_WAIT_MS,
				      flow_status_late, f);
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
		f->timer =
			loop_timer(loop, loop_now_ms(loop) + FLOW_STATUS_WAIT_MS, on_seen_late, f);
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
	if (f->step == FLOW_SEEN || f->step == FLOW_BATCH_SEEN || f->step == FLOW_RESOLVE_SEEN)
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

static void on_managed(struct job *job, enum store_verdict verdict, const struct store_rows *rows,
		       const struct err *err)
{
	struct flow *f = flow_of(job);

	(void)err;
	if (f->result == FLOW_PENDING && f->manage)
		flow_ready(f, manage_done(f, verdict, rows));
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
	.managed = on_managed,
};
