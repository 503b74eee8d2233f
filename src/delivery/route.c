/*
 * Where messages go: to the owner of their lane, in this worker, in a sibling (by bell, whole)
 * or on another node (by NOTIFY, as their ids).  While the owner is not known they are parked,
 * by id, with whoever waits for them; the messages themselves are safe in the store, and
 * whoever may be the owner is rung to look there.
 *
 * A call is a message by its id: what this worker owns and does not hold yet is loaded, and
 * its waiter joins it.  Whoever waits for one that is over by then is told to look.  While
 * earlier work of our lanes is being read (poll_missed()) every order is such a call, and waits:
 * it must not overtake what was committed before it and did not ring here.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "delivery/item.h"

#define PARKED_MS 5000 /* by then the owner has taken its lanes and polled them */
#define HOPS_MAX 4     /* workers that each believe the other to be the owner */

struct parked {
	struct list node;
	struct bell_call call;
	struct turn turn; /* of an order that waits for a look */
	int64_t until_boot_ms;
};

static struct parked *parked_of(struct list *node)
{
	return LIST_OBJECT(node, struct parked, node);
}

static void forget(struct delivery *d, struct parked *p)
{
	list_remove(&p->node);
	turn_leave(d->turns, &p->turn);
	d->parked_count--;
	free(p);
}

static struct item *find(const struct delivery *d, const struct bell_call *call)
{
	return table_find(d->items, call->id.bytes, sizeof(call->id.bytes));
}

static void tell(struct delivery *d, const struct bell_call *call, enum delivery_end end)
{
	const struct delivery_result result = {
		.id = call->id,
		.end = end,
		.action = "",
		.detail = "queued",
	};

	if (call->waiter.waits)
		delivery_tell(d, &call->waiter, &result);
}

/* Keeps a call in a list; without room its waiter is told: null. */
static struct parked *keep(struct delivery *d, struct list *list, const struct bell_call *call)
{
	struct parked *p = d->parked_count < d->settings.max_items ? calloc(1, sizeof(*p)) : NULL;

	if (!p) {
		meter_bound(d->world->meter, BOUND_PARKED);
		tell(d, call, DELIVERY_RELEASED);
		return NULL;
	}
	p->call = *call;
	p->until_boot_ms = call->waiter.waits && !call->waiter.taken ? call->waiter.until_boot_ms
								     : clock_boot_ms() + PARKED_MS;
	list_init(&p->node);
	list_append(list, &p->node);
	d->parked_count++;
	return p;
}

void route_call(struct delivery *d, const struct bell_call *call)
{
	const struct lane_owner owner = lanes_owner(d->lanes, call->lane);
	struct item *item;

	if (call->hops > HOPS_MAX) {
		meter_bound(d->world->meter, BOUND_HOPS);
		d->unrung = true;
		return; /* its waiter looks into the store */
	}
	switch (owner.place) {
	case LANE_OURS:
		item = find(d, call);
		if (!item)
			(void)keep(d, &d->calls, call);
		else
			item_join(item, &call->waiter);
		return;
	case LANE_SIBLING:
		bell_call(d->bell, owner.slot, call);
		return;
	case LANE_FAR:
		if (!call->waiter.far)
			far_call(d->far, owner.incarnation, call);
		return;
	case LANE_UNKNOWN:
		d->unrung = true;
		(void)keep(d, &d->parked, call);
		return;
	}
}

/* Ours, while earlier work is being read: those behind it to the same recipient wait for it from
 * now on, also when that look is over and it is not loaded yet. */
static void wait_in_turn(struct delivery *d, const struct bell_call *call,
			 const struct message *message)
{
	struct parked *p = keep(d, &d->calls, call);

	if (p)
		(void)!turn_join(d->turns, &p->turn, message);
}

void route_order(struct delivery *d, const struct delivery_order *order)
{
	const struct bell_call call = {
		.id = order->message->id,
		.lane = message_lane(order->message->tenant_id),
		.waiter = order->waiter,
		.hops = order->hops,
	};
	const struct lane_owner owner = lanes_owner(d->lanes, call.lane);

	if (owner.place == LANE_SIBLING && order->hops <= HOPS_MAX)
		bell_order(d->bell, owner.slot, order);
	else if (owner.place == LANE_OURS && !find(d, &call))
		wait_in_turn(d, &call, order->message);
	else
		route_call(d, &call);
}

void route_ring(struct delivery *d, const struct bell_ring *ring)
{
	const struct lane_owner owner = lanes_owner(d->lanes, ring->lane);

	if (ring->hops > HOPS_MAX) {
		meter_bound(d->world->meter, BOUND_HOPS);
		d->unrung = true;
		return;
	}
	switch (owner.place) {
	case LANE_OURS:
		if (ring->seq == 0)
			settle_now(d);
		else
			queues_rung(d->queues, ring);
		return;
	case LANE_SIBLING:
		bell_ring(d->bell, owner.slot, ring);
		return;
	case LANE_FAR:
		far_ring(d->far, owner.incarnation, ring);
		return;
	case LANE_UNKNOWN:
		d->unrung = true;
		return;
	}
}

void route_item(struct item *item)
{
	const struct bell_call call = {
		.id = item->message->id,
		.lane = message_lane(item->message->tenant_id),
		.waiter = item->waiter,
	};

	if (item->waiter.waits && !item->told)
		route_call(item->delivery, &call);
}

bool route_away(struct item *item)
{
	if (delivery_owns(item->delivery, message_lane(item->message->tenant_id)))
		return false;
	route_item(item);
	return true;
}

void route_parked(struct delivery *d)
{
	const int64_t now_ms = clock_boot_ms();
	struct list again;

	list_init(&again);
	while (!list_empty(&d->parked)) {
		struct parked *p = parked_of(list_take_first(&d->parked));
		const struct bell_call call = p->call;
		const bool over = now_ms >= p->until_boot_ms;

		if (!over && lanes_owner(d->lanes, call.lane).place == LANE_UNKNOWN) {
			list_append(&again, &p->node);
			continue;
		}
		forget(d, p);
		if (!over)
			route_call(d, &call);
	}
	while (!list_empty(&again))
		list_append(&d->parked, list_take_first(&again));
}

bool route_load(struct delivery *d)
{
	struct message_id ids[STORE_CALLS_MAX];
	unsigned count = 0;
	struct err err;

	if (list_empty(&d->calls) || !list_empty(&d->calling) || d->looking ||
	    !lanes_ours(d->lanes))
		return false;
	while (count < STORE_CALLS_MAX && !list_empty(&d->calls)) {
		struct parked *p = parked_of(list_take_first(&d->calls));

		ids[count++] = p->call.id;
		list_append(&d->calling, &p->node);
	}
	if (store_load_ids(d->world->store, LOAD_CALLS, lanes_ours(d->lanes), ids, count, &err))
		route_loaded(d, false);
	return true;
}

void route_ask(struct item *item)
{
	const struct bell_call call = {
		.id = item->message->id,
		.lane = message_lane(item->message->tenant_id),
	};

	if (!item->hold_asked)
		item->hold_asked = keep(item->delivery, &item->delivery->calls, &call) != NULL;
}

void route_adopted(struct delivery *d, struct item *item)
{
	for (struct list *node = d->calling.next; node != &d->calling; node = node->next) {
		const struct bell_call *call = &parked_of(node)->call;

		if (message_id_equal(call->id, item->message->id) && !call->waiter.taken)
			item_join(item, &call->waiter);
	}
}

void route_join(struct delivery *d)
{
	struct list *next;

	for (struct list *node = d->calls.next; node != &d->calls; node = next) {
		struct parked *p = parked_of(node);
		struct item *item = find(d, &p->call);

		next = node->next;
		if (!item || item->hold_asked || (p->call.waiter.waits && item->told))
			continue;
		item_join(item, &p->call.waiter);
		forget(d, p);
	}
}

/* A call is answered.  Held, asked for, and not among the rows: it is over, and whoever waits is
 * to look. */
static void take_answer(struct item *item, bool loaded)
{
	const struct bell_call call = { .id = item->message->id, .waiter = item->waiter };
	const bool over = loaded && item->hold_asked && !item->hold_seen;

	item->hold_asked = false;
	if (item->step != STEP_HOLD || !over)
		return;
	if (!item->told)
		tell(item->delivery, &call, DELIVERY_ELSEWHERE);
	item_free(item);
}

/* Those that were not there any more are over; those that we have by now are joined. */
void route_loaded(struct delivery *d, bool loaded)
{
	struct list *node;
	bool unread = false;

	while ((node = list_take_first(&d->calling))) {
		struct parked *p = parked_of(node);
		struct item *item = find(d, &p->call);

		unread |= !item && !loaded;
		if (!item)
			tell(d, &p->call, DELIVERY_ELSEWHERE);
		else
			item_join(item, &p->call.waiter);
		if (item)
			take_answer(item, loaded);
		forget(d, p);
	}
	if (unread)
		poll_missed(d);
}

void route_release(struct delivery *d)
{
	struct list *node;

	while ((node = list_take_first(&d->parked))) {
		struct parked *p = parked_of(node);

		tell(d, &p->call, DELIVERY_RELEASED);
		forget(d, p);
	}
}

void route_free(struct delivery *d)
{
	struct list *const lists[] = { &d->parked, &d->calls, &d->calling };
	struct list *node;

	for (unsigned i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		while ((node = list_take_first(lists[i])))
			forget(d, parked_of(node));
	}
}
