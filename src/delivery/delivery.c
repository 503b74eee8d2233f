#include "delivery/delivery.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "delivery/item.h"

static bool on_hook(void *arg)
{
	adopt_watch_owner(arg);
	return item_advance_all(arg);
}

static void on_bell_order(void *arg, const struct delivery_order *order)
{
	delivery_take(arg, order);
}

static void on_bell_look(void *arg)
{
	adopt_look_now(arg);
}

static void on_bell_result(void *arg, uint64_t waiter_id, const struct delivery_result *result)
{
	struct delivery *d = arg;

	d->told(d->told_arg, waiter_id, result);
}

static void on_bell_learn(void *arg, const char *tenant_id, const char *outlet_id,
			  const struct credentials *credentials)
{
	struct delivery *d = arg;

	tenant_client_learn(d->world->tenant, tenant_id, outlet_id, credentials);
}

static void on_bell_ask(void *arg, unsigned from_slot, const char *tenant_id, const char *outlet_id)
{
	struct delivery *d = arg;
	struct credentials credentials;

	if (!tenant_client_known(d->world->tenant, tenant_id, outlet_id, &credentials))
		return;
	bell_learn(d->bell, from_slot, tenant_id, outlet_id, &credentials);
	explicit_bzero(&credentials, sizeof(credentials));
}

static int open_parts(struct delivery *d, struct err *ret_err)
{
	const struct bell_receiver receiver = {
		.order = on_bell_order,
		.look = on_bell_look,
		.result = on_bell_result,
		.learn = on_bell_learn,
		.ask = on_bell_ask,
		.arg = d,
	};

	d->items = table_new(d->settings.max_items);
	d->turns = turns_new(d->world->loop, d->settings.max_items, d->settings.order_hold_ms,
			     item_on_turn, d);
	if (!d->items || !d->turns) {
		err_set(ret_err, ERR_TEMPORARY, 0, "no memory for %u items", d->settings.max_items);
		return -1;
	}
	/* Before the bells, so that what a round decides leaves in the same round. */
	loop_hook(d->world->loop, on_hook, d);
	d->bell = bell_new(d->world->loop, d->settings.node, d->settings.slot, &receiver, ret_err);
	return d->bell ? 0 : -1;
}

struct delivery *delivery_new(struct world *world, const struct delivery_settings *settings,
			      delivery_told_fn *told, void *arg, struct err *ret_err)
{
	struct delivery *d = calloc(1, sizeof(*d));

	if (!d) {
		err_set(ret_err, ERR_TEMPORARY, 0, "no memory for the delivery");
		return NULL;
	}
	d->world = world;
	d->settings = *settings;
	d->told = told;
	d->told_arg = arg;
	list_init(&d->ready);
	list_init(&d->no_place);
	if (open_parts(d, ret_err)) {
		delivery_free(d);
		return NULL;
	}
	world->work = adopt_on_row;
	world->work_arg = d;
	adopt_start(d);
	return d;
}

static void free_item(void *arg, void *object)
{
	(void)arg;
	item_free(object);
}

void delivery_free(struct delivery *d)
{
	if (!d)
		return;
	adopt_stop(d);
	bell_free(d->bell);
	if (d->items)
		table_visit(d->items, free_item, NULL);
	table_free(d->items);
	turns_free(d->turns);
	d->world->work = NULL;
	free(d);
}

bool delivery_owns(const struct delivery *d, unsigned lane)
{
	return node_owner(d->settings.node, lane) == d->settings.slot;
}

struct delivery_place *delivery_reserve(struct delivery *d, const struct message *message)
{
	struct delivery_place *place;

	if (d->draining || !d->looked || !list_empty(&d->no_place) || !delivery_place_free(d) ||
	    !delivery_room(d) || !turn_is_free(d->turns, message))
		return NULL;
	place = malloc(sizeof(*place));
	if (!place || !turn_join(d->turns, &place->turn, message)) {
		free(place);
		return NULL;
	}
	d->places++;
	d->reserved++;
	return place;
}

void delivery_give_back(struct delivery *d, struct delivery_place *place)
{
	if (!place)
		return;
	turn_leave(d->turns, &place->turn);
	free(place);
	d->places--;
	d->reserved--;
}

bool delivery_room(const struct delivery *d)
{
	return table_count(d->items) + d->reserved < d->settings.max_items;
}

static void tell_released(struct delivery *d, const struct delivery_order *order)
{
	const struct delivery_result result = {
		.id = order->message->id,
		.end = DELIVERY_RELEASED,
		.action = "",
		.detail = "queued",
	};

	if (!order->waiter.waits)
		return;
	if (order->waiter.slot == d->settings.slot)
		d->told(d->told_arg, order->waiter.id, &result);
	else
		bell_result(d->bell, order->waiter.slot, order->waiter.id, &result);
}

/* The poll was faster than the bell: the item learns who waits for it. */
static void join(struct item *item, const struct delivery_order *order)
{
	if (!item->waiter.waits)
		item->waiter = order->waiter;
}

/* Attempt 1 was begun by the accepting commit: place and turn become the item's. */
static void take_begun(struct delivery *d, struct item *item, const struct delivery_order *order)
{
	turn_hand_over(d->turns, &order->place->turn, &item->turn);
	item->has_place = true;
	d->places++; /* delivery_give_back() takes one away */
	item_set_attempt(item, 1, order->begun_wall_us, order->deadline_wall_us);
	item_enter(item, STEP_CALL);
}

static void take_waiting(struct delivery *d, struct item *item)
{
	if (turn_join(d->turns, &item->turn, item->message)) {
		item_enter(item, STEP_TURN);
		return;
	}
	item_tell(item, DELIVERY_RELEASED);
	item_free(item);
}

static void take_own(struct delivery *d, const struct delivery_order *order)
{
	struct item *item =
		table_find(d->items, order->message->id.bytes, sizeof(order->message->id.bytes));

	if (item) {
		join(item, order);
		return;
	}
	if (order->place || delivery_room(d))
		item = item_new(d, order->message);
	if (!item) {
		tell_released(d, order);
		return;
	}
	item->waiter = order->waiter;
	item->expires_wall_us = order->expires_wall_us;
	if (order->credentials)
		item_set_credentials(item, order->credentials);
	if (order->place)
		take_begun(d, item, order);
	else
		take_waiting(d, item);
}

void delivery_take(struct delivery *d, const struct delivery_order *order)
{
	const unsigned lane = message_lane(order->message->tenant_id);

	if (order->place || (delivery_owns(d, lane) && !d->draining))
		take_own(d, order);
	else if (delivery_owns(d, lane))
		tell_released(d, order);
	else
		bell_order(d->bell, node_owner(d->settings.node, lane), order);
	delivery_give_back(d, order->place);
}

static void release_idle(void *arg, void *object)
{
	struct item *item = object;

	(void)arg;
	if (!item_is_idle(item))
		return;
	item_tell(item, DELIVERY_RELEASED);
	item_free(item);
}

void delivery_drain(struct delivery *d)
{
	if (d->draining)
		return;
	d->draining = true;
	adopt_stop(d);
	table_visit(d->items, release_idle, d);
}

static void give_up_call(void *arg, void *object)
{
	(void)arg;
	item_give_up_call(object);
}

void delivery_give_up(struct delivery *d)
{
	table_visit(d->items, give_up_call, NULL);
}

unsigned delivery_busy(const struct delivery *d)
{
	return (unsigned)table_count(d->items);
}
