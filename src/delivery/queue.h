/*
 * queue - what is known of one queue, and of all (queues.h).  Private to queues.c and queue_load.c.
 */
#ifndef DELIVERY_QUEUE_H
#define DELIVERY_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/table.h"
#include "delivery/item.h"
#include "delivery/queues.h"

#define QUEUE_BEHIND_MS 5000 /* what is behind the position of a long queue is looked for */
#define QUEUE_WHOLE_MS 60000 /* … all of it, due since whenever */

enum queue_state { QUEUE_HELD = 0, QUEUE_CHECKED, QUEUE_CLOSING, QUEUE_LONG };

struct queue {
	struct list wanting; /* in queues.checks or .hungry, when rows are wanted */
	struct list longs; /* in queues.longs, when long; the one looked behind last is the last */
	struct list gated; /* items that wait for a page that is to be asked for … */
	struct list covered; /* … and for the one that is under way */
	uint64_t id;         /* message_queue() */
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
	uint64_t back; /* what is above this came too late for it; UINT64_MAX: nothing did */
	bool cut;      /* there was no room for a row of it … */
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

int64_t queues_now_ms(const struct queues *q);
/* Null: nothing is known of it. */
struct queue *queues_find(const struct queues *q, uint64_t id);
/* Frees it, when there is nothing to be known of it any more. */
void queues_tidy(struct queues *q, struct queue *e);
/* It is read, or let go on, as its state says. */
void queues_set_state(struct queues *q, struct queue *e, enum queue_state state);
/* How many more items may be read of this class. */
unsigned queues_left_to_read(const struct delivery *d, enum message_class class);
/* How many items of a long queue are held. */
unsigned queues_share(const struct queues *q);
/* It is long, short of rows, and none are on their way. */
bool queues_is_hungry(const struct queues *q, const struct queue *e);

#endif
