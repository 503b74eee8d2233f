#include "store/read.h"

#include "store/connection.h"
#include "store/count.h"
#include "store/holds.h"
#include "store/lease.h"
#include "store/load.h"
#include "store/unknown.h"
#include "store/upkeep.h"

static int cancel_send(const struct op *op, PGconn *handle, struct array *memory)
{
	struct array_values v;

	array_reset(memory);
	array_uuid(memory, op->id);
	array_uuid(memory, op->row.cancel_after);
	array_int4(memory, STORE_CANCEL_PAGE);
	return array_values(memory, &v) && PQsendQueryPrepared(handle, "batch_cancel", v.count,
							       v.values, v.lengths, v.formats, 1)
		       ? 0
		       : -1;
}

int read_send(const struct op *op, const struct upkeep *upkeep, PGconn *handle,
	      struct array *memory, struct message_id self, int64_t now_wall_us)
{
	if (upkeep_is(op))
		return upkeep_send(upkeep, op, handle);
	switch (op->kind) {
	case OP_LANES:
		return lease_send(handle, memory, self, op->row.lanes);
	case OP_HOLDS:
		return holds_send(op->row.holds_version, handle, memory);
	case OP_COUNT:
		return count_send(&op->row.count, handle, memory);
	case OP_HOLD:
	case OP_HOLD_RELEASE:
		return holds_send_change(op, handle, memory);
	case OP_CANCEL_BATCH:
		return cancel_send(op, handle, memory);
	case OP_LOAD_IDS:
		return load_send_ids(op->row.load_ids, handle, memory);
	case OP_LOAD_QUEUES:
		return load_send_queues(op->row.load_queues, handle, memory, now_wall_us);
	case OP_QUEUES:
		return load_send_census(&op->row.queues, handle, memory, now_wall_us);
	case OP_LOAD_UNKNOWN:
		return unknown_send(&op->row.load_unknown, handle, memory);
	default:
		return load_send(&op->row.load, handle, memory, now_wall_us);
	}
}

bool read_result(struct op *op, PGresult *result)
{
	const ExecStatusType status = PQresultStatus(result);

	if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
		PQclear(op->result);
		op->result = result;
		return false;
	}
	if (status != PGRES_PIPELINE_ABORTED && status != PGRES_PIPELINE_SYNC)
		connection_describe(result, &op->err);
	if (status != PGRES_PIPELINE_SYNC)
		op->verdict = STORE_AWAY;
	PQclear(result);
	return status == PGRES_PIPELINE_SYNC;
}
