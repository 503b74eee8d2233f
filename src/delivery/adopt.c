/*
 * Rows of the work table become items, whatever they were read for.
 *
 * A row whose attempt is open names the incarnation that began it:
 *   ours          it is held (then we are not here), or its accepting commit is just being
 *                 completed: left alone, unless nobody holds it long after its deadline
 *   dead          (the master saw it, or it is marked as gone) the reply is lost: recorded
 *                 as such, now
 *   another's     its worker will record the outcome; lost when its own deadline has passed
 *                 by 10 s, as it may have stopped for long; its outcome is taken even then
 */
#include "base/clock.h"
#include "base/text.h"
#include "delivery/item.h"

#define STRANGER_GRACE_US INT64_C(10000000)

/* The attempt of a worker that is gone: its reply is lost. */
static void record_lost(struct delivery *d, const struct store_work *row)
{
	const struct graph_error *error = graph_error_case(GRAPH_CASE_NET_AFTER);
	struct item *item = item_new(d, &row->message);
	struct graph_answer answer = {
		.facts = { .end = CALL_LOST },
		.verdict = { .outcome = OUTCOME_LOST, .error = error },
	};

	if (!item)
		return;
	text_copy_cut(item->number, sizeof(item->number), row->number);
	item->attempt = row->attempt;
	item->counted = row->counted;
	item->throttled = row->throttled;
	item->incarnation = row->incarnation;
	item->begun_wall_us = row->begun_wall_us;
	item->deadline_wall_us = row->deadline_wall_us;
	err_set(&answer.err, ERR_UNCERTAIN, 0, "the worker that made this attempt is gone");
	item_keep_answer(item, &answer);
	item_enter(item, STEP_RECORD);
}

static bool is_lost(const struct delivery *d, const struct store_work *row)
{
	if (clock_wall_us() > row->deadline_wall_us + STRANGER_GRACE_US)
		return true;
	if (message_id_equal(row->incarnation, d->settings.incarnation))
		return false;
	return row->gone || node_incarnation(d->settings.node, row->incarnation) == NODE_DEAD;
}

/* Its worker will tell; meanwhile those behind it wait for their turn. */
static void adopt_hold(struct delivery *d, const struct store_work *row)
{
	struct item *item = item_new(d, &row->message);

	if (!item)
		return;
	item->attempt = row->attempt;
	route_adopted(d, item);
	if (!turn_join(d->turns, &item->turn, item->message)) {
		item_free(item);
		return;
	}
	turn_has_begun(&item->turn, row->begun_wall_us);
	item_hold(item);
}

static void adopt_attempt(struct delivery *d, const struct store_work *row)
{
	if (is_lost(d, row))
		record_lost(d, row);
	else if (!message_id_equal(row->incarnation, d->settings.incarnation))
		adopt_hold(d, row);
}

static void adopt_waiting(struct delivery *d, const struct store_work *row)
{
	struct item *item = item_new(d, &row->message);

	if (!item)
		return;
	text_copy_cut(item->number, sizeof(item->number), row->number);
	item->attempt = row->attempt;
	item->counted = row->counted;
	item->throttled = row->throttled;
	item->expires_wall_us = row->expires_wall_us;
	route_adopted(d, item);
	item->due_boot_ms = clock_boot_ms() + (row->due_wall_us - clock_wall_us()) / 1000;
	if (row->state == STATE_QUEUED && row->due_wall_us > clock_wall_us()) {
		item->due_boot_ms += 2;      /* never before: both terms are cut to whole ms */
		item_enter(item, STEP_WAIT); /* it was scheduled, and takes its turn then */
		return;
	}
	if (!turn_join(d->turns, &item->turn, item->message)) {
		item_free(item);
		return;
	}
	/* What is due now may have been held, or PostgreSQL was away: it held nobody up so far. */
	if (row->attempt > 0 && row->due_wall_us > clock_wall_us())
		turn_has_begun(&item->turn, row->begun_wall_us);
	item_enter(item, STEP_WAIT);
}

static void adopt_copy(struct delivery *d, const struct store_work *row)
{
	struct item *item = item_new(d, &row->message);

	if (!item)
		return;
	text_copy_cut(item->wamid, sizeof(item->wamid), row->wamid);
	item->attempt = row->attempt;
	item->copy_tries = row->conversation_tries;
	item->copy = COPY_DUE;
	item->told = true;
	item_enter(item, STEP_COPY);
}

static void adopt_row(struct delivery *d, const struct store_work *row)
{
	switch (row->state) {
	case STATE_QUEUED:
	case STATE_RETRYING:
		adopt_waiting(d, row);
		return;
	case STATE_SENDING:
		adopt_attempt(d, row);
		return;
	case STATE_SENT:
		if (row->due_wall_us <= clock_wall_us())
			adopt_copy(d, row);
		return;
	default:
		return; /* unknown: settle.c */
	}
}

struct item *item_of_row(const struct delivery *d, const struct store_work *row)
{
	return table_find(d->items, row->message.id.bytes, sizeof(row->message.id.bytes));
}

/* A held message stands otherwise by now: what it is takes over its turn and its waiter. */
static void adopt_again(struct delivery *d, struct item *old, const struct store_work *row)
{
	const struct delivery_waiter waiter = old->waiter;
	struct turn turn = { .queue = NULL };
	struct item *item;

	if (row->state == STATE_SENDING && !is_lost(d, row)) {
		item_hold(old);
		return;
	}
	turn_hand_over(d->turns, &old->turn, &turn);
	item_free(old);
	adopt_row(d, row);
	item = item_of_row(d, row);
	if (!item) {
		turn_leave(d->turns, &turn);
		return;
	}
	if (!item->waiter.waits)
		item->waiter = waiter;
	turn_leave(d->turns, &item->turn);
	turn_hand_over(d->turns, &turn, &item->turn);
}

/* What was read for its own sake has a place in its queue; new: what came by bell, or is
 * due shortly, has not. */
static void adopt_called(struct delivery *d, const struct store_work *row)
{
	const enum queue_entry entry = queues_entry(d->queues, &row->message);
	struct item *item;

	if (entry == QUEUE_SHUT || !queues_room_new(d->queues, &row->message)) {
		queues_leave(d->queues, &row->message);
		return;
	}
	adopt_row(d, row);
	item = item_of_row(d, row);
	if (item)
		item->gated = entry == QUEUE_GATED;
}

static void adopt(struct delivery *d, uint64_t load, const struct store_work *row)
{
	struct item *item = item_of_row(d, row);

	if (!delivery_owns(d, row->message.lane))
		return;
	if (item && item->shelved)
		item_unshelve(item);
	else if (item && item->step == STEP_HOLD)
		adopt_again(d, item, row);
	else if (!item && (load == LOAD_CALLS || load == LOAD_DUE))
		adopt_called(d, row);
	else if (!item)
		adopt_row(d, row);
}

static void adopt_queued(struct delivery *d, const struct store_work *row)
{
	const bool known = item_of_row(d, row);

	if (!queues_may_take(d->queues, row))
		return;
	adopt(d, LOAD_SENDS, row);
	queues_took(d->queues, row, known);
}

static void take_row(struct delivery *d, uint64_t load, const struct store_work *row)
{
	if (d->draining)
		return;
	if (load == LOAD_SENDS)
		adopt_queued(d, row);
	else if (load != LOAD_COPIES || poll_room_for_copy(d))
		adopt(d, load, row);
	if (load == LOAD_PROBE)
		tokens_on_probe(d->tokens, item_of_row(d, row));
}

void adopt_on_row(void *arg, uint64_t tag, enum store_verdict verdict, const struct store_work *row,
		  bool more, const struct err *err)
{
	struct delivery *d = arg;
	const bool done = verdict == STORE_DONE;

	(void)err;
	if (row) {
		take_row(d, tag, row);
		return;
	}
	switch (tag) {
	case LOAD_HELD:
		holds_on_loaded(d->holds, done, more);
		return;
	case LOAD_PROBE:
		tokens_on_loaded(d->tokens, done);
		return;
	case LOAD_CALLS:
		route_loaded(d, done);
		return;
	case LOAD_DUE:
		due_on_loaded(d, done && more);
		return;
	case LOAD_SENDS:
		route_join(d);
		queues_loaded(d->queues, done);
		return;
	case LOAD_COPIES:
		poll_copies_loaded(d, done && more);
		return;
	}
}
