/*
 * One load is under way at most.  It asks for pages: of queues that are checked or closing a few
 * rows each, of long ones as much as their shares lack, and of some long ones, every few seconds,
 * what became due behind their positions since the last time (retries, or seqs that committed
 * late), and once a minute whatever is there: page by page, beside what is read ahead.
 */
#include "base/clock.h"
#include "delivery/queue.h"

#define PAGE_ROWS 256 /* writes wait behind each load */
#define CHECK_ROWS_MIN 8
#define WORTH_ROWS 32         /* with less room than that long queues wait */
#define BEHIND_SLACK_MS 15000 /* due_at is the begin of a transaction */
#define BEHIND_ROWS 64
#define BEHIND_QUEUES 8 /* of a load */
#define AGAIN_MS 200    /* the store could not tell */

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
	struct list *node;

	list_remove(&e->wanting);
	while ((node = list_take_first(&e->gated)))
		list_append(&e->covered, node);
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
	queues_set_state(q, e, QUEUE_HELD);
	queues_tidy(q, e);
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
			queues_set_state(q, e, QUEUE_LONG);
		else
			ask(q, l, e, each > CHECK_ROWS_MIN ? each : CHECK_ROWS_MIN);
	}
}

/* Long queues of one class, until so many rows are asked for in all. */
static void ask_hungry(struct queues *q, struct load *l, unsigned class, unsigned upto)
{
	const unsigned room = queues_left_to_read(q->delivery, class);
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
		unsigned most = queues_share(q) > e->held ? queues_share(q) - e->held : 1;

		if (drop_foreign(q, e))
			continue;
		if (!queues_is_hungry(q, e)) {
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
	       queues_now_ms(q) >= LIST_OBJECT(q->longs.next, struct queue, longs)->behind.next_ms;
}

/* The next page of a look behind the position. */
static void add_behind(struct queues *q, struct load *l, struct queue *e)
{
	struct store_queue_load *page = add(q, l, e);

	q->asks[q->ask_count - 1].behind = true;
	if (e->behind.seq == 0) {
		e->behind.begun_ms = queues_now_ms(q);
		e->behind.whole = queues_now_ms(q) >= e->behind.whole_ms;
	}
	e->cut_behind = false;
	e->got_behind = 0;
	page->above = e->behind.seq;
	page->last = e->seq;
	page->most = BEHIND_ROWS;
	if (!e->behind.whole)
		page->due_after_wall_us =
			l->wall_us -
			1000 * (queues_now_ms(q) - e->behind.before_ms + BEHIND_SLACK_MS);
}

/* The one that is looked at goes to the end. */
static void behind_later(struct queues *q, struct queue *e)
{
	e->behind.next_ms = queues_now_ms(q) + QUEUE_BEHIND_MS;
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
		e->behind.next_ms = queues_now_ms(q);
		list_remove(&e->longs);
		list_append(q->longs.next, &e->longs); /* the first one */
		return;
	}
	e->behind.seq = 0;
	e->behind.before_ms = e->behind.begun_ms;
	if (e->behind.whole)
		e->behind.whole_ms = e->behind.begun_ms + QUEUE_WHOLE_MS;
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
		q->timer = loop_timer(q->delivery->world->loop, queues_now_ms(q) + AGAIN_MS,
				      on_again, q);
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
	struct queue *e = queues_find(q, row->message.queue);

	bool room;

	if (!e || (is_ahead(e, row) ? e->cut : e->cut_behind))
		return false;
	/* What is behind comes in beside what was read ahead. */
	room = queues_room_read(q->delivery, message_queue_class(e->id)) &&
	       (is_ahead(e, row) || e->held < queues_share(q) + BEHIND_ROWS);
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
	struct queue *e = queues_find(q, row->message.queue);
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

/* All that was before these when they came is in memory. */
static void let_covered_go(struct queue *e)
{
	while (!list_empty(&e->covered))
		ungate(LIST_OBJECT(e->covered.next, struct item, queue));
}

static void page_ended(struct queues *q, struct queue *e, bool loaded)
{
	const bool more_came = e->back != UINT64_MAX;
	const bool full = e->cut || e->got >= e->most;
	const bool fresh = e->cut || e->fresh;

	e->asked = false;
	e->among_held = full && !fresh;
	if (e->back < e->seq)
		e->seq = e->back;
	e->back = UINT64_MAX;
	if (!loaded) {
		queues_set_state(q, e, e->state);
	} else if (!full) {
		let_covered_go(e);
		queues_set_state(q, e,
				 e->state == QUEUE_LONG || more_came ? QUEUE_CLOSING : QUEUE_HELD);
	} else if (e->state == QUEUE_CHECKED && !e->cut) {
		queues_set_state(q, e, fresh ? QUEUE_CLOSING : QUEUE_CHECKED);
	} else {
		queues_set_state(q, e, fresh ? QUEUE_LONG : e->state);
	}
	queues_tidy(q, e);
}

void queues_loaded(struct queues *q, bool loaded)
{
	const unsigned count = q->ask_count;

	q->ask_count = 0;
	for (unsigned i = 0; i < count; i++) {
		struct queue *e = queues_find(q, q->asks[i].id);

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
