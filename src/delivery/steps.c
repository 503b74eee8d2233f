/*
 * The steps of an item as a table: what each one does and where each of its results leads.
 * Completions only record their result and put the item on the ready list; item_advance_all(),
 * a hook of the loop, walks the table.  Nothing else moves an item.
 */
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "delivery/item.h"

#define DEFER_MS 5000       /* credentials could not be had: next look */
#define HOLD_LOOK_MS 250    /* between looks at another worker's attempt */
#define SIBLINGS_WAIT_MS 50 /* for what another worker of the node may know */

struct step {
	const char *name;
	enum item_result (*begin)(struct item *item);
	enum item_step next[ITEM_RESULTS];
};

static enum item_result await_turn(struct item *item);
static enum item_result ask_credentials(struct item *item);
static enum item_result defer(struct item *item);
static enum item_result wait_until_due(struct item *item);
static enum item_result hold(struct item *item);
static enum item_result give_up(struct item *item);
static enum item_result end(struct item *item);

static const struct step steps[STEP_COUNT] = {
	/* step              name           does              ITEM_OK      ITEM_LATER  ITEM_NO */
	[STEP_TURN] = { "turn", await_turn, { STEP_HOURS, STEP_END, STEP_END } },
	[STEP_HOURS] = { "hours", item_hours, { STEP_GATE, STEP_DEFER, STEP_END } },
	[STEP_GATE] = { "gate", item_gate, { STEP_CREDENTIALS, STEP_SHELVE, STEP_END } },
	[STEP_SHELVE] = { "shelve", item_shelve, { STEP_END, STEP_END, STEP_END } },
	[STEP_CREDENTIALS] = { "credentials",
			       ask_credentials,
			       { STEP_PLACE, STEP_DEFER, STEP_GIVE_UP } },
	[STEP_PLACE] = { "place", item_take_place, { STEP_PASS, STEP_WAIT, STEP_END } },
	[STEP_PASS] = { "pass", item_pass, { STEP_BEGIN, STEP_DEFER, STEP_END } },
	[STEP_BEGIN] = { "begin", item_begin, { STEP_CALL, STEP_WAIT, STEP_END } },
	[STEP_CALL] = { "call", item_call, { STEP_RECORD, STEP_RECORD, STEP_RECORD } },
	[STEP_RECORD] = { "record", item_record, { STEP_COPY, STEP_WAIT, STEP_END } },
	[STEP_COPY] = { "copy", item_copy_await, { STEP_END, STEP_END, STEP_END } },
	[STEP_DEFER] = { "defer", defer, { STEP_WAIT, STEP_WAIT, STEP_END } },
	[STEP_WAIT] = { "wait", wait_until_due, { STEP_TURN, STEP_END, STEP_END } },
	[STEP_HOLD] = { "hold", hold, { STEP_END, STEP_END, STEP_END } },
	[STEP_GIVE_UP] = { "give_up", give_up, { STEP_END, STEP_END, STEP_END } },
	[STEP_END] = { "end", end, { STEP_END, STEP_END, STEP_END } },
};

/* What is measured of each step; of those that are not named, nothing. */
static enum metric_stage stage_of(enum item_step step)
{
	switch (step) {
	case STEP_TURN:
		return STAGE_TURN;
	case STEP_PLACE:
		return STAGE_PACE;
	case STEP_BEGIN:
		return STAGE_BEGIN;
	case STEP_CALL:
		return STAGE_CALL;
	case STEP_RECORD:
		return STAGE_RECORD;
	case STEP_COPY:
		return STAGE_COPY;
	default:
		return METRIC_STAGES;
	}
}

static struct item *item_of(struct job *job)
{
	return LIST_OBJECT(job, struct item, job);
}

void item_enter(struct item *item, enum item_step step)
{
	item->step = step;
	item->result = ITEM_PENDING;
	item->step_boot_ms = loop_now_ms(item->delivery->world->loop);
	if (list_empty(&item->ready))
		list_append(&item->delivery->ready, &item->ready);
}

static void measure(struct item *item)
{
	const int64_t now_ms = loop_now_ms(item->delivery->world->loop);

	meter_took(item->delivery->world->meter, METRIC_STAGE_SECONDS, stage_of(item->step),
		   now_ms - item->step_boot_ms);
	item->step_boot_ms = now_ms;
}

void item_done(struct item *item, enum item_result result)
{
	item->result = result;
	if (list_empty(&item->ready))
		list_append(&item->delivery->ready, &item->ready);
}

/* Takes the item through its steps until one is pending or the item is gone. */
static void advance(struct item *item)
{
	enum item_result result = item->result;

	if (result == ITEM_PENDING)
		result = steps[item->step].begin(item);
	while (result != ITEM_PENDING) {
		if (item->step == STEP_END) {
			item_free(item);
			return;
		}
		measure(item);
		item->step = steps[item->step].next[result];
		item->result = ITEM_PENDING;
		result = steps[item->step].begin(item);
	}
}

bool item_advance_all(struct delivery *d)
{
	struct list *node;
	bool did = delivery_give_places(d);

	while ((node = list_take_first(&d->ready))) {
		advance(LIST_OBJECT(node, struct item, ready));
		did = true;
	}
	/* Who waits now may be in turn, or wakes the loop when it is. */
	return delivery_give_places(d) || did;
}

bool item_is_idle(const struct item *item)
{
	return item->step == STEP_TURN || item->step == STEP_HOURS || item->step == STEP_GATE ||
	       item->step == STEP_CREDENTIALS || item->step == STEP_WAIT ||
	       item->step == STEP_PLACE || item->step == STEP_PASS || item->step == STEP_HOLD ||
	       item->shelved;
}

/* What was scheduled joins those to its recipient when it is due. */
static enum item_result await_turn(struct item *item)
{
	struct turns *turns = item->delivery->turns;

	switch (queues_pass(item)) {
	case QUEUE_OPEN:
		break;
	case QUEUE_GATED:
		return ITEM_PENDING;
	case QUEUE_SHUT: /* more is before it than was thought: the store has it */
		item_tell(item, DELIVERY_ELSEWHERE);
		return ITEM_LATER;
	}
	if (!item->turn.queue && !turn_join(turns, &item->turn, item->message)) {
		item_tell(item, DELIVERY_RELEASED);
		return ITEM_NO;
	}
	return turn_may_begin(turns, &item->turn) ? ITEM_OK : ITEM_PENDING;
}

void item_on_turn(void *arg, struct turn *turn)
{
	(void)arg;
	item_done(LIST_OBJECT(turn, struct item, turn), ITEM_OK);
}

/* They could not be had: looked for once more, after a while. */
static enum item_result credentials_later(struct item *item)
{
	item->failure_code = GRAPH_CASE_CREDENTIALS;
	item->due_boot_ms = loop_now_ms(item->delivery->world->loop) + DEFER_MS;
	return item_waited_for(item) ? ITEM_NO : ITEM_LATER;
}

/* The same again, as far as is known.  failure_code and reason are those of the attempt. */
static enum item_result token_stays(struct item *item)
{
	if (item_waited_for(item))
		return ITEM_NO;
	item->token_bad = true; /* so nothing begins: at the gate its outlet is held */
	return ITEM_OK;
}

static enum item_result use_credentials(struct item *item, const struct credentials_answer *answer)
{
	struct delivery *d = item->delivery;
	const bool refused = item->token_refused;

	item->token_refused = false;
	switch (answer->verdict) {
	case CREDENTIALS_OK:
		if (refused && item->credentials &&
		    strcmp(item->credentials->token, answer->credentials->token) == 0)
			return token_stays(item);
		item->siblings_asked = false;
		item_set_credentials(item, answer->credentials);
		if (item->credentials) {
			tokens_on_credentials(item);
			return ITEM_OK;
		}
		text_copy_cut(item->reason, sizeof(item->reason), "no memory");
		return credentials_later(item);
	case CREDENTIALS_UNKNOWN:
		if (refused)
			return ITEM_NO;
		item->failure_code = GRAPH_CASE_CREDENTIALS;
		text_copy_cut(item->reason, sizeof(item->reason), answer->err.text);
		return ITEM_NO;
	case CREDENTIALS_AWAY:
		if (answer->err.class == ERR_LIMIT)
			meter_bound(d->world->meter, BOUND_LOOKUPS);
		break;
	}
	if (refused)
		return token_stays(item);
	if (!item->siblings_asked &&
	    bell_ask(d->bell, item->message->tenant_id, item->message->outlet_id)) {
		item->siblings_asked = true;
		item->due_boot_ms = loop_now_ms(d->world->loop) + SIBLINGS_WAIT_MS;
		item->step = STEP_WAIT;
		return wait_until_due(item);
	}
	item->siblings_asked = false;
	text_copy_cut(item->reason, sizeof(item->reason), answer->err.text);
	return credentials_later(item);
}

static enum item_result ask_credentials(struct item *item)
{
	struct delivery *d = item->delivery;
	const struct message *m = item->message;
	struct credentials_answer answer;
	struct credentials known;
	const char *refused = NULL;
	bool at_hand;

	if (clock_wall_us() >= item->expires_wall_us) {
		item->failure_code = GRAPH_CASE_EXPIRED;
		text_copy_cut(item->reason, sizeof(item->reason),
			      graph_error_case(GRAPH_CASE_EXPIRED)->title);
		return ITEM_NO;
	}
	if (item->credentials && !item->token_refused && item->attempt == 0)
		return ITEM_OK;
	/* A probe wants them afresh. */
	if (item->probe &&
	    tenant_client_known(d->world->tenant, m->tenant_id, m->outlet_id, &known))
		refused = known.token;
	else if (item->token_refused && item->credentials)
		refused = item->credentials->token;
	at_hand = tenant_client_credentials(d->world->tenant, m->tenant_id, m->outlet_id, refused,
					    m->traceparent, item->job.id, &answer);
	explicit_bzero(&known, sizeof(known));
	return at_hand ? use_credentials(item, &answer) : ITEM_PENDING;
}

static void on_credentials(struct job *job, const struct credentials_answer *answer)
{
	struct item *item = item_of(job);
	enum item_result result;

	if (item->step != STEP_CREDENTIALS)
		return;
	result = use_credentials(item, answer);
	if (result != ITEM_PENDING)
		item_done(item, result);
}

static enum item_result defer(struct item *item)
{
	struct delivery *d = item->delivery;
	const struct store_defer row = {
		.id = item->message->id,
		.attempt = item->attempt,
		.due_wall_us =
			clock_wall_us() + 1000 * (item->due_boot_ms - loop_now_ms(d->world->loop)),
		.failure_code = item->failure_code,
		.reason = item->reason,
		.later = item->later,
	};

	if (route_away(item))
		return ITEM_NO;
	store_defer(d->world->store, item->job.id, &row);
	return ITEM_PENDING;
}

static void log_failure(const struct item *item)
{
	char id[MESSAGE_ID_TEXT_BYTES];
	struct log_line line;

	message_id_text(item->message->id, id);
	log_begin(&line, item->delivery->world->log, LOG_WARNING, "gave_up");
	log_str(&line, "message_id", id);
	log_str(&line, "tenant_id", item->message->tenant_id);
	log_int(&line, "attempts", item->attempt);
	log_int(&line, "code", item->failure_code);
	log_str(&line, "cause", item->reason);
	log_end(&line);
}

static enum item_result give_up(struct item *item)
{
	const struct store_defer row = {
		.id = item->message->id,
		.attempt = item->attempt,
		.failed = true,
		.failure_code = item->failure_code,
		.reason = item->reason,
	};

	if (route_away(item))
		return ITEM_NO;
	log_failure(item);
	store_defer(item->delivery->world->store, item->job.id, &row);
	return ITEM_PENDING;
}

static void on_due(void *arg)
{
	struct item *item = arg;

	item->timer = 0;
	item_done(item, ITEM_OK);
}

/* Long waits of messages nobody waits for are the store's: the poll brings them back.  Those
 * that later messages to the same recipient must wait for stay, while there is room. */
static bool belongs_to_store(const struct item *item)
{
	const struct delivery *d = item->delivery;
	const int64_t wait_ms = item->due_boot_ms - loop_now_ms(d->world->loop);
	const bool crowded = table_count(d->items) > d->settings.max_items / 4 ||
			     queues_crowded(item);

	return wait_ms > DELIVERY_AHEAD_MS && !item_waited_for(item) &&
	       (crowded || wait_ms > d->settings.order_hold_ms);
}

static enum item_result wait_until_due(struct item *item)
{
	struct delivery *d = item->delivery;

	if (d->draining || belongs_to_store(item)) {
		item_tell(item, DELIVERY_RELEASED);
		return ITEM_LATER;
	}
	if (route_away(item))
		return ITEM_LATER;
	item->timer = loop_timer(d->world->loop, item->due_boot_ms, on_due, item);
	return ITEM_PENDING;
}

static void on_hold_look(void *arg)
{
	struct item *item = arg;

	item->timer = 0;
	item->hold_seen = false;
	route_ask(item);
	(void)hold(item); /* the answer may be lost */
}

/* It ends when the store has it no more; a row that says something else replaces it (adopt.c). */
static enum item_result hold(struct item *item)
{
	struct delivery *d = item->delivery;

	loop_cancel(d->world->loop, item->timer);
	item->timer = loop_timer(d->world->loop, loop_now_ms(d->world->loop) + HOLD_LOOK_MS,
				 on_hold_look, item);
	return ITEM_PENDING;
}

void item_hold(struct item *item)
{
	item->hold_seen = true;
	item_enter(item, STEP_HOLD);
}

static enum item_result end(struct item *item)
{
	(void)item;
	return ITEM_OK;
}

/* The store refused the data: a fault of ours.  What is not stored is not told; an outcome
 * that nobody knows is a lost one, and is recorded as that when this worker has ended. */
static void on_rejected(struct item *item, const struct err *err)
{
	log_text(item->delivery->world->log, LOG_ERROR, "write_rejected", "%s: %s",
		 steps[item->step].name, err->text);
	item_tell(item, item->step == STEP_RECORD ? DELIVERY_UNKNOWN : DELIVERY_RELEASED);
	item_done(item, ITEM_NO);
}

/* The work is not as it was: it is over, or somebody else's write was just not over.  Those behind
 * it wait until the store says which. */
static void begin_refused(struct item *item, const struct err *err)
{
	char id[MESSAGE_ID_TEXT_BYTES];
	struct log_line line;

	message_id_text(item->message->id, id);
	log_begin(&line, item->delivery->world->log, LOG_INFO, "begin_refused");
	log_str(&line, "message_id", id);
	log_str(&line, "cause", err && *err->text ? err->text : "the work is not ours any more");
	log_end(&line);
	item_leave_place(item);
	if (route_away(item))
		item_done(item, ITEM_NO);
	else
		item_hold(item);
}

/* The one write of begin, record, defer and give_up is done. */
static void on_written(struct job *job, enum store_verdict verdict, uint64_t seq,
		       const struct err *err)
{
	struct item *item = item_of(job);
	enum item_result result;

	(void)seq;
	if (item->step == STEP_BEGIN && verdict != STORE_DONE)
		pace_call_off(&item->ticket);
	if (verdict == STORE_REJECTED) {
		on_rejected(item, err);
		return;
	}
	switch (item->step) {
	case STEP_BEGIN:
		if (verdict == STORE_DONE) {
			item_done(item, ITEM_OK);
			return;
		}
		begin_refused(item, err);
		return;
	case STEP_RECORD:
		result = item_recorded(item);
		if (result != ITEM_PENDING)
			item_done(item, result);
		return;
	case STEP_GIVE_UP:
		/* Conflict: another owner has gone on with it; it may be sent, or yet be. */
		if (verdict == STORE_DONE)
			item_work_over(item);
		item_tell(item, verdict == STORE_DONE ? DELIVERY_FAILED : DELIVERY_ELSEWHERE);
		item_done(item, ITEM_OK);
		return;
	case STEP_SHELVE:
		item_shelved(item, verdict == STORE_DONE);
		return;
	case STEP_DEFER:
		if (verdict != STORE_DONE || item->later)
			item_tell(item,
				  verdict == STORE_DONE ? DELIVERY_RELEASED : DELIVERY_ELSEWHERE);
		item_done(item, verdict == STORE_DONE && !item->later ? ITEM_OK : ITEM_NO);
		return;
	default:
		return;
	}
}

static void on_graph(struct job *job, const struct graph_answer *answer)
{
	struct item *item = item_of(job);

	breakers_note(item->delivery->breakers, item->number, answer);
	item_pace_answer(item, answer);
	if (item->step == STEP_RECORD && item->given_up)
		item_take_late(item, answer);
	if (item->step != STEP_CALL || item->result != ITEM_PENDING)
		return;
	item_keep_answer(item, answer);
	if (answer->verdict.outcome == OUTCOME_ACCEPTED)
		turn_leave(item->delivery->turns, &item->turn);
	item_done(item, ITEM_OK);
}

/* The last gate: the attempt's own deadline, the message's validity and hours, and our lease. */
static bool on_gate(struct job *job)
{
	struct item *item = item_of(job);
	const bool open = item->step == STEP_CALL && item->result == ITEM_PENDING &&
			  clock_boot_ms() < item->deadline_boot_ms && item_in_time(item) &&
			  lanes_leased(item->delivery->lanes);

	item->left |= open;
	return open;
}

const struct job_operations item_operations = {
	.credentials = on_credentials,
	.written = on_written,
	.graph = on_graph,
	.gate = on_gate,
};
