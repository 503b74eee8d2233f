/*
 * One load is under way at most.  It asks for pages: of queues that are checked or closing a few
 * rows each, of long ones as much as their shares lack, and of some long ones, every few seconds,
 * what became due behind their positions since the last time (retries, or seqs that committed
 * late), and once a minute whatever is there: page by page, beside what is read ahead.
 *
 * checked ─▶ held      the page was short
 *     │ └──▶ closing   it was full, and its end was not held
 * closing ─▶ held      short: all that waited at the gate goes on
 *     └────▶ long      full, or no room for it: what waited at the gate goes back to the store
 * long ────▶ closing   short
 */
#include "delivery/queues.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/table.h"
#include "delivery/item.h"

#define QUEUES_MAX 65536 /* of which something is known */
#define PAGE_ROWS 256    /* writes wait behind each load */
#define CHECK_ROWS_MIN 8
#define SHARE_MIN 32
#define SHARE_MAX 1024
#define WORTH_ROWS 32 /* with less room than that long queues wait */
#define BEHIND_MS 5000
#define BEHIND_SLACK_MS 15000 /* due_at is the begin of a transaction */
#define BEHIND_ROWS 64
#define BEHIND_QUEUES 8 /* of a load */
#define WHOLE_MS 60000  /* … all of it, due since whenever */
#define AGAIN_MS 200    /* the store could not tell */

enum queue_state { QUEUE_HELD = 0, QUEUE_CHECKED, QUEUE_CLOSING, QUEUE_LONG };

struct queue {
	struct list wanting; /* in queues.checks or .hungry, when rows are wanted */
	struct list longs; /* in queues.longs, when long; the one looked behind last is the last */
	struct list gated; /* items that wait for its page */
	uint64_t id;       /* message_queue() */
	unsigned lane;
	enum queue_state state;
	uint64_t seq;  /* its position: read so far */
	unsigned held; /* items, until they are sent */
	int64_t ahead_ms;
	struct {
		int64_t next_ms;  /* the next page */
		int64_t begun_ms; /* this look; the one before, which found what was due by then */
		int64_t before_ms;
		int64_t whole_ms; /* the next look that finds all */
		bool whole;       /* this one does */
		uint64_t seq;     /* looked through so far; 0: none is under way */
	} behind;                 /* its position, while long */
	bool among_held; /* the last page was full, and its end was held: read on at once */
	/* the page under way: */
	bool asked;
	bool restart; /* what it brings may be too old */
	bool cut;     /* there was no room for a row of it … */
	bool cut_behind;
	bool fresh; /* its last row was not held */
	unsigned most;
	unsigned got;
	unsigned got_behind;
	uint64_t asked_seq;
};

struct ask {
	uint64_t id;
	bool behind; /* its position */
};

struct queues {
	struct delivery *delivery;
	struct table *table;
	struct list checks;                  /* checked, closing */
	struct list hungry[MESSAGE_CLASSES]; /* long, and short of rows */
	struct list longs;
	unsigned long_count;
	struct ask asks[STORE_QUEUES_MAX]; /* of the load under way */
	unsigned ask_count;
	uint64_t timer; /* until the store is asked again */
};

static int64_t now_ms(const struct queues *q)
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

static struct queue *find(const struct queues *q, uint64_t id)
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
	struct queue *e = find(q, id);

	if (e)
		return e;
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	list_init(&e->wanting);
	list_init(&e->longs);
	list_init(&e->gated);
	e->id = id;
	e->lane = lane;
	if (table_insert(q->table, &e->id, sizeof(e->id), e))
		return e;
	meter_bound(q->delivery->world->meter, BOUND_QUEUES);
	free(e);
	return NULL;
}

/* Frees what nothing is known of any more. */
static void tidy(struct queues *q, struct queue *e)
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

bool queues_room_read(const struct delivery *d, enum message_class class)
{
	return left(d, read_eighths[class]) > 0;
}

static unsigned share_of(unsigned rows)
{
	return rows < SHARE_MIN ? SHARE_MIN : rows > SHARE_MAX ? SHARE_MAX : rows;
}

/* How many items of a long queue are held. */
static unsigned share(const struct queues *q)
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
	const struct queue *e = find(q, id_of(message));

	return left(q->delivery, new_eighths[message->class]) > 0 &&
	       !(e && e->held >= share_open(q));
}

static bool is_hungry(const struct queues *q, const struct queue *e)
{
	return e->state == QUEUE_LONG && !e->asked && (e->among_held || e->held <= share(q) / 2);
}

/* -- states ----------------------------------------------------------------------------- */

static void let_go(struct queue *e)
{
	struct list *node;

	while ((node = list_take_first(&e->gated))) {
		struct item *item = LIST_OBJECT(node, struct item, queue);

		item_enter(item, STEP_TURN); /* asks again, and is told the state */
	}
}

static void set_state(struct queues *q, struct queue *e, enum queue_state state)
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
		e->behind.next_ms = now_ms(q) + BEHIND_MS;
		e->behind.before_ms = now_ms(q);
		e->behind.whole_ms = now_ms(q) + WHOLE_MS;
		e->behind.seq = 0;
	}
	if (state == QUEUE_CHECKED || state == QUEUE_CLOSING)
		list_append(&q->checks, &e->wanting);
	else
		let_go(e);
	if (is_hungry(q, e))
		list_append(&q->hungry[message_queue_class(e->id)], &e->wanting);
}

enum queue_entry queues_entry(const struct queues *q, const struct message *message)
{
	const struct queue *e = find(q, id_of(message));

	if (!e || e->state == QUEUE_HELD || e->state == QUEUE_CHECKED)
		return QUEUE_OPEN;
	return e->state == QUEUE_LONG ? QUEUE_SHUT : QUEUE_GATED;
}

void queues_leave(struct queues *q, const struct message *message)
{
	struct queue *e = find_or_make(q, id_of(message), message_lane(message->tenant_id));

	if (!e)
		return;
	if (message->seq <= e->seq)
		e->behind.whole_ms = 0;
	if (e->state == QUEUE_LONG)
		return;
	if (e->state == QUEUE_HELD) {
		e->seq = message->seq > 0 ? message->seq - 1 : 0;
		e->ahead_ms = DELIVERY_AHEAD_MS;
		set_state(q, e, QUEUE_LONG);
		return;
	}
	if (!e->asked)
		set_state(q, e, QUEUE_LONG);
	else
		e->cut = true; /* so it is when its page has come */
}

enum queue_entry queues_pass(struct item *item)
{
	struct queue *e;

	if (!item->gated)
		return QUEUE_OPEN;
	e = find(item->delivery->queues, item->message->queue);
	if (e && e->state == QUEUE_CLOSING) {
		list_append(&e->gated, &item->queue);
		return QUEUE_GATED;
	}
	item->gated = false;
	return e && e->state == QUEUE_LONG ? QUEUE_SHUT : QUEUE_OPEN;
}

/* -- what is found ---------------------------------------------------------------------- */

void queues_found(struct queues *q, const struct store_queue *found, bool bells_lost)
{
	struct delivery *d = q->delivery;
	struct queue *e = find_or_make(q, found->queue, found->lane);

	if (!e || e->state == QUEUE_LONG)
		return;
	if (e->state != QUEUE_HELD && !bells_lost)
		return; /* to be read anyway */
	e->ahead_ms = DELIVERY_AHEAD_MS;
	/* The first look also finds those that others must wait for although they are not due. */
	if (bells_lost && d->settings.order_hold_ms > DELIVERY_AHEAD_MS)
		e->ahead_ms = d->settings.order_hold_ms;
	e->seq = 0;
	e->restart = e->asked;
	set_state(q, e, bells_lost ? QUEUE_CLOSING : QUEUE_CHECKED);
}

static void restart(void *arg, void *object)
{
	const uint64_t *lanes = arg;
	struct queue *e = object;

	if (e->state == QUEUE_HELD || !(*lanes >> e->lane & 1))
		return;
	e->seq = 0;
	e->restart = e->asked;
}

void queues_restart(struct queues *q, uint64_t lanes)
{
	table_visit(q->table, restart, &lanes);
}

/* -- asking ----------------------------------------------------------------------------- */

struct load {
	struct store_queue_load pages[STORE_QUEUES_MAX];
	unsigned rows; /* of long queues */
	int64_t wall_us;
};

static struct store_queue_load *add(struct queues *q, struct load *l, const struct queue *e)
{
	struct store_queue_load *page = &l->pages[q->ask_count];

	q->asks[q->ask_count++] = (struct ask){ .id = e->id };
	*page = (struct store_queue_load){
		.lane = e->lane,
		.queue = e->id,
		.above = e->seq,
		.last = UINT64_MAX,
		.due_until_wall_us = l->wall_us + 1000 * e->ahead_ms,
	};
	return page;
}

static void ask(struct queues *q, struct load *l, struct queue *e, unsigned most)
{
	list_remove(&e->wanting);
	e->asked = true;
	e->cut = e->fresh = false;
	e->got = 0;
	e->most = most;
	e->asked_seq = e->seq;
	add(q, l, e)->most = most;
}

/* Nothing of it is ours to read any more. */
static bool drop_foreign(struct queues *q, struct queue *e)
{
	if (delivery_owns(q->delivery, e->lane))
		return false;
	set_state(q, e, QUEUE_HELD);
	tidy(q, e);
	return true;
}

static struct queue *of_wanting(struct list *node)
{
	return LIST_OBJECT(node, struct queue, wanting);
}

static unsigned length(const struct list *list, unsigned most)
{
	unsigned count = 0;

	for (const struct list *node = list->next; node != list && count < most; node = node->next)
		count++;
	return count;
}

static void ask_checks(struct queues *q, struct load *l)
{
	const unsigned count = length(&q->checks, STORE_QUEUES_MAX / 2);
	const unsigned each = PAGE_ROWS / (count > 0 ? count : 1);

	for (unsigned i = 0; i < count; i++) {
		struct queue *e = of_wanting(q->checks.next);

		if (drop_foreign(q, e))
			continue;
		/* A first look need not read what there is no room for. */
		if (e->state == QUEUE_CLOSING && e->seq == 0 &&
		    !queues_room_read(q->delivery, message_queue_class(e->id)))
			set_state(q, e, QUEUE_LONG);
		else
			ask(q, l, e, each > CHECK_ROWS_MIN ? each : CHECK_ROWS_MIN);
	}
}

/* Long queues of one class, until so many rows are asked for in all. */
static void ask_hungry(struct queues *q, struct load *l, unsigned class, unsigned upto)
{
	const unsigned room = left(q->delivery, read_eighths[class]);
	const unsigned worth = q->delivery->settings.max_items / 8;
	struct list *const hungry = &q->hungry[class];

	if (room < (worth < WORTH_ROWS ? worth : WORTH_ROWS))
		return;
	if (upto > l->rows + room)
		upto = l->rows + room;
	while (!list_empty(hungry) && l->rows < upto && q->ask_count < STORE_QUEUES_MAX) {
		/* The analyser takes the next one for the one that was freed. */
		// NOLINTNEXTLINE(clang-analyzer-unix.Malloc)
		struct queue *e = of_wanting(hungry->next);
		unsigned most = share(q) > e->held ? share(q) - e->held : 1;

		if (drop_foreign(q, e))
			continue;
		if (!is_hungry(q, e)) {
			list_remove(&e->wanting);
			continue;
		}
		if (most > upto - l->rows)
			most = upto - l->rows;
		l->rows += most;
		ask(q, l, e, most);
	}
}

static bool behind_due(const struct queues *q)
{
	return !list_empty(&q->longs) &&
	       now_ms(q) >= LIST_OBJECT(q->longs.next, struct queue, longs)->behind.next_ms;
}

/* The next page of a look behind the position. */
static void add_behind(struct queues *q, struct load *l, struct queue *e)
{
	struct store_queue_load *page = add(q, l, e);

	q->asks[q->ask_count - 1].behind = true;
	if (e->behind.seq == 0) {
		e->behind.begun_ms = now_ms(q);
		e->behind.whole = now_ms(q) >= e->behind.whole_ms;
	}
	e->cut_behind = false;
	e->got_behind = 0;
	page->above = e->behind.seq;
	page->last = e->seq;
	page->most = BEHIND_ROWS;
	if (!e->behind.whole)
		page->due_after_wall_us =
			l->wall_us - 1000 * (now_ms(q) - e->behind.before_ms + BEHIND_SLACK_MS);
}

/* The one that is looked at goes to the end. */
static void behind_later(struct queues *q, struct queue *e)
{
	e->behind.next_ms = now_ms(q) + BEHIND_MS;
	list_remove(&e->longs);
	list_append(&q->longs, &e->longs);
}

static void ask_behind(struct queues *q, struct load *l)
{
	for (unsigned i = 0; i < BEHIND_QUEUES && behind_due(q); i++) {
		struct queue *e = LIST_OBJECT(q->longs.next, struct queue, longs);

		if (q->ask_count == STORE_QUEUES_MAX)
			return;
		behind_later(q, e);
		if (e->seq > 0 && delivery_owns(q->delivery, e->lane))
			add_behind(q, l, e);
	}
}

/* A full page is followed by the next one at once, unless there was no room for it. */
static void behind_ended(struct queues *q, struct queue *e, bool loaded)
{
	if (e->state != QUEUE_LONG || !loaded || e->cut_behind)
		return;
	if (e->got_behind >= BEHIND_ROWS) {
		e->behind.next_ms = now_ms(q);
		list_remove(&e->longs);
		list_append(q->longs.next, &e->longs); /* the first one */
		return;
	}
	e->behind.seq = 0;
	e->behind.before_ms = e->behind.begun_ms;
	if (e->behind.whole)
		e->behind.whole_ms = e->behind.begun_ms + WHOLE_MS;
}

/* A class below this one wants rows. */
static bool lower_wants(const struct queues *q, unsigned class)
{
	while (++class < MESSAGE_CLASSES) {
		if (!list_empty(&q->hungry[class]))
			return true;
	}
	return false;
}

/* Higher classes first; each leaves half of what is left to those below it. */
static void ask_long(struct queues *q, struct load *l)
{
	for (unsigned c = 0; c < MESSAGE_CLASSES; c++) {
		const unsigned rest = PAGE_ROWS - l->rows;

		ask_hungry(q, l, c, l->rows + (lower_wants(q, c) ? rest / 2 : rest));
	}
}

static bool wants(const struct queues *q)
{
	return !list_empty(&q->hungry[0]) || lower_wants(q, 0) || !list_empty(&q->checks) ||
	       behind_due(q);
}

static void on_again(void *arg)
{
	struct queues *q = arg;

	q->timer = 0; /* the hook that follows asks */
}

static void ask_later(struct queues *q)
{
	if (!q->timer)
		q->timer = loop_timer(q->delivery->world->loop, now_ms(q) + AGAIN_MS, on_again, q);
}

bool queues_pump(struct queues *q)
{
	struct delivery *d = q->delivery;
	struct load l = { .rows = 0 };
	struct err err;

	if (q->ask_count || q->timer || d->draining || !wants(q) || !lanes_ours(d->lanes))
		return false;
	l.wall_us = clock_wall_us();
	ask_checks(q, &l);
	ask_long(q, &l);
	ask_behind(q, &l);
	if (!q->ask_count)
		return false;
	if (store_load_queues(d->world->store, LOAD_SENDS, l.pages, q->ask_count, &err))
		queues_loaded(q, false);
	return true;
}

/* -- answers ---------------------------------------------------------------------------- */

/* It is of a page, not from behind its queue's position. */
static bool is_ahead(const struct queue *e, const struct store_work *row)
{
	return e->asked && row->message.seq > e->asked_seq;
}

bool queues_may_take(struct queues *q, const struct store_work *row)
{
	struct queue *e = find(q, row->message.queue);

	bool room;

	if (!e || (is_ahead(e, row) ? e->cut : e->cut_behind))
		return false;
	/* What is behind comes in beside what was read ahead. */
	room = queues_room_read(q->delivery, message_queue_class(e->id)) &&
	       (is_ahead(e, row) || e->held < share(q) + BEHIND_ROWS);
	if (room || item_of_row(q->delivery, row))
		return true;
	/* It is read again, and all behind it, or it would be overtaken. */
	*(is_ahead(e, row) ? &e->cut : &e->cut_behind) = true;
	return false;
}

/* A new one that was read in its turn need not wait for that. */
static void ungate(struct item *item)
{
	if (!item->gated)
		return;
	item->gated = false;
	if (list_empty(&item->queue))
		return; /* on its way to the gate */
	list_remove(&item->queue);
	item_enter(item, STEP_TURN);
}

void queues_took(struct queues *q, const struct store_work *row, bool known)
{
	struct queue *e = find(q, row->message.queue);
	struct item *item = item_of_row(q->delivery, row);

	if (!e)
		return;
	if (!is_ahead(e, row)) {
		e->got_behind++;
		e->behind.seq = row->message.seq;
		return;
	}
	if (item)
		ungate(item);
	e->got++;
	e->fresh = item && !known;
	if (row->message.seq > e->seq)
		e->seq = row->message.seq;
}

static void page_ended(struct queues *q, struct queue *e, bool loaded)
{
	const bool full = e->cut || e->got >= e->most;
	const bool fresh = e->cut || e->fresh;

	e->asked = false;
	e->among_held = full && !fresh;
	if (e->restart || !loaded) {
		if (e->restart)
			e->seq = 0;
		e->restart = false;
		set_state(q, e, e->state);
	} else if (!full) {
		set_state(q, e, e->state == QUEUE_LONG ? QUEUE_CLOSING : QUEUE_HELD);
	} else if (e->state == QUEUE_CHECKED && !e->cut) {
		set_state(q, e, fresh ? QUEUE_CLOSING : QUEUE_CHECKED);
	} else {
		set_state(q, e, fresh ? QUEUE_LONG : e->state);
	}
	tidy(q, e);
}

void queues_loaded(struct queues *q, bool loaded)
{
	const unsigned count = q->ask_count;

	q->ask_count = 0;
	for (unsigned i = 0; i < count; i++) {
		struct queue *e = find(q, q->asks[i].id);

		if (!e)
			continue;
		if (q->asks[i].behind)
			behind_ended(q, e, loaded);
		else
			page_ended(q, e, loaded);
	}
	if (!loaded)
		ask_later(q);
	else
		(void)queues_pump(q);
}

bool queues_crowded(const struct item *item)
{
	const struct queue *e = item->stock;

	return e && e->state == QUEUE_LONG && e->held > share(item->delivery->queues) / 2;
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
	if (list_empty(&e->wanting) && is_hungry(q, e))
		list_append(&q->hungry[message_queue_class(e->id)], &e->wanting);
	tidy(q, e);
}
