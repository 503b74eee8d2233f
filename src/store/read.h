/*
 * read - what the writer's connection does between batches: loads, changes of lanes, upkeep.
 * Each is one transaction whose last result is the one that counts.
 */
#ifndef STORE_READ_H
#define STORE_READ_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "domain/message_id.h"
#include "store/array.h"
#include "store/op.h"
#include "store/upkeep.h"

/* Queues the op's statements, without the sync.  0, or -1: libpq or memory failed. */
int read_send(const struct op *op, const struct upkeep *upkeep, PGconn *handle,
	      struct array *memory, struct message_id self, int64_t now_wall_us) MUST_CHECK;

/* One of its results; taken over.  True: it was the sync, and the op is done. */
bool read_result(struct op *op, PGresult *result);

#endif
