/*
 * The looks of waiting requests into the store.
 *
 * A result comes by bell, and a bell is only a hint.  So what has waited for LOOK_MS is looked
 * at, all of this worker's requests in one statement, and again after as long.  Those that wait
 * for almost as long go with it.  When the lane is ours, the result is told within this process
 * and looks are rare.  Requests that are answered sooner cost nothing.
 */
#include <stdlib.h>

#include "delivery/delivery.h"
#include "pipeline/flow.h"

#define LOOK_MS 500
#define LOOK_OURS_MS 2000
#define LOOK_AHEAD_MS 400
#define COPY_WAIT_MS 1000

static void on_looks(void *arg);

static bool waits(const struct flow *f)
{
	return f->step == FLOW_DELIVER && f->result == FLOW_PENDING && f->look_boot_ms;
}

static void set_next(struct flow *f)
{
	const struct pipeline *p = f->pipeline;
	const bool ours = delivery_owns(p->delivery, f->message->lane) && !f->elsewhere;

	f->look_boot_ms = loop_now_ms(p->world->loop) + (ours ? LOOK_OURS_MS : LOOK_MS);
}

/* Not later than that, but never two within LOOK_MS. */
static void arm(struct pipeline *p, int64_t at_ms)
{
	if (at_ms < p->looked_boot_ms + LOOK_MS)
		at_ms = p->looked_boot_ms + LOOK_MS;
	if (p->look_timer && p->look_at_boot_ms <= at_ms)
		return;
	loop_cancel(p->world->loop, p->look_timer);
	p->look_at_boot_ms = at_ms;
	p->look_timer = loop_timer(p->world->loop, at_ms, on_looks, p);
}

void flow_look_later(struct flow *f)
{
	set_next(f);
	arm(f->pipeline, f->look_boot_ms);
}

/* When the first look is due; 0: nobody waits. */
static int64_t first_look_ms(const struct pipeline *p)
{
	int64_t first = 0;

	for (struct list *node = p->all.next; node != &p->all; node = node->next) {
		const struct flow *f = LIST_OBJECT(node, struct flow, all);

		if (waits(f) && (!first || f->look_boot_ms < first))
			first = f->look_boot_ms;
	}
	return first;
}

static void look_at_all(struct pipeline *p, int64_t now_ms)
{
	struct store_look *looks = calloc(p->flows, sizeof(*looks));
	unsigned count = 0;
	struct err err;

	p->looked_boot_ms = now_ms;
	for (struct list *node = p->all.next; node != &p->all; node = node->next) {
		struct flow *f = LIST_OBJECT(node, struct flow, all);

		if (!waits(f) || f->look_boot_ms > now_ms + LOOK_AHEAD_MS)
			continue;
		set_next(f);
		if (looks)
			looks[count++] = (struct store_look){ .id = f->id, .tag = f->job.id };
	}
	/* A full read queue only means that the next look comes first. */
	if (count)
		(void)!store_looks(p->world->store, looks, count, &err);
	free(looks);
}

static void on_looks(void *arg)
{
	struct pipeline *p = arg;
	const int64_t now_ms = loop_now_ms(p->world->loop);
	int64_t first = first_look_ms(p);

	p->look_timer = 0;
	if (first && first <= now_ms) {
		look_at_all(p, now_ms);
		first = first_look_ms(p);
	}
	if (first)
		arm(p, first);
}

bool flow_awaits_copy(struct flow *f, const struct store_status *status)
{
	const int64_t now_ms = loop_now_ms(f->pipeline->world->loop);

	if (!status->copying)
		return false;
	if (!f->sent_boot_ms)
		f->sent_boot_ms = now_ms;
	return now_ms - f->sent_boot_ms < COPY_WAIT_MS;
}

void flow_look_now(struct flow *f)
{
	struct err err;

	f->elsewhere = true;
	flow_look_later(f);
	(void)!store_status(f->pipeline->world->store, f->job.id, f->id, NULL, &err);
}
