/*
 * Rows of the work table become items: at the start, and by the fallback poll, which reads
 * the work of our lanes that we do not hold.  Bells only make this rarely needed.
 *
 * A row whose attempt is open names the incarnation that began it:
 *   ours          it is held (then we are not here), or its accepting commit is just being
 *                 completed: left alone, unless nobody holds it long after its deadline
 *   alive         that worker will record its outcome: left alone
 *   dead          the reply is lost: recorded as such, now
 *   a stranger's  not known here: lost when its own deadline has passed by 10 s
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/text.h"
#include "delivery/item.h"

#define POLL_MS 2000
#define PAGE_ROWS 500
#define AHEAD_US INT64_C(2000000)
#define STRANGER_GRACE_US INT64_C(10000000)

static void load_page(struct delivery *d);

static void on_poll(void *arg)
{
	struct delivery *d = arg;

	d->poll_timer = 0;
	adopt_look_now(d);
}

static void poll_again(struct delivery *d, int64_t wait_ms)
{
	d->polling = false;
	if (!d->poll_timer && !d->draining)
		d->poll_timer = loop_timer(d->world->loop, loop_now_ms(d->world->loop) + wait_ms,
					   on_poll, d);
}

static uint64_t own_lanes(const struct delivery *d)
{
	uint64_t lanes = 0;

	for (unsigned lane = 0; lane < MESSAGE_LANES; lane++) {
		if (delivery_owns(d, lane))
			lanes |= UINT64_C(1) << lane;
	}
	return lanes;
}

static void load_page(struct delivery *d)
{
	struct err err;

	if (!delivery_room(d) || !own_lanes(d) ||
	    store_load(d->world->store, 0, own_lanes(d), d->poll_seq, clock_wall_us() + AHEAD_US,
		       PAGE_ROWS, &err))
		poll_again(d, POLL_MS);
}

void adopt_look_now(struct delivery *d)
{
	if (d->polling || d->draining)
		return;
	loop_cancel(d->world->loop, d->poll_timer);
	d->poll_timer = 0;
	d->polling = true;
	d->poll_seq = 0;
	load_page(d);
}

void adopt_start(struct delivery *d)
{
	poll_again(d, 0);
}

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

static void adopt_attempt(struct delivery *d, const struct store_work *row)
{
	const bool overdue = clock_wall_us() > row->deadline_wall_us + STRANGER_GRACE_US;

	if (message_id_equal(row->incarnation, d->settings.incarnation)) {
		if (overdue)
			record_lost(d, row);
		return;
	}
	switch (node_incarnation(d->settings.node, row->incarnation)) {
	case NODE_ALIVE:
		return;
	case NODE_DEAD:
		record_lost(d, row);
		return;
	case NODE_STRANGER:
		if (overdue)
			record_lost(d, row);
		return;
	}
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
	item->due_boot_ms = clock_boot_ms() + (row->due_wall_us - clock_wall_us()) / 1000;
	if (turn_join(d->turns, &item->turn, item->message))
		item_enter(item, STEP_WAIT);
	else
		item_free(item);
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

static void adopt(struct delivery *d, const struct store_work *row)
{
	if (table_find(d->items, row->message.id.bytes, sizeof(row->message.id.bytes)) ||
	    !delivery_room(d) || !delivery_owns(d, row->message.lane))
		return;
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
		return; /* unknown: settled by evidence or policy, not from here */
	}
}

void adopt_on_row(void *arg, uint64_t tag, enum store_verdict verdict, const struct store_work *row,
		  bool more, const struct err *err)
{
	struct delivery *d = arg;

	(void)tag;
	(void)err;
	if (row) {
		d->poll_seq = row->message.seq;
		if (!d->draining)
			adopt(d, row);
		return;
	}
	if (verdict == STORE_DONE && more && !d->draining)
		load_page(d);
	else
		poll_again(d, POLL_MS);
}
