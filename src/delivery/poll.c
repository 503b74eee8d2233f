/*
 * The fallback polls, behind everything that bells may have missed: which queues of our lanes
 * have work (what of it we do not hold is then read, queues.c), and what is to be stored in
 * the Conversation Service.  Never "seq greater than last seen": lower numbers commit later.
 */
#include "base/clock.h"
#include "delivery/item.h"

#define POLL_MS 2000
#define DUTY 20        /* a look that took t is followed by 20 t without one, */
#define PAUSE_MS 10000 /* but not by more than this: it may have waited for a session */
#define LOOK_QUEUES 512
#define COPY_ROWS 500

static void look(struct poll *poll);
static void load_copies(struct poll *poll);

static void on_poll(void *arg)
{
	struct poll *poll = arg;

	poll->timer = 0;
	poll->under_way = true;
	if (poll->copies) {
		load_copies(poll);
		return;
	}
	poll->missed = false;
	poll->begun_ms = clock_boot_ms();
	poll->lane = 0;
	poll->queue = -1;
	look(poll);
}

static void poll_again(struct poll *poll, int64_t wait_ms)
{
	struct loop *loop = poll->delivery->world->loop;

	poll->under_way = false;
	if (poll->again) {
		poll->again = false;
		wait_ms = 0;
	}
	if (!poll->timer && !poll->delivery->draining)
		poll->timer = loop_timer(loop, loop_now_ms(loop) + wait_ms, on_poll, poll);
}

/* -- what is to be sent ----------------------------------------------------------------- */

/* The first look also finds those that others must wait for although they are not due. */
static int64_t ahead_ms(const struct delivery *d)
{
	return d->looking && d->settings.order_hold_ms > DELIVERY_AHEAD_MS
		       ? d->settings.order_hold_ms
		       : DELIVERY_AHEAD_MS;
}

/* From where it has come to. */
static void look(struct poll *poll)
{
	struct delivery *d = poll->delivery;
	const uint64_t ours = lanes_ours(d->lanes);
	const uint64_t lanes = ours & (~UINT64_C(0) << poll->lane);
	const int64_t after = ours >> poll->lane & 1 ? poll->queue : -1;
	struct err err;

	if (!ours)
		d->looking = false;
	if (!lanes || store_queues(d->world->store, lanes, after,
				   clock_wall_us() + 1000 * ahead_ms(d), LOOK_QUEUES, &err))
		poll_again(poll, POLL_MS);
}

static int64_t pause_after(int64_t took_ms)
{
	const int64_t pause_ms = DUTY * took_ms;

	return pause_ms < POLL_MS ? POLL_MS : pause_ms > PAUSE_MS ? PAUSE_MS : pause_ms;
}

/* All queues that have work are known: what comes now overtakes nothing. */
static void looked(struct poll *poll)
{
	struct delivery *d = poll->delivery;

	if (!poll->missed && !d->deaf) {
		d->looked = true;
		d->looking = false;
	}
	poll_again(poll, pause_after(clock_boot_ms() - poll->begun_ms));
	(void)queues_pump(d->queues);
}

void poll_on_queue(void *arg, enum store_verdict verdict, const struct store_queue *queue,
		   bool more)
{
	struct delivery *d = arg;
	struct poll *poll = &d->sends;

	if (queue) {
		poll->lane = queue->lane;
		poll->queue = (int64_t)queue->queue;
		if (!d->draining && delivery_owns(d, queue->lane))
			queues_found(d->queues, queue, d->looking);
	} else if (verdict != STORE_DONE || d->draining) {
		poll_again(poll, POLL_MS);
	} else if (more) {
		look(poll);
	} else {
		looked(poll);
	}
}

void poll_now(struct delivery *d)
{
	struct poll *poll = &d->sends;

	if (d->draining)
		return;
	if (poll->under_way) {
		poll->again = true; /* what is under way may have missed what it is asked for */
		return;
	}
	loop_cancel(d->world->loop, poll->timer);
	poll->timer = 0;
	on_poll(poll);
}

void poll_missed(struct delivery *d)
{
	d->looked = false;
	d->looking = true;
	d->sends.missed = true;
	poll_now(d);
}

/* -- copies ----------------------------------------------------------------------------- */

bool poll_room_for_copy(const struct delivery *d)
{
	return queues_room_read(d, MESSAGE_NORMAL);
}

/* While the Conversation Service is down, one copy a second looks whether it is back; the
 * others stay where they are, and nothing is written for them. */
static unsigned copy_rows(const struct delivery *d)
{
	if (copy_may_post(d))
		return COPY_ROWS;
	return copy_may_probe(d) ? 1 : 0;
}

static void load_copies(struct poll *poll)
{
	struct delivery *d = poll->delivery;
	const uint64_t lanes = lanes_ours(d->lanes);
	const unsigned rows = copy_rows(d);
	struct err err;

	if (!lanes || !rows || !poll_room_for_copy(d) ||
	    store_load_copies(d->world->store, LOAD_COPIES, lanes, clock_wall_us(), rows, &err))
		poll_again(poll, POLL_MS / 2);
}

void poll_copies_loaded(struct delivery *d, bool more)
{
	poll_again(&d->copies, more ? POLL_MS / 10 : POLL_MS);
}

/* -- the whole -------------------------------------------------------------------------- */

void poll_start(struct delivery *d)
{
	d->sends = (struct poll){ .delivery = d };
	d->copies = (struct poll){ .delivery = d, .copies = true };
	poll_again(&d->sends, 0);
	poll_again(&d->copies, 0);
}

void poll_stop(struct delivery *d)
{
	loop_cancel(d->world->loop, d->sends.timer);
	loop_cancel(d->world->loop, d->copies.timer);
	d->sends.timer = d->copies.timer = 0;
}
