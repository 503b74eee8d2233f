/*
 * queues - of which queues the store has more than this worker holds, and what is to be read of
 * them next.  Private to delivery.  (A queue: messages of one tenant, outlet and class.)
 *
 * A queue is
 *   held     all its due work is in memory, as far as is known; most have no entry here at all
 *   checked  a look has found it in the store: its rows are being read, to see which are not held
 *   closing  it is expected to be held when the page that is being read has come: what comes new
 *            is taken, and waits for that page at the gate
 *   long     more waits in the store than is held: what comes new stays there, behind the others
 *
 * Invariants
 *  Q1  Within a queue work is taken into memory in order of seq; nothing new overtakes what the
 *      store is known to hold before it.
 *  Q2  No queue holds more than its share of the room, wherever it came from, and a lower class
 *      leaves room for a higher.  (Places given out, and a page from behind, may come on top.)
 *  Q3  What is behind a long queue's position and becomes due is found within seconds.
 */
#ifndef DELIVERY_QUEUES_H
#define DELIVERY_QUEUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/list.h"
#include "domain/message.h"
#include "store/store.h"

struct bell_ring;
struct delivery;
struct item;
struct queue;
struct queues;

/* Null: no memory. */
struct queues *queues_new(struct delivery *d) MUST_CHECK;
void queues_free(struct queues *q);

/* What becomes of a message that comes new. */
enum queue_entry {
	QUEUE_OPEN = 0, /* nothing of its queue is before it in the store */
	QUEUE_GATED,    /* it may become an item, which waits (item.gated) */
	QUEUE_SHUT,     /* it stays in the store */
};
enum queue_entry queues_entry(const struct queues *q, const struct message *message);
/* This one is left in the store: so are those that follow, until it is read. */
void queues_leave(struct queues *q, const struct message *message);
/* A gated item wants its turn.  QUEUE_GATED: it waits until told (item_enter(STEP_TURN)). */
enum queue_entry queues_pass(struct item *item);

/* Room for one more item: of this class, read from the store; or this one, which comes new. */
bool queues_room_read(const struct delivery *d, enum message_class class);
bool queues_room_new(const struct queues *q, const struct message *message);

/* A look has found it in the store.  bells_lost: rows of it may have come without a bell. */
void queues_found(struct queues *q, const struct store_queue *found, bool bells_lost);
/* Rows of it were committed that did not come whole: what comes new waits until they are read. */
void queues_rung(struct queues *q, const struct bell_ring *ring);
/* All that is known of these lanes' queues is to be read anew. */
void queues_restart(struct queues *q, uint64_t lanes);

/* Asks for the next rows, when some are wanted and none are on their way. */
bool queues_pump(struct queues *q);
/* A row of that, before it is taken.  False: there is no room for it, or for one before it. */
bool queues_may_take(struct queues *q, const struct store_work *row) MUST_CHECK;
/* It was; known: it had been an item before. */
void queues_took(struct queues *q, const struct store_work *row, bool known);
/* All rows have come; or the store could not tell. */
void queues_loaded(struct queues *q, bool loaded);
/* It is one of more than half the share of a long queue: when it has to wait for long, it waits in
 * the store, and lets others come. */
bool queues_crowded(const struct item *item);
/* The item counts in its queue, until it goes or has been sent (then once more is allowed). */
void queues_item_new(struct item *item);
void queues_item_gone(struct item *item);

#endif
