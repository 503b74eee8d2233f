/*
 * Two sets: the holds in force, and those that have just been released.  A message of the
 * first is written down as held, and leaves, unless somebody waits for it; when it is held no
 * more, the load brings it back.  A message of the second waits in memory until such a load has
 * come to its end, as all do before anything is known; then they take their turn again.
 */
#include "delivery/holds.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "delivery/item.h"

#define LOOK_MS 1000
#define LOAD_MS 5000   /* for what is held and has expired */
#define RELOAD_MS 500  /* once more after a change: a row may have been written meanwhile */
#define NO_ROOM_MS 100 /* until what was loaded has left */
#define PAGE_ROWS 500

struct holds {
	struct delivery *delivery;
	struct hold_set current;
	struct hold_set released;
	bool known;
	int64_t version;
	bool looking;
	bool look_again;
	uint64_t look_timer;
	bool loading;
	bool load_again;
	bool changed; /* since the last load that came to its end began */
	uint64_t load_timer;
	struct list waiting; /* items, until a load has ended or the holds have changed */
};

static struct loop *loop_of(const struct holds *h)
{
	return h->delivery->world->loop;
}

/* -- looking ---------------------------------------------------------------------------- */

static void look(struct holds *h);

static void on_look(void *arg)
{
	struct holds *h = arg;

	h->look_timer = 0;
	look(h);
}

static void look_later(struct holds *h)
{
	h->looking = false;
	if (h->delivery->draining)
		return;
	loop_cancel(loop_of(h), h->look_timer);
	h->look_timer = loop_timer(loop_of(h), loop_now_ms(loop_of(h)) + LOOK_MS, on_look, h);
}

static void look(struct holds *h)
{
	struct err err;

	h->looking = true;
	h->look_again = false;
	if (store_holds(h->delivery->world->store, h->version, &err))
		look_later(h);
}

void holds_look_now(struct holds *h)
{
	if (h->delivery->draining)
		return;
	if (h->looking) {
		h->look_again = true; /* what is under way may have missed it */
		return;
	}
	loop_cancel(loop_of(h), h->look_timer);
	h->look_timer = 0;
	look(h);
}

/* -- loading what is held no more --------------------------------------------------------- */

static void load(struct holds *h);

static void on_load(void *arg)
{
	struct holds *h = arg;

	h->load_timer = 0;
	load(h);
}

static void load_later(struct holds *h, int64_t wait_ms)
{
	h->loading = false;
	if (h->delivery->draining)
		return;
	loop_cancel(loop_of(h), h->load_timer);
	h->load_timer = loop_timer(loop_of(h), loop_now_ms(loop_of(h)) + wait_ms, on_load, h);
}

/* More room than the polls have: what waits for the end of a release must not shut it out. */
static unsigned room(const struct delivery *d)
{
	const unsigned most = d->settings.max_items / 4 * 3;
	const unsigned count = delivery_busy(d);
	const unsigned left = count < most ? most - count : 0;

	return left < PAGE_ROWS ? left : PAGE_ROWS;
}

static void load(struct holds *h)
{
	struct delivery *d = h->delivery;
	const uint64_t lanes = lanes_ours(d->lanes);
	const unsigned rows = room(d);
	struct err err;

	if (d->draining)
		return;
	if (h->loading) {
		h->load_again = true;
		return;
	}
	loop_cancel(loop_of(h), h->load_timer);
	h->load_timer = 0;
	h->loading = true;
	h->load_again = false;
	if (!lanes || !rows || store_load_held(d->world->store, LOAD_HELD, lanes, rows, &err))
		load_later(h, NO_ROOM_MS);
}

/* All that wait take their turn again, and look what holds them now. */
static void resume(struct holds *h)
{
	struct list again;
	struct list *node;

	list_init(&again);
	while ((node = list_take_first(&h->waiting)))
		list_append(&again, node);
	while ((node = list_take_first(&again)))
		item_enter(LIST_OBJECT(node, struct item, queue), STEP_TURN);
}

void holds_on_loaded(struct holds *h, bool loaded, bool more)
{
	const bool changed = h->changed;

	h->loading = false;
	if (!loaded) {
		load_later(h, NO_ROOM_MS);
		return;
	}
	if (more || h->load_again) {
		load(h);
		return;
	}
	h->changed = false;
	load_later(h, changed ? RELOAD_MS : LOAD_MS);
	if (!h->released.count)
		return;
	free(h->released.holds);
	h->released = (struct hold_set){ .holds = NULL };
	resume(h);
	poll_now(h->delivery);
}

void holds_taken(struct holds *h)
{
	h->changed = true;
	load(h);
	tokens_taken(h->delivery->tokens);
}

/* -- a change --------------------------------------------------------------------------- */

/* Room for so many more; false: no memory. */
static bool make_room(struct hold_set *set, unsigned more)
{
	struct hold *holds = realloc(set->holds, (set->count + more + 1) * sizeof(*holds));

	if (holds)
		set->holds = holds;
	return holds;
}

/* Those that were in force and are not any more are released.  False: no memory, no change. */
static bool change(struct holds *h, const struct hold_set *found)
{
	struct hold_set next = { .count = 0 };

	if (!make_room(&next, found->count) || !make_room(&h->released, h->current.count)) {
		free(next.holds);
		return false;
	}
	for (; next.count < found->count; next.count++)
		next.holds[next.count] = found->holds[next.count];
	for (unsigned i = 0; i < h->current.count; i++) {
		if (!hold_is_in(&next, &h->current.holds[i]))
			h->released.holds[h->released.count++] = h->current.holds[i];
	}
	hold_sort(&h->released);
	free(h->current.holds);
	h->current = next;
	return true;
}

static void learn(struct holds *h, const struct store_holds *found)
{
	struct delivery *d = h->delivery;

	if (!pace_learn(d->pace, &found->limits, loop_now_ms(loop_of(h))) ||
	    !tokens_learn(d->tokens, &found->set) || !change(h, &found->set))
		return; /* the next look finds it again */
	if (!h->known)
		tokens_taken(h->delivery->tokens);
	h->version = found->version;
	log_text(h->delivery->world->log, LOG_INFO, "holds", "%u in force", h->current.count);
	h->known = true;
	h->changed = true;
	load(h);
	resume(h);
}

void holds_on_holds(struct holds *h, enum store_verdict verdict, const struct store_holds *found)
{
	const bool again = h->look_again;

	look_later(h);
	if (h->delivery->draining)
		return;
	if (verdict == STORE_DONE && found->changed)
		learn(h, found);
	else if (h->known && !h->released.count)
		resume(h); /* their outlet was to be held: look again */
	tokens_tick(h->delivery->tokens);
	if (again)
		holds_look_now(h);
}

/* -- the gate --------------------------------------------------------------------------- */

static const struct hold *find(const struct hold_set *set, const struct message *m,
			       const char *number, bool token)
{
	const struct hold *hold = hold_find(set, m->tenant_id, m->outlet_id, number);

	return hold || token ? hold : hold_find_token(set, m->tenant_id, m->outlet_id, number);
}

bool holds_allow(const struct holds *h, const struct message *m, const char *number, bool token)
{
	return h->known && !find(&h->current, m, number, token) &&
	       !find(&h->released, m, number, token);
}

/* Who waits is told what Meta says of the token; and a probe is to find it out. */
static bool tries_its_token(const struct item *item)
{
	return item->probe || item_waited_for(item);
}

bool item_is_allowed(const struct item *item)
{
	return !item->token_bad && holds_allow(item->delivery->holds, item->message, item->number,
					       tries_its_token(item));
}

/* A message whose validity is over passes: the next step ends it. */
enum item_result item_gate(struct item *item)
{
	const struct delivery *d = item->delivery;
	struct holds *h = d->holds;
	const struct hold *hold =
		find(&h->current, item->message, item->number, tries_its_token(item));

	if (item_is_allowed(item) || (h->known && clock_wall_us() >= item->expires_wall_us))
		return ITEM_OK;
	if (hold) {
		item->hold = hold->id;
		return ITEM_LATER;
	}
	/* Half of the room is for what is loaded; what is left out stays in the store. */
	if (!item_waited_for(item) && table_count(d->items) > d->settings.max_items / 2) {
		queues_leave(d->queues, item->message);
		return ITEM_NO;
	}
	if (item->token_bad)
		tokens_refused(item);
	item->token_bad = false;
	list_append(&h->waiting, &item->queue);
	return ITEM_PENDING;
}

enum item_result item_shelve(struct item *item)
{
	const struct store_defer row = {
		.id = item->message->id,
		.attempt = item->attempt,
		.due_wall_us = clock_wall_us(),
		.hold = item->hold,
		.reason = "",
	};

	if (route_away(item))
		return ITEM_NO;
	item->probe = 0;
	tokens_shelved(item);
	store_defer(item->delivery->world->store, item->job.id, &row);
	return ITEM_PENDING;
}

static void on_nobody_waits(void *arg)
{
	struct item *item = arg;

	item->timer = 0;
	item_done(item, ITEM_OK);
}

void item_shelved(struct item *item, bool done)
{
	if (!done)
		item_tell(item, DELIVERY_ELSEWHERE);
	if (!done || !item_waited_for(item)) {
		item_done(item, ITEM_OK);
		return;
	}
	item->shelved = true;
	item->timer = loop_timer(item->delivery->world->loop, item->waiter.until_boot_ms,
				 on_nobody_waits, item);
}

void item_unshelve(struct item *item)
{
	loop_cancel(item->delivery->world->loop, item->timer);
	item->timer = 0;
	item->shelved = false;
	item_enter(item, STEP_TURN);
}

/* -- making ----------------------------------------------------------------------------- */

struct holds *holds_new(struct delivery *d)
{
	struct holds *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->delivery = d;
	list_init(&h->waiting);
	look(h);
	return h;
}

void holds_stop(struct holds *h)
{
	loop_cancel(loop_of(h), h->look_timer);
	loop_cancel(loop_of(h), h->load_timer);
	h->look_timer = h->load_timer = 0;
}

void holds_free(struct holds *h)
{
	if (!h)
		return;
	holds_stop(h);
	free(h->current.holds);
	free(h->released.holds);
	free(h);
}
