/*
 * A place for one call, as the pace gives them out (pace.h): asked for just before the attempt
 * begins, given back when it does not, free again when the call is made.
 */
#include "delivery/item.h"

bool delivery_place_free(const struct delivery *d)
{
	return graph_client_room(d->world->graph) > d->places;
}

static void take(struct item *item)
{
	item->has_place = true;
	item->delivery->places++;
}

enum item_result item_take_place(struct item *item)
{
	struct delivery *d = item->delivery;
	const int64_t now_ms = loop_now_ms(d->world->loop);
	const struct pace_ask ask = {
		.message = item->message,
		.number = item->number,
		.urgent = item_waited_for(item),
	};
	const bool place = delivery_place_free(d);

	if (d->draining) {
		item_tell(item, DELIVERY_RELEASED);
		return ITEM_NO;
	}
	if (!place)
		meter_bound(d->world->meter, BOUND_PLACES);
	if (place && pace_try(d->pace, &item->ticket, &ask, now_ms)) {
		take(item);
		return ITEM_OK;
	}
	if (pace_wait(d->pace, &item->ticket, &ask, now_ms))
		return ITEM_PENDING;
	meter_bound(d->world->meter, BOUND_LINES);
	item->due_boot_ms = now_ms + 1000;
	return ITEM_LATER;
}

void item_leave_place(struct item *item)
{
	struct delivery *d = item->delivery;

	if (item->has_place)
		d->places--;
	item->has_place = false;
	if (item->ticket.state == PACE_GIVEN)
		pace_leave(d->pace, &item->ticket, loop_now_ms(d->world->loop));
}

static void on_wake(void *arg)
{
	struct delivery *d = arg;

	d->pace_timer = 0; /* the hook behind it gives out */
}

static void wake_at(struct delivery *d, int64_t at_ms)
{
	if (d->pace_timer && at_ms == d->pace_wake_ms)
		return;
	loop_cancel(d->world->loop, d->pace_timer);
	d->pace_wake_ms = at_ms;
	d->pace_timer = at_ms == INT64_MAX ? 0 : loop_timer(d->world->loop, at_ms, on_wake, d);
}

bool delivery_give_places(struct delivery *d)
{
	const int64_t now_ms = loop_now_ms(d->world->loop);
	struct pace_ticket *ticket;
	bool did = false;

	while (delivery_place_free(d) && (ticket = pace_next(d->pace, now_ms))) {
		struct item *item = LIST_OBJECT(ticket, struct item, ticket);

		take(item);
		item_done(item, ITEM_OK);
		did = true;
	}
	/* Without a free place nobody is looked for: a call's end is what comes first. */
	wake_at(d, delivery_place_free(d) ? pace_wake_ms(d->pace) : INT64_MAX);
	return did;
}

/* Limits on calls as such, of an app or an account. */
static bool is_used_up(const struct graph_error *error)
{
	switch (error->first_code) {
	case 4:
	case 17:
	case 341:
	case 613:
	case 80007:
	case 80008:
	case GRAPH_CASE_HTTP_429:
		return true;
	default:
		return false;
	}
}

static bool read_news(const struct graph_answer *answer, enum pace_news *ret_news,
		      enum metric_limit *ret_limit)
{
	switch (answer->verdict.error->first_code) {
	case 130429:
		*ret_news = PACE_TOO_FAST;
		*ret_limit = LIMIT_THROUGHPUT;
		return true;
	case 131056:
		*ret_news = PACE_PAIR;
		*ret_limit = LIMIT_PAIR;
		return true;
	case 131057:
		*ret_news = PACE_REST;
		*ret_limit = LIMIT_UPGRADE;
		return true;
	default:
		*ret_news = PACE_REST;
		*ret_limit = LIMIT_OTHER;
		return is_used_up(answer->verdict.error);
	}
}

void item_pace_answer(struct item *item, const struct graph_answer *answer)
{
	struct delivery *d = item->delivery;
	const struct graph_error *error = answer->verdict.error;
	const int64_t now_ms = loop_now_ms(d->world->loop);
	int64_t wait_ms = answer->server_wait_ms;
	enum metric_limit limit;
	enum pace_news news;

	if (answer->verdict.outcome == OUTCOME_ACCEPTED) {
		pace_tell(d->pace, &item->ticket, PACE_ACCEPTED, 0, now_ms);
		return;
	}
	if (answer->verdict.outcome != OUTCOME_REFUSED || !read_news(answer, &news, &limit))
		return;
	meter_count(d->world->meter, METRIC_LIMIT_REFUSALS, limit, 0);
	if (limit == LIMIT_OTHER && !wait_ms)
		wait_ms = INT64_C(1000) * error->first_wait_s;
	pace_tell(d->pace, &item->ticket, news, wait_ms, now_ms);
}
