/*
 * batch_private - how rows become parameters: what the files of the batch share.
 */
#ifndef STORE_BATCH_PRIVATE_H
#define STORE_BATCH_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include "domain/message_id.h"
#include "store/array.h"
#include "store/op.h"

struct fill_context {
	struct message_id incarnation;
	int64_t now_wall_us; /* statements put times off by the server's clock, from this one */
	bool fenced;
	const struct store_again *again;
};

/* One parameter array: `put` for each op. */
#define COLUMN(a, type, put, value)                  \
	do {                                         \
		array_begin(a, type, count);         \
		for (unsigned i = 0; i < count; i++) \
			put(a, value);               \
	} while (0)

void batch_put_ids(struct array *a, struct op *const *ops, unsigned count);
/* Key, fingerprint and time of requests, nulls without a key. */
void batch_put_keys(struct array *a, struct op *const *ops, unsigned count);

/* Ops are sorted: the bounds that let partitions be skipped. */
void batch_put_bounds(struct array *a, struct op *const *ops, unsigned count);

/* Of outcome.sql and settle.sql. */
void batch_fill_outcome(struct array *a, struct op *const *ops, unsigned count,
			const struct fill_context *context);
void batch_fill_settle(struct array *a, struct op *const *ops, unsigned count,
		       const struct fill_context *context);

/* Of batch_open.sql and batch_close.sql. */
void batch_fill_open(struct array *a, struct op *const *ops, unsigned count,
		     const struct fill_context *context);
void batch_fill_close(struct array *a, struct op *const *ops, unsigned count,
		      const struct fill_context *context);

#endif
