/*
 * lease - the statements of one change of lanes (store_lanes), and the view that it ends with.
 *
 * One transaction: the incarnations it is about are locked in one order, our lease is
 * renewed, others are fenced, lanes released and taken; last comes the view.
 */
#ifndef STORE_LEASE_H
#define STORE_LEASE_H

#include <libpq-fe.h>

#include "base/compiler.h"
#include "domain/message_id.h"
#include "store/array.h"
#include "store/op.h"
#include "store/queue.h"
#include "store/store.h"

/* Queues the statements, without the sync.  0, or -1: libpq or memory failed. */
int lease_send(PGconn *handle, struct array *memory, struct message_id self,
	       const struct store_lanes *change) MUST_CHECK;

/* Takes a change into the list of those that wait. */
void lease_put(struct list *lanes, struct op *op, const struct queue *queue);

/* May the first of the changes that wait be sent now?  A renewal waits for nothing but the answer
 * to what is in flight, or a batch that is refused again and again would cost us the lease.  A
 * release goes behind what was submitted before it. */
bool lease_due(const struct list *lanes, const struct queue *queue, bool in_batch);

/* The last result; null or of another shape: an empty view. */
void lease_view(const PGresult *result, struct message_id self, struct store_lanes_view *ret_view);

#endif
