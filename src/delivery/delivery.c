#include "delivery/delivery.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "delivery/item.h"

/* What nobody knew the owner of: whoever it is, or is about to be, is to look. */
static bool ring_unrung(struct delivery *d)
{
	if (!d->unrung)
		return false;
	d->unrung = false;
	bell_look(d->bell);
	if (lanes_has_far(d->lanes))
		far_missed(d->far);
	return true;
}

static bool on_hook(void *arg)
{
	struct delivery *d = arg;
	bool did = item_advance_all(d);

	did |= ring_unrung(d);
	did |= route_load(d);
	did |= queues_pump(d->queues);
	did |= far_flush(d->far);
	delivery_gauge(d);
	return did;
}

static void on_bell_order(void *arg, const struct delivery_order *order)
{
	delivery_take(arg, order);
}

static void on_bell_look(void *arg)
{
	poll_missed(arg);
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

static void on_call(void *arg, const struct bell_call *call)
{
	route_call(arg, call);
}

static void on_ring(void *arg, const struct bell_ring *ring)
{
	route_ring(arg, ring);
}

static void on_news(void *arg, enum bell_news news, uint64_t lanes, struct message_id incarnation)
{
	struct delivery *d = arg;

	lanes_on_news(d->lanes, news, lanes, incarnation);
}

/* Another node has recorded what a request of ours waits for. */
static void on_far_result(void *arg, uint64_t waiter_id, struct message_id id)
{
	struct delivery *d = arg;
	const struct delivery_result result = {
		.id = id,
		.end = DELIVERY_ELSEWHERE,
		.action = "",
		.detail = "",
	};

	d->told(d->told_arg, waiter_id, &result);
}

/* Bells of other nodes are heard no more, or again: then ours may be lost as well. */
static void on_deaf(struct delivery *d)
{
	if (d->deaf && store_hears(d->world->store))
		far_missed(d->far);
	d->deaf = !store_hears(d->world->store);
	poll_missed(d);
}

static void on_rung(void *arg, const char *text)
{
	struct delivery *d = arg;

	if (!text) {
		on_deaf(d);
		return;
	}
	if (strcmp(text, "h") == 0)
		holds_look_now(d->holds);
	else
		far_take(d->far, text);
}

static void on_view(void *arg, uint64_t tag, enum store_verdict verdict,
		    const struct store_lanes_view *view, const struct err *err)
{
	struct delivery *d = arg;

	(void)tag;
	(void)err;
	lanes_on_view(d->lanes, verdict == STORE_DONE ? view : NULL);
}

static void on_holds(void *arg, enum store_verdict verdict, const struct store_holds *holds)
{
	struct delivery *d = arg;

	holds_on_holds(d->holds, verdict, holds);
}

static void on_taken(void *arg, uint64_t lanes)
{
	struct delivery *d = arg;

	pace_taken(d->pace, lanes, loop_now_ms(d->world->loop));
	queues_restart(d->queues, lanes);
	poll_missed(d);
	holds_taken(d->holds);
	settle_taken(d);
}

static void leave_idle(void *arg, void *object)
{
	const uint64_t *lanes = arg;
	struct item *item = object;

	if (!item_is_idle(item) || !(*lanes >> message_lane(item->message->tenant_id) & 1))
		return;
	route_item(item);
	item_free(item);
}

static void on_leaving(void *arg, uint64_t lanes)
{
	struct delivery *d = arg;

	table_visit(d->items, leave_idle, &lanes);
}

static void on_known(void *arg)
{
	struct delivery *d = arg;

	/* Somebody has to count the work for all. */
	tally_lead(d->world->tally, delivery_owns(d, 0));
	if (lanes_held(d->lanes) || (d->draining && !lanes_has_others(d->lanes)))
		route_release(d);
	else
		route_parked(d);
}

static void on_lanes_news(void *arg, enum bell_news news, uint64_t lanes, bool near, bool far)
{
	struct delivery *d = arg;

	if (near)
		bell_lanes(d->bell, news, lanes, d->settings.incarnation);
	if (far)
		far_lanes(d->far, news, lanes);
}

static int open_lanes(struct delivery *d, struct err *ret_err)
{
	const struct lanes_events events = {
		.taken = on_taken,
		.leaving = on_leaving,
		.known = on_known,
		.news = on_lanes_news,
		.arg = d,
	};
	const struct far_receiver receiver = {
		.call = on_call,
		.ring = on_ring,
		.result = on_far_result,
		.lanes = on_news,
		.missed = on_bell_look,
		.arg = d,
	};

	d->far = far_new(d->world->store, d->settings.incarnation, &receiver);
	if (!d->far) {
		err_set(ret_err, ERR_TEMPORARY, 0, "no memory for bells");
		return -1;
	}
	d->lanes = lanes_new(d->world, d->settings.node, d->settings.incarnation, &events, ret_err);
	return d->lanes ? 0 : -1;
}

static int open_parts(struct delivery *d, struct err *ret_err)
{
	const struct bell_receiver receiver = {
		.order = on_bell_order,
		.look = on_bell_look,
		.result = on_bell_result,
		.learn = on_bell_learn,
		.ask = on_bell_ask,
		.lanes = on_news,
		.call = on_call,
		.ring = on_ring,
		.arg = d,
	};

	d->items = table_new(d->settings.max_items);
	/* Of items, and of orders that wait for a look. */
	d->turns = turns_new(d->world->loop, 2 * (size_t)d->settings.max_items,
			     d->settings.order_hold_ms, item_on_turn, d);
	d->breakers = breakers_new(d->world->loop, d->world->log, d->world->meter,
				   &d->settings.breaker, BREAKERS_MAX, item_on_wake, d);
	d->pace = pace_new(&d->settings.pace, d->world->meter, loop_now_ms(d->world->loop));
	if (!d->items || !d->turns || !d->breakers || !d->pace) {
		err_set(ret_err, ERR_TEMPORARY, 0, "no memory for %u items", d->settings.max_items);
		return -1;
	}
	d->queues = queues_new(d);
	if (!d->queues) {
		err_set(ret_err, ERR_TEMPORARY, 0, "no memory for queues");
		return -1;
	}
	d->tokens = tokens_new(d);
	d->holds = d->tokens ? holds_new(d) : NULL;
	if (!d->holds) {
		err_set(ret_err, ERR_TEMPORARY, 0, "no memory for holds");
		return -1;
	}
	if (open_lanes(d, ret_err))
		return -1;
	/* Before the bells, so that what a round decides leaves in the same round. */
	loop_hook(d->world->loop, on_hook, d);
	d->bell = bell_new(d->world->loop, d->settings.node, d->settings.slot, &receiver, ret_err);
	return d->bell ? 0 : -1;
}

static void on_receipts(void *arg, const struct store_received *received)
{
	delivery_receipts(arg, received);
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
	d->deaf = !store_hears(world->store);
	d->told = told;
	d->told_arg = arg;
	list_init(&d->ready);
	list_init(&d->parked);
	list_init(&d->calls);
	list_init(&d->calling);
	list_init(&d->settling.writes);
	if (open_parts(d, ret_err)) {
		delivery_free(d);
		return NULL;
	}
	world->work = adopt_on_row;
	world->queue = poll_on_queue;
	world->work_arg = d;
	world->unknown = settle_on_row;
	world->lanes = on_view;
	world->rung = on_rung;
	world->holds = on_holds;
	world->receipts = on_receipts;
	world->lanes_arg = d;
	poll_start(d);
	settle_start(d);
	due_start(d);
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
	poll_stop(d);
	due_stop(d);
	settle_stop(d);
	settle_free(d);
	lanes_free(d->lanes);
	bell_free(d->bell);
	far_free(d->far);
	route_free(d);
	if (d->items)
		table_visit(d->items, free_item, NULL);
	table_free(d->items);
	turns_free(d->turns);
	breakers_free(d->breakers);
	loop_cancel(d->world->loop, d->pace_timer);
	pace_free(d->pace);
	queues_free(d->queues);
	holds_free(d->holds);
	tokens_free(d->tokens);
	d->world->work = NULL;
	d->world->queue = NULL;
	d->world->unknown = NULL;
	d->world->lanes = NULL;
	d->world->rung = NULL;
	d->world->holds = NULL;
	free(d);
}

bool delivery_owns(const struct delivery *d, unsigned lane)
{
	return lanes_ours(d->lanes) >> lane & 1;
}

bool delivery_leaves(const struct delivery *d, unsigned lane)
{
	return lanes_held(d->lanes) || (d->draining && !lanes_serves(d->lanes, lane));
}

bool delivery_knows_lanes(const struct delivery *d)
{
	return lanes_known(d->lanes);
}

bool delivery_fenced(const struct delivery *d)
{
	return lanes_fenced(d->lanes);
}

bool delivery_flows(const struct delivery *d, const char *number)
{
	return breakers_clear(d->breakers, number);
}

struct delivery_place *delivery_reserve(struct delivery *d, const struct message *message,
					const char *number, bool waited)
{
	const int64_t now_ms = loop_now_ms(d->world->loop);
	const struct pace_ask ask = {
		.message = message,
		.number = number,
		.urgent = waited,
	};
	struct delivery_place *place;

	if (d->draining || !d->looked || !delivery_place_free(d) ||
	    !queues_room_new(d->queues, message) ||
	    queues_entry(d->queues, message) != QUEUE_OPEN || !turn_is_free(d->turns, message) ||
	    !holds_allow(d->holds, message, number, waited))
		return NULL;
	place = calloc(1, sizeof(*place));
	if (!place)
		return NULL;
	if (!pace_try(d->pace, &place->ticket, &ask, now_ms) ||
	    !turn_join(d->turns, &place->turn, message)) {
		pace_leave(d->pace, &place->ticket, now_ms);
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
	pace_leave(d->pace, &place->ticket, loop_now_ms(d->world->loop));
	free(place);
	d->places--;
	d->reserved--;
}

static void tell_left(struct delivery *d, const struct delivery_order *order, enum delivery_end end)
{
	const struct delivery_result result = {
		.id = order->message->id,
		.end = end,
		.action = "",
		.detail = "queued",
	};

	if (order->waiter.waits)
		delivery_tell(d, &order->waiter, &result);
}

/* Attempt 1 was begun by the accepting commit: place and turn become the item's. */
static void take_begun(struct delivery *d, struct item *item, const struct delivery_order *order)
{
	turn_hand_over(d->turns, &order->place->turn, &item->turn);
	pace_hand_over(&order->place->ticket, &item->ticket);
	pace_begin(&item->ticket);
	item->has_place = true;
	d->places++; /* delivery_give_back() takes one away */
	item_set_attempt(item, 1, order->begun_wall_us, order->deadline_wall_us);
	item_enter(item, STEP_CALL);
}

static void take_waiting(struct delivery *d, struct item *item)
{
	const int64_t wait_us = item->message->due_wall_us - clock_wall_us();

	if (wait_us > 0) {
		/* Never before: both terms are cut to whole ms. */
		item->due_boot_ms = clock_boot_ms() + wait_us / 1000 + 2;
		item_enter(item, STEP_WAIT);
		return;
	}
	if (turn_join(d->turns, &item->turn, item->message)) {
		item_enter(item, STEP_TURN);
		return;
	}
	item_tell(item, DELIVERY_RELEASED);
	item_free(item);
}

static void take_own(struct delivery *d, const struct delivery_order *order)
{
	const enum queue_entry entry = queues_entry(d->queues, order->message);
	struct item *item =
		table_find(d->items, order->message->id.bytes, sizeof(order->message->id.bytes));

	if (item) { /* the poll was faster than the bell */
		item_join(item, &order->waiter);
		return;
	}
	if (entry == QUEUE_SHUT && !order->place) {
		queues_leave(d->queues, order->message);
		tell_left(d, order, DELIVERY_ELSEWHERE);
		return;
	}
	if (order->place || queues_room_new(d->queues, order->message))
		item = item_new(d, order->message);
	if (!item) {
		meter_bound(d->world->meter, BOUND_ITEMS);
		queues_leave(d->queues, order->message);
		tell_left(d, order, DELIVERY_RELEASED);
		return;
	}
	item_join(item, &order->waiter);
	item->expires_wall_us = order->expires_wall_us;
	if (order->credentials)
		item_set_credentials(item, order->credentials);
	item->gated = entry == QUEUE_GATED;
	if (order->place)
		take_begun(d, item, order);
	else
		take_waiting(d, item);
}

void delivery_take(struct delivery *d, const struct delivery_order *order)
{
	const unsigned lane = message_lane(order->message->tenant_id);

	if (order->place || (delivery_owns(d, lane) && !d->looking))
		take_own(d, order);
	else if (delivery_leaves(d, lane))
		tell_left(d, order, DELIVERY_RELEASED);
	else
		route_order(d, order);
	delivery_give_back(d, order->place);
}

bool delivery_is_far(const struct delivery *d, unsigned lane)
{
	const enum lane_place place = lanes_owner(d->lanes, lane).place;

	return place == LANE_FAR || (place == LANE_UNKNOWN && lanes_has_far(d->lanes));
}

void delivery_ring(struct delivery *d, const struct message *message,
		   const struct delivery_waiter *waiter)
{
	route_call(d, &(struct bell_call){ .id = message->id,
					   .lane = message_lane(message->tenant_id),
					   .waiter = *waiter });
}

static void release_idle(void *arg, void *object)
{
	struct item *item = object;

	(void)arg;
	if (!item_is_idle(item)) {
		item_copy_drain(item);
		return;
	}
	item_tell(item, DELIVERY_RELEASED);
	item_free(item);
}

void delivery_look(struct delivery *d, unsigned lane, uint64_t queue, uint64_t seq)
{
	route_ring(d, &(struct bell_ring){ .lane = lane, .queue = queue, .seq = seq });
}

static void log_failed(const struct delivery *d, const struct store_act *act)
{
	char id[MESSAGE_ID_TEXT_BYTES];
	struct log_line line;

	message_id_text(act->id, id);
	log_begin(&line, d->world->log, LOG_WARNING, "reported_failed");
	log_str(&line, "message_id", id);
	log_str(&line, "tenant_id", act->tenant_id);
	log_int(&line, "attempt", act->attempt);
	log_int(&line, "code", act->receipt.code);
	log_str(&line, "next", act->kind == STORE_ACT_AGAIN ? "again" : "failed");
	log_end(&line);
}

void delivery_receipts(struct delivery *d, const struct store_received *received)
{
	uint64_t settle = 0;

	for (unsigned i = 0; i < received->act_count; i++) {
		const struct store_act *act = &received->acts[i];

		meter_count(d->world->meter, METRIC_RECEIPT_ACTS, act->kind, 0);
		if (act->kind == STORE_ACT_SETTLE)
			settle |= UINT64_C(1) << act->lane;
		else
			log_failed(d, act);
		if (act->kind == STORE_ACT_AGAIN)
			route_call(d, &(struct bell_call){ .id = act->id, .lane = act->lane });
	}
	for (unsigned lane = 0; lane < MESSAGE_LANES; lane++)
		if (settle >> lane & 1)
			route_ring(d, &(struct bell_ring){ .lane = lane });
}

void delivery_drain(struct delivery *d)
{
	if (d->draining)
		return;
	d->draining = true;
	poll_stop(d);
	holds_stop(d->holds);
	settle_stop(d);
	due_stop(d);
	table_visit(d->items, release_idle, d);
	lanes_drain(d->lanes);
	if (!lanes_has_others(d->lanes))
		route_release(d);
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

bool delivery_holds_lanes(const struct delivery *d)
{
	return lanes_leaving(d->lanes) && store_ready(d->world->store);
}
