/*
 * Rows of the work table become items: at the start, and by the fallback poll, which reads
 * the work of our lanes that we do not hold.  Bells only make this rarely needed.
 *
 * A row whose attempt is open names the incarnation that began it:
 *   ours          it is held (then we are not here), or its accepting commit is just being
 *                 completed: left alone, unless nobody holds it long after its deadline
 *   dead          (the master saw it, or it is marked as gone) the reply is lost: recorded
 *                 as such, now
 *   another's     its worker will record the outcome; lost when its own deadline has passed
 *                 by 10 s, as it may have stopped for long; its outcome is taken even then
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/text.h"
#include "delivery/item.h"

#define POLL_MS 2000
#define GO_ON_MS 200 /* to the next page, when a poll has read its share */
#define PAGE_ROWS 500
#define PAGES_PER_POLL 4 /* writes wait behind each page */
#define STRANGER_GRACE_US INT64_C(10000000)

static void load_page(struct poll *poll);

static void on_poll(void *arg)
{
	struct poll *poll = arg;

	poll->timer = 0;
	poll->under_way = true;
	poll->pages = 0;
	load_page(poll);
}

static void poll_again(struct poll *poll, int64_t wait_ms)
{
	struct loop *loop = poll->delivery->world->loop;

	poll->under_way = false;
	if (poll->again) {
		poll->again = false;
		poll->seq = 0;
		wait_ms = 0;
	}
	if (!poll->timer && !poll->delivery->draining)
		poll->timer = loop_timer(loop, loop_now_ms(loop) + wait_ms, on_poll, poll);
}

/* Half of the room is kept for what is accepted now: a backlog must not shut it out. */
static bool adopt_room(const struct delivery *d)
{
	return table_count(d->items) < d->settings.max_items / 2;
}

/* While the Conversation Service is down, one copy a second looks whether it is back; the
 * others stay where they are, and nothing is written for them. */
static unsigned page_rows(const struct poll *poll)
{
	if (!poll->copies || copy_may_post(poll->delivery))
		return PAGE_ROWS;
	return copy_may_probe(poll->delivery) ? 1 : 0;
}

/* The first look also finds those that others must wait for although they are not due. */
static int64_t ahead_ms(const struct poll *poll)
{
	const struct delivery *d = poll->delivery;

	if (poll->copies)
		return 0;
	if (d->looking && d->settings.order_hold_ms > DELIVERY_AHEAD_MS)
		return d->settings.order_hold_ms;
	return DELIVERY_AHEAD_MS;
}

static void load_page(struct poll *poll)
{
	struct delivery *d = poll->delivery;
	const uint64_t lanes = lanes_ours(d->lanes);
	const unsigned rows = page_rows(poll);
	struct err err;

	poll->full = false;
	if (!adopt_room(d) || !lanes)
		d->looking = false;
	if (!adopt_room(d) || !lanes || !rows ||
	    store_load(d->world->store, poll->copies ? LOAD_COPIES : LOAD_SENDS, lanes, poll->seq,
		       clock_wall_us() + 1000 * ahead_ms(poll), rows, poll->copies, &err))
		poll_again(poll, poll->copies ? POLL_MS / 2 : POLL_MS);
}

/* A page was read to its end. */
static void page_read(struct poll *poll, bool more)
{
	struct delivery *d = poll->delivery;

	more |= poll->full;
	if (more && !poll->copies && !poll->again && ++poll->pages < PAGES_PER_POLL &&
	    !d->draining) {
		load_page(poll);
		return;
	}
	if (!poll->copies && !poll->again && !d->deaf) {
		d->looked |= !more;
		d->looking = false; /* a longer backlog does not shut out what comes now */
	}
	if (!more)
		poll->seq = 0;
	poll_again(poll, more ? GO_ON_MS : POLL_MS);
}

static void look_now(struct poll *poll)
{
	if (poll->delivery->draining)
		return;
	if (poll->under_way) {
		poll->again = true;
		return;
	}
	loop_cancel(poll->delivery->world->loop, poll->timer);
	poll->timer = 0;
	poll->seq = 0;
	on_poll(poll);
}

void adopt_look_now(struct delivery *d)
{
	look_now(&d->sends);
}

void adopt_start(struct delivery *d)
{
	d->sends = (struct poll){ .delivery = d };
	d->copies = (struct poll){ .delivery = d, .copies = true };
	poll_again(&d->sends, 0);
	poll_again(&d->copies, 0);
}

void adopt_stop(struct delivery *d)
{
	loop_cancel(d->world->loop, d->sends.timer);
	loop_cancel(d->world->loop, d->copies.timer);
	d->sends.timer = d->copies.timer = 0;
}

void adopt_missed(struct delivery *d)
{
	d->looked = false;
	d->looking = true;
	adopt_look_now(d);
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

static struct item *item_of_row(const struct delivery *d, const struct store_work *row)
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

/* held: it was, and the load had room for it.  False: no room. */
static bool adopt(struct delivery *d, const struct store_work *row, bool held)
{
	struct item *item = item_of_row(d, row);

	if (!delivery_owns(d, row->message.lane))
		return true;
	if (item && item->shelved)
		item_unshelve(item);
	else if (item && item->step == STEP_HOLD)
		adopt_again(d, item, row);
	else if (!item && !held && !adopt_room(d))
		return false;
	else if (!item)
		adopt_row(d, row);
	return true;
}

/* What there was no room for is read again, and all behind it, or it would be overtaken. */
static void adopt_polled(struct poll *poll, const struct store_work *row)
{
	if (poll->delivery->draining || poll->full)
		return;
	if (adopt(poll->delivery, row, false))
		poll->seq = row->message.seq;
	else
		poll->full = true;
}

void adopt_on_row(void *arg, uint64_t tag, enum store_verdict verdict, const struct store_work *row,
		  bool more, const struct err *err)
{
	struct delivery *d = arg;
	struct poll *poll = tag == LOAD_COPIES ? &d->copies : &d->sends;

	(void)err;
	if (row) {
		if (tag == LOAD_SENDS || tag == LOAD_COPIES)
			adopt_polled(poll, row);
		else if (!d->draining)
			(void)adopt(d, row, tag == LOAD_HELD || tag == LOAD_PROBE);
		if (tag == LOAD_PROBE)
			tokens_on_probe(d->tokens, item_of_row(d, row));
	} else if (tag == LOAD_HELD) {
		holds_on_loaded(d->holds, verdict == STORE_DONE, more);
	} else if (tag == LOAD_PROBE) {
		tokens_on_loaded(d->tokens, verdict == STORE_DONE);
	} else if (tag == LOAD_CALLS) {
		route_loaded(d, verdict == STORE_DONE);
	} else if (verdict == STORE_DONE) {
		route_join(d);
		page_read(poll, more);
	} else {
		poll_again(poll, POLL_MS);
	}
}
