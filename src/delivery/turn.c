/*
 * A queue lives as long as it has entries.  Its first entry that is not passed is the one all
 * others wait for; the clock of `hold_ms` runs for that one only, from the moment somebody
 * waits behind it.  What a worker before us had under way has a clock that ran there, too.
 */
#include "delivery/turn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/table.h"
#include "domain/recipient.h"

/* Class, tenant, outlet, recipient, and what stands between them; none holds a blank. */
#define KEY_BYTES (2 + 2 * (MESSAGE_TOKEN_MAX + 1) + RECIPIENT_BYTES)

struct turn_queue {
	struct turns *turns;
	struct list entries;
	size_t key_len;
	char key[];
};

struct turns {
	struct loop *loop;
	struct table *queues;
	int64_t hold_ms;
	turn_come_fn *fn;
	void *arg;
};

struct turns *turns_new(struct loop *loop, size_t max, int64_t hold_ms, turn_come_fn *fn, void *arg)
{
	struct turns *turns = calloc(1, sizeof(*turns));

	if (!turns)
		return NULL;
	*turns = (struct turns){ .loop = loop, .hold_ms = hold_ms, .fn = fn, .arg = arg };
	turns->queues = table_new(max);
	if (turns->queues)
		return turns;
	free(turns);
	return NULL;
}

static void free_queue(void *arg, void *object)
{
	struct turn_queue *queue = object;
	struct turns *turns = arg;

	(void)table_remove(turns->queues, queue->key, queue->key_len);
	free(queue);
}

void turns_free(struct turns *turns)
{
	if (!turns)
		return;
	table_visit(turns->queues, free_queue, turns);
	table_free(turns->queues);
	free(turns);
}

static size_t key_of(char key[KEY_BYTES], const struct message *m)
{
	const int len = snprintf(key, KEY_BYTES, "%d %s %s %s", (int)m->class, m->tenant_id,
				 m->outlet_id, m->recipient);

	return len < 0 ? 0 : len < KEY_BYTES ? (size_t)len : KEY_BYTES - 1;
}

static struct turn_queue *open_queue(struct turns *turns, const char *key, size_t key_len)
{
	struct turn_queue *queue = table_find(turns->queues, key, key_len);

	if (queue)
		return queue;
	queue = malloc(sizeof(*queue) + key_len);
	if (!queue)
		return NULL;
	queue->turns = turns;
	list_init(&queue->entries);
	queue->key_len = key_len;
	memcpy(queue->key, key, key_len);
	if (table_insert(turns->queues, queue->key, key_len, queue))
		return queue;
	free(queue);
	return NULL;
}

/* The node before which a message with this seq stands. */
static struct list *place_of(struct turn_queue *queue, uint64_t seq)
{
	struct list *node = &queue->entries;

	while (seq && node->prev != &queue->entries &&
	       LIST_OBJECT(node->prev, struct turn, link)->seq > seq)
		node = node->prev;
	return node;
}

bool turn_join(struct turns *turns, struct turn *entry, const struct message *message)
{
	char key[KEY_BYTES];
	const size_t key_len = key_of(key, message);
	struct turn_queue *queue = open_queue(turns, key, key_len);

	if (!queue)
		return false;
	*entry = (struct turn){
		.queue = queue,
		.seq = message->seq,
		.accepted_wall_us = message->accepted_wall_us,
	};
	list_append(place_of(queue, message->seq), &entry->link);
	return true;
}

void turn_has_begun(struct turn *entry, int64_t begun_wall_us)
{
	entry->begun_wall_us = begun_wall_us;
}

/* The entry that all behind it wait for; null: none. */
static struct turn *blocker(const struct turn_queue *queue)
{
	for (struct list *node = queue->entries.next; node != &queue->entries; node = node->next) {
		struct turn *entry = LIST_OBJECT(node, struct turn, link);

		if (!entry->passed)
			return entry;
	}
	return NULL;
}

/* Since when `first` holds `next` up. */
static int64_t since_ms(const struct turns *turns, const struct turn *first,
			const struct turn *next)
{
	const int64_t wall_us = first->begun_wall_us > next->accepted_wall_us
					? first->begun_wall_us
					: next->accepted_wall_us;
	const int64_t ago_ms = first->begun_wall_us ? (clock_wall_us() - wall_us) / 1000 : 0;

	return loop_now_ms(turns->loop) - (ago_ms > 0 ? ago_ms : 0);
}

static void on_held(void *arg);

/* Lets the first in turn begin, and watches it while somebody waits behind it. */
static void look(struct turn_queue *queue)
{
	struct turns *turns = queue->turns;
	struct turn *first = blocker(queue);
	struct turn *next = NULL; /* that waits */

	if (!first)
		return;
	if (first->waiting) {
		first->waiting = false;
		turns->fn(turns->arg, first);
	}
	for (struct list *node = first->link.next; node != &queue->entries && !next;
	     node = node->next) {
		struct turn *entry = LIST_OBJECT(node, struct turn, link);

		if (entry->waiting)
			next = entry;
	}
	if (!next || first->timer)
		return;
	if (!first->pass_ms)
		first->pass_ms = since_ms(turns, first, next) + turns->hold_ms;
	first->timer = loop_timer(turns->loop, first->pass_ms, on_held, first);
}

static void on_held(void *arg)
{
	struct turn *entry = arg;

	entry->timer = 0;
	entry->passed = true;
	look(entry->queue);
}

bool turn_may_begin(struct turns *turns, struct turn *entry)
{
	(void)turns;
	if (!entry->queue || entry->passed || blocker(entry->queue) == entry)
		return true;
	entry->waiting = true;
	look(entry->queue);
	return false;
}

bool turn_is_free(const struct turns *turns, const struct message *message)
{
	char key[KEY_BYTES];
	const size_t key_len = key_of(key, message);
	const struct turn_queue *queue = table_find(turns->queues, key, key_len);

	return !queue || !blocker(queue);
}

void turn_leave(struct turns *turns, struct turn *entry)
{
	struct turn_queue *queue = entry->queue;

	if (!queue)
		return;
	loop_cancel(turns->loop, entry->timer);
	list_remove(&entry->link);
	*entry = (struct turn){ .queue = NULL };
	if (list_empty(&queue->entries))
		free_queue(turns, queue);
	else
		look(queue);
}

void turn_hand_over(struct turns *turns, struct turn *from, struct turn *to)
{
	*to = *from;
	to->timer = 0;
	if (!from->queue)
		return;
	list_append(&from->link, &to->link); /* behind `from`, which then goes */
	loop_cancel(turns->loop, from->timer);
	list_remove(&from->link);
	*from = (struct turn){ .queue = NULL };
	look(to->queue);
}
