#include "store/upkeep.h"

#include "store/array.h"

#define PARTITIONS_MS (24 * 3600 * 1000)
#define EXPIRE_MS (3600 * 1000)
#define EXPIRE_ROWS 1000      /* so many at a time (expire.sql) … */
#define EXPIRE_AGAIN_MS 250   /* … and when there were so many, the next */
#define FAILED_MS (60 * 1000) /* after one that failed */

static void submit_when_due(struct list *ops, enum op_kind kind, int64_t *at_ms, int64_t now_ms)
{
	const struct message_id none = { { 0 } };
	struct op *op;

	if (now_ms < *at_ms)
		return;
	op = op_new(kind, 0, none, now_ms);
	if (!op)
		return;
	*at_ms = INT64_MAX; /* until it is known how it ended */
	list_append(ops, &op->node);
}

void upkeep_submit(struct upkeep *u, struct list *ops, int64_t now_ms)
{
	submit_when_due(ops, OP_UPKEEP, &u->partitions_at_ms, now_ms);
	submit_when_due(ops, OP_EXPIRE, &u->expire_at_ms, now_ms);
}

bool upkeep_is(const struct op *op)
{
	return op->kind == OP_UPKEEP || op->kind == OP_EXPIRE;
}

int upkeep_send(const struct op *op, PGconn *handle)
{
	const char *name = op->kind == OP_EXPIRE ? "expire" : "partitions";

	return PQsendQueryPrepared(handle, name, 0, NULL, NULL, NULL, 1) ? 0 : -1;
}

/* A full batch is not the last. */
static bool more_expired(const PGresult *result)
{
	return result && PQntuples(result) == 1 &&
	       array_read_int(PQgetvalue(result, 0, 0), PQgetlength(result, 0, 0)) >= EXPIRE_ROWS;
}

void upkeep_ended(struct upkeep *u, const struct op *op, enum store_verdict verdict, int64_t now_ms)
{
	const bool done = verdict == STORE_DONE;

	if (op->kind == OP_UPKEEP)
		u->partitions_at_ms = now_ms + (done ? PARTITIONS_MS : FAILED_MS);
	else if (done && more_expired(op->result))
		u->expire_at_ms = now_ms + EXPIRE_AGAIN_MS;
	else
		u->expire_at_ms = now_ms + (done ? EXPIRE_MS : FAILED_MS);
}
