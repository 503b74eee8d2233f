/*
 * queue - writes waiting for the next batch, in order of submission, found by message.
 *
 * A batch runs its statements in a fixed order of kinds (op.h), so two writes of one message
 * share a batch only when that order is also the order they came in.
 */
#ifndef STORE_QUEUE_H
#define STORE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/list.h"
#include "base/table.h"
#include "store/op.h"

struct queue {
	struct list ops;
	struct table *by_id; /* the last one of each message */
	unsigned count;
	uint64_t serial;  /* of the last one added */
	unsigned cancels; /* at its head, and releases */
};

int queue_init(struct queue *q) MUST_CHECK;
/* Frees what is left in it. */
void queue_fini(struct queue *q);

void queue_add(struct queue *q, struct op *op);
/* At the head: to be settled before anything else happens. */
void queue_add_cancel(struct queue *q, struct op *op);
void queue_remove(struct queue *q, struct op *op);
/* Those of this message, in order, to the end of `to`. */
void queue_take_message(struct queue *q, struct message_id id, struct list *to);
/* The last one waiting for this message, or null. */
struct op *queue_last(const struct queue *q, struct message_id id);
/* Null: empty. */
struct op *queue_first(const struct queue *q);

/* Takes the next batch: at most rows ops and about `bytes` bytes, at least one op if there
 * is any.  Returns how many. */
unsigned queue_take(struct queue *q, struct op **ops, unsigned rows, size_t bytes);

#endif
