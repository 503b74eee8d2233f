/*
 * checked ─▶ held      the page was short
 *     │ └──▶ closing   it was full, and its end was not held
 * closing ─▶ held      short: all that waited at the gate goes on
 *     │ ├──▶ closing   … but more was rung for meanwhile: who waited for this page goes on
 *     └─┴──▶ long      full, or no room for it: what waited at the gate goes back to the store
 * long ────▶ closing   short
 */
#include "delivery/queues.h"

#include <stdlib.h>

#include "delivery/queue.h"

#define QUEUES_MAX 65536 /* of which something is known */
#define SHARE_MIN 32
#define SHARE_MAX 1024

int64_t queues_now_ms(const struct queues *q)
{
	return loop_now_ms(q->delivery->world->loop);
}

struct queues *queues_new(struct delivery *d)
{
	struct queues *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->delivery = d;
	list_init(&q->checks);
	list_init(&q->longs);
	for (unsigned c = 0; c < MESSAGE_CLASSES; c++)
		list_init(&q->hungry[c]);
	q->table = table_new(QUEUES_MAX);
	if (q->table)
		return q;
	free(q);
	return NULL;
}

static void free_queue(void *arg, void *object)
{
	(void)arg;
	free(object);
}

void queues_free(struct queues *q)
{
	if (!q)
		return;
	loop_cancel(q->delivery->world->loop, q->timer);
	table_visit(q->table, free_queue, NULL);
	table_free(q->table);
	free(q);
}

struct queue *queues_find(const struct queues *q, uint64_t id)
{
	return table_count(q->table) ? table_find(q->table, &id, sizeof(id)) : NULL;
}

/* Of what comes by bell it is not known yet. */
static uint64_t id_of(const struct message *m)
{
	return message_queue(m->tenant_id, m->outlet_id, m->class);
}

/* Null: too many, or no memory. */
static struct queue *find_or_make(struct queues *q, uint64_t id, unsigned lane)
{
	struct queue *e = queues_find(q, id);

	if (e)
		return e;
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	list_init(&e->wanting);
	list_init(&e->longs);
	list_init(&e->gated);
	list_init(&e->covered);
	e->back = UINT64_MAX;
	e->id = id;
	e->lane = lane;
	if (table_insert(q->table, &e->id, sizeof(e->id), e))
		return e;
	meter_bound(q->delivery->world->meter, BOUND_QUEUES);
	free(e);
	return NULL;
}

void queues_tidy(struct queues *q, struct queue *e)
{
	if (e->state != QUEUE_HELD || e->held || e->asked)
		return;
	(void)table_remove(q->table, &e->id, sizeof(e->id));
	free(e);
}

/* -- room ------------------------------------------------------------------------------- */

/* In eighths of all items: what a class may fill with what is read, and with what comes new, which
 * is less than what the class above may read.  What is held no more, when it is loaded, may fill
 * six. */
static const unsigned read_eighths[MESSAGE_CLASSES] = { 7, 5, 3 };
static const unsigned new_eighths[MESSAGE_CLASSES] = { 8, 6, 4 };

static unsigned left(const struct delivery *d, unsigned eighths)
{
	const unsigned most = (unsigned)((uint64_t)d->settings.max_items * eighths / 8);
	const unsigned count = (unsigned)table_count(d->items) + d->reserved;

	return count < most ? most - count : 0;
}

unsigned queues_left_to_read(const struct delivery *d, enum message_class class)
{
	return left(d, read_eighths[class]);
}

bool queues_room_read(const struct delivery *d, enum message_class class)
{
	return queues_left_to_read(d, class) > 0;
}

static unsigned share_of(unsigned rows)
{
	return rows < SHARE_MIN ? SHARE_MIN : rows > SHARE_MAX ? SHARE_MAX : rows;
}

unsigned queues_share(const struct queues *q)
{
	return share_of(q->delivery->settings.max_items / 2 /
			(q->long_count > 0 ? q->long_count : 1));
}

/* Of one that is not long: with one more it becomes that. */
static unsigned share_open(const struct queues *q)
{
	return share_of(q->delivery->settings.max_items / 8);
}

bool queues_room_new(const struct queues *q, const struct message *message)
{
	const struct queue *e = queues_find(q, id_of(message));

	return left(q->delivery, new_eighths[message->class]) > 0 &&
	       !(e && e->held >= share_open(q));
}

bool queues_is_hungry(const struct queues *q, const struct queue *e)
{
	return e->state == QUEUE_LONG && !e->asked &&
	       (e->among_held || e->held <= queues_share(q) / 2);
}

/* -- states ----------------------------------------------------------------------------- */

static void let_go(struct list *items)
{
	struct list *node;

	while ((node = list_take_first(items))) {
		struct item *item = LIST_OBJECT(node, struct item, queue);

		item_enter(item, STEP_TURN); /* asks again, and is told the state */
	}
}

void queues_set_state(struct queues *q, struct queue *e, enum queue_state state)
{
	const bool was_long = e->state == QUEUE_LONG;

	e->state = state;
	list_remove(&e->wanting);
	if (was_long && state != QUEUE_LONG) {
		list_remove(&e->longs);
		q->long_count--;
	} else if (!was_long && state == QUEUE_LONG) {
		list_append(&q->longs, &e->longs);
		q->long_count++;
		e->behind.next_ms = queues_now_ms(q) + QUEUE_BEHIND_MS;
		e->behind.before_ms = queues_now_ms(q);
		e->behind.whole_ms = queues_now_ms(q) + QUEUE_WHOLE_MS;
		e->behind.seq = 0;
	}
	if (state == QUEUE_CHECKED || state == QUEUE_CLOSING)
		list_append(&q->checks, &e->wanting);
	else {
		let_go(&e->covered);
		let_go(&e->gated);
	}
	if (queues_is_hungry(q, e))
		list_append(&q->hungry[message_queue_class(e->id)], &e->wanting);
}

enum queue_entry queues_entry(const struct queues *q, const struct message *message)
{
	const struct queue *e = queues_find(q, id_of(message));

	if (!e || e->state == QUEUE_HELD || e->state == QUEUE_CHECKED)
		return QUEUE_OPEN;
	return e->state == QUEUE_LONG ? QUEUE_SHUT : QUEUE_GATED;
}

static uint64_t before(uint64_t seq)
{
	return seq > 0 ? seq - 1 : 0;
}

/* What is above this is to be read, also what came too late for the page under way. */
static void go_back(struct queue *e, uint64_t seq)
{
	if (e->asked && seq < e->back)
		e->back = seq;
	else if (!e->asked && seq < e->seq)
		e->seq = seq;
}

void queues_leave(struct queues *q, const struct message *message)
{
	struct queue *e = find_or_make(q, id_of(message), message_lane(message->tenant_id));

	if (!e)
		return;
	if (e->state == QUEUE_HELD) {
		e->seq = before(message->seq);
		e->ahead_ms = DELIVERY_AHEAD_MS;
		queues_set_state(q, e, QUEUE_LONG);
		return;
	}
	go_back(e, before(message->seq));
	if (e->state == QUEUE_LONG)
		return;
	if (!e->asked)
		queues_set_state(q, e, QUEUE_LONG);
	else
		e->cut = true; /* so it is when its page has come */
}

enum queue_entry queues_pass(struct item *item)
{
	struct queue *e;

	if (!item->gated)
		return QUEUE_OPEN;
	e = queues_find(item->delivery->queues, item->message->queue);
	if (e && e->state == QUEUE_CLOSING) {
		list_append(&e->gated, &item->queue);
		return QUEUE_GATED;
	}
	item->gated = false;
	if (!e || e->state != QUEUE_LONG)
		return QUEUE_OPEN;
	go_back(e, before(item->message->seq));
	return QUEUE_SHUT;
}

/* -- what is found ---------------------------------------------------------------------- */

void queues_found(struct queues *q, const struct store_queue *found, bool bells_lost)
{
	struct delivery *d = q->delivery;
	struct queue *e = find_or_make(q, found->queue, found->lane);

	if (!e || e->state == QUEUE_LONG)
		return;
	if (e->state != QUEUE_HELD && !bells_lost) {
		if (e->state == QUEUE_CLOSING)
			go_back(e, 0); /* bells that go on must not hide what is before them */
		return;
	}
	e->ahead_ms = DELIVERY_AHEAD_MS;
	/* The first look also finds those that others must wait for although they are not due. */
	if (bells_lost && d->settings.order_hold_ms > DELIVERY_AHEAD_MS)
		e->ahead_ms = d->settings.order_hold_ms;
	go_back(e, 0);
	queues_set_state(q, e, bells_lost ? QUEUE_CLOSING : QUEUE_CHECKED);
}

void queues_rung(struct queues *q, const struct bell_ring *ring)
{
	struct queue *e = find_or_make(q, ring->queue, ring->lane);

	if (!e)
		return;
	if (e->state == QUEUE_HELD) {
		/* Nor is it known, while looking, that what is before it is held. */
		e->seq = q->delivery->looking ? 0 : before(ring->seq);
		e->ahead_ms = DELIVERY_AHEAD_MS;
	} else {
		go_back(e, before(ring->seq));
	}
	if (e->state != QUEUE_LONG)
		queues_set_state(q, e, QUEUE_CLOSING);
}

static void restart(void *arg, void *object)
{
	const uint64_t *lanes = arg;
	struct queue *e = object;

	if (e->state == QUEUE_HELD || !(*lanes >> e->lane & 1))
		return;
	go_back(e, 0);
}

void queues_restart(struct queues *q, uint64_t lanes)
{
	table_visit(q->table, restart, &lanes);
}

/* -- items ------------------------------------------------------------------------------ */

bool queues_crowded(const struct item *item)
{
	const struct queue *e = item->stock;

	return e && e->state == QUEUE_LONG && e->held > queues_share(item->delivery->queues) / 2;
}

void queues_item_new(struct item *item)
{
	const struct message *m = item->message;

	item->stock = find_or_make(item->delivery->queues, m->queue, m->lane);
	if (item->stock)
		item->stock->held++;
}

void queues_item_gone(struct item *item)
{
	struct queues *q = item->delivery->queues;
	struct queue *e = item->stock;

	if (!e)
		return;
	item->stock = NULL;
	e->held--;
	if (list_empty(&e->wanting) && queues_is_hungry(q, e))
		list_append(&q->hungry[message_queue_class(e->id)], &e->wanting);
	queues_tidy(q, e);
}
