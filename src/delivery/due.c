/*
 * What is scheduled is taken back into the work that is to be sent a few seconds before it is due,
 * and waits out the rest in memory: so it begins when it is due, and not at the poll after.  What
 * finds no room here is found by the polls, as what is to be sent.
 */
#include "base/clock.h"
#include "delivery/item.h"

#define POLL_MS 2000
#define GO_ON_MS 50 /* to the next page: writes go first */
#define PAGE_ROWS 500

static void on_poll(void *arg);

static void poll_later(struct delivery *d, int64_t wait_ms)
{
	if (!d->draining)
		d->due_timer = loop_timer(d->world->loop, loop_now_ms(d->world->loop) + wait_ms,
					  on_poll, d);
}

static void on_poll(void *arg)
{
	struct delivery *d = arg;
	const uint64_t lanes = lanes_ours(d->lanes);
	struct err err;

	d->due_timer = 0;
	if (!lanes ||
	    store_load_due(d->world->store, LOAD_DUE, lanes,
			   clock_wall_us() + 1000 * DELIVERY_DUE_AHEAD_MS, PAGE_ROWS, &err))
		poll_later(d, POLL_MS);
}

void due_start(struct delivery *d)
{
	poll_later(d, 0);
}

void due_stop(struct delivery *d)
{
	loop_cancel(d->world->loop, d->due_timer);
	d->due_timer = 0;
}

void due_on_loaded(struct delivery *d, bool more)
{
	poll_later(d, more ? GO_ON_MS : POLL_MS);
}
