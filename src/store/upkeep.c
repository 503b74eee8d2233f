#include "store/upkeep.h"

#include <stdio.h>

#include "store/array.h"

#define PARTITIONS_MS (24 * 3600 * 1000)
#define EXPIRE_MS (3600 * 1000)
#define EXPIRE_ROWS 1000    /* so many at a time (expire.sql) … */
#define EXPIRE_AGAIN_MS 250 /* … and when there were so many, the next */
#define TICK_MS 1000
#define ORPHANS_MS 1000
#define COUNT_MS 5000
#define OVER_MS 5000
#define WEBHOOK_DAYS 7
#define MARK_AGAIN_MS 20
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
	submit_when_due(ops, OP_TICK, &u->tick_at_ms, now_ms);
	submit_when_due(ops, OP_ORPHANS, &u->orphans_at_ms, now_ms);
	submit_when_due(ops, OP_HOLDS_OVER, &u->over_at_ms, now_ms);
	if (u->counts_orphans)
		submit_when_due(ops, OP_ORPHANS_COUNT, &u->count_at_ms, now_ms);
	if (u->mark)
		submit_when_due(ops, OP_MARK, &u->mark_at_ms, now_ms);
}

bool upkeep_is(const struct op *op)
{
	return op->kind == OP_UPKEEP || op->kind == OP_EXPIRE || op->kind == OP_TICK ||
	       op->kind == OP_MARK || op->kind == OP_ORPHANS || op->kind == OP_ORPHANS_COUNT ||
	       op->kind == OP_HOLDS_OVER;
}

static const char *statement_of(const struct op *op)
{
	switch (op->kind) {
	case OP_EXPIRE:
		return "expire";
	case OP_TICK:
		return "beacon_tick";
	case OP_MARK:
		return "mark_restored";
	case OP_ORPHANS:
		return "orphans";
	case OP_ORPHANS_COUNT:
		return "orphans_count";
	case OP_HOLDS_OVER:
		return "holds_over";
	default:
		return "partitions";
	}
}

int upkeep_send(const struct upkeep *u, const struct op *op, PGconn *handle)
{
	const bool takes_days = op->kind == OP_UPKEEP || op->kind == OP_EXPIRE;
	char days[12];
	const char *const values[] = { days };

	(void)snprintf(days, sizeof(days), "%u", u->webhook_days ? u->webhook_days : WEBHOOK_DAYS);
	return PQsendQueryPrepared(handle, statement_of(op), takes_days, values, NULL, NULL, 1)
		       ? 0
		       : -1;
}

static void tell_orphans(const struct upkeep *u, int64_t count, int64_t oldest_s)
{
	meter_set(u->meter, METRIC_ORPHANS, 0, 0, count);
	meter_set(u->meter, METRIC_ORPHANS_OLDEST, 0, 0, oldest_s);
}

void upkeep_count_orphans(struct upkeep *u, bool counts)
{
	if (u->counts_orphans && !counts)
		tell_orphans(u, 0, 0);
	u->counts_orphans = counts;
}

/* 0 without a row. */
static int64_t number(const PGresult *result, int column)
{
	return result && PQntuples(result) == 1 ? array_read_int(PQgetvalue(result, 0, column),
								 PQgetlength(result, 0, column))
						: 0;
}

static int64_t ticked(struct upkeep *u, const PGresult *result, int64_t now_ms)
{
	if (!u->mark)
		u->mark_at_ms = now_ms;
	u->mark = number(result, 1) != 0;
	return number(result, 0);
}

int64_t upkeep_ended(struct upkeep *u, const struct op *op, enum store_verdict verdict,
		     int64_t now_ms)
{
	const bool done = verdict == STORE_DONE;

	if (op->kind == OP_TICK) {
		u->tick_at_ms = now_ms + TICK_MS;
		return done ? ticked(u, op->result, now_ms) : 0;
	}
	if (op->kind == OP_ORPHANS) {
		u->orphans_at_ms = now_ms + ORPHANS_MS;
	} else if (op->kind == OP_HOLDS_OVER) {
		u->over_at_ms = now_ms + OVER_MS;
	} else if (op->kind == OP_ORPHANS_COUNT) {
		u->count_at_ms = now_ms + COUNT_MS;
		if (done && u->counts_orphans)
			tell_orphans(u, number(op->result, 0), number(op->result, 1));
	} else if (op->kind == OP_MARK) {
		/* Until the next tick says that all is marked. */
		u->mark_at_ms = now_ms + (number(op->result, 0) > 0 ? MARK_AGAIN_MS : TICK_MS);
	} else if (op->kind == OP_UPKEEP)
		u->partitions_at_ms = now_ms + (done ? PARTITIONS_MS : FAILED_MS);
	else if (done && number(op->result, 0) >= EXPIRE_ROWS) /* a full batch is not the last */
		u->expire_at_ms = now_ms + EXPIRE_AGAIN_MS;
	else
		u->expire_at_ms = now_ms + (done ? EXPIRE_MS : FAILED_MS);
	return 0;
}
