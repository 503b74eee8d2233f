#include "store/lease.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* The columns of sql/statements/lanes_view.sql. */
enum column { ID = 0, NODE_ID, BOOT_ID, NODE_FILE, DRAINING, LEASE_LEFT, LANES, HELD, COLUMNS };

static int send_one(PGconn *handle, const struct array *memory, const char *name)
{
	struct array_values v;

	return array_values(memory, &v) && PQsendQueryPrepared(handle, name, v.count, v.values,
							       v.lengths, v.formats, 1)
		       ? 0
		       : -1;
}

static int send_lock(PGconn *handle, struct array *a, struct message_id self,
		     const struct store_lanes *change)
{
	array_reset(a);
	array_begin(a, ARRAY_UUID, change->fence_count + 1);
	array_put_uuid(a, self);
	for (unsigned i = 0; i < change->fence_count; i++)
		array_put_uuid(a, change->fence[i].id);
	return send_one(handle, a, "lanes_lock");
}

static int send_renew(PGconn *handle, struct array *a, struct message_id self,
		      const struct store_lanes *change)
{
	array_reset(a);
	array_uuid(a, self);
	array_bool(a, change->draining);
	return send_one(handle, a, "lanes_renew");
}

static int send_fence(PGconn *handle, struct array *a, const struct store_lanes *change)
{
	if (!change->fence_count)
		return 0;
	array_reset(a);
	array_begin(a, ARRAY_UUID, change->fence_count);
	for (unsigned i = 0; i < change->fence_count; i++)
		array_put_uuid(a, change->fence[i].id);
	array_begin(a, ARRAY_BOOL, change->fence_count);
	for (unsigned i = 0; i < change->fence_count; i++)
		array_put_bool(a, change->fence[i].dead);
	return send_one(handle, a, "lanes_fence");
}

static int send_lanes(PGconn *handle, struct array *a, struct message_id self, uint64_t lanes,
		      const char *name)
{
	if (!lanes)
		return 0;
	array_reset(a);
	array_uuid(a, self);
	array_bits(a, lanes);
	return send_one(handle, a, name);
}

int lease_send(PGconn *handle, struct array *memory, struct message_id self,
	       const struct store_lanes *change)
{
	if (send_lock(handle, memory, self, change) || send_renew(handle, memory, self, change) ||
	    send_fence(handle, memory, change) ||
	    send_lanes(handle, memory, self, change->release, "lanes_release") ||
	    send_lanes(handle, memory, self, change->take, "lanes_take"))
		return -1;
	array_reset(memory);
	return send_one(handle, memory, "lanes_view");
}

void lease_put(struct list *lanes, struct op *op, const struct queue *queue)
{
	op->barrier = op->row.lanes->release ? queue->serial : 0;
	list_append(lanes, &op->node);
}

bool lease_due(const struct list *lanes, const struct queue *queue, bool in_batch)
{
	const struct op *first = queue_first(queue);
	const struct op *op;

	if (list_empty(lanes))
		return false;
	op = LIST_OBJECT(lanes->next, struct op, node);
	return !op->barrier || (!in_batch && (!first || first->serial > op->barrier));
}

static int64_t number(const PGresult *result, int row, enum column c)
{
	return array_read_int(PQgetvalue(result, row, (int)c), PQgetlength(result, row, (int)c));
}

static struct message_id uuid(const PGresult *result, int row, enum column c)
{
	struct message_id id = { { 0 } };

	if (PQgetlength(result, row, (int)c) == (int)sizeof(id.bytes))
		memcpy(id.bytes, PQgetvalue(result, row, (int)c), sizeof(id.bytes));
	return id;
}

void lease_view(const PGresult *result, struct message_id self, struct store_lanes_view *ret_view)
{
	*ret_view = (struct store_lanes_view){ .fenced = true };
	if (!result || PQnfields(result) != COLUMNS)
		return;
	for (int row = 0; row < PQntuples(result) && row < STORE_LIVE_MAX; row++) {
		struct store_incarnation *i = &ret_view->live[ret_view->count++];

		i->id = uuid(result, row, ID);
		i->node_id = uuid(result, row, NODE_ID);
		text_copy_cut(i->boot_id, sizeof(i->boot_id), PQgetvalue(result, row, BOOT_ID));
		text_copy_cut(i->node_file, sizeof(i->node_file),
			      PQgetvalue(result, row, NODE_FILE));
		i->draining = number(result, row, DRAINING) != 0;
		i->lease_left_ms = number(result, row, LEASE_LEFT);
		i->lanes = (uint64_t)number(result, row, LANES);
		ret_view->held = number(result, row, HELD) != 0;
		if (message_id_equal(i->id, self))
			ret_view->fenced = false;
	}
}
