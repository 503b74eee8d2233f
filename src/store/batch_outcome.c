#include "store/batch_private.h"

static const char *next_name(enum store_next next)
{
	static const char *const names[] = {
		[STORE_NEXT_DONE] = "done",     [STORE_NEXT_CONVERSATION] = "conversation",
		[STORE_NEXT_RETRY] = "retry",   [STORE_NEXT_UNKNOWN] = "unknown",
		[STORE_NEXT_FAILED] = "failed", [STORE_NEXT_EXPIRED] = "expired",
	};

	return names[next];
}

void batch_fill_outcome(struct array *a, struct op *const *ops, unsigned count,
			const struct fill_context *context)
{
	batch_put_ids(a, ops, count);
	COLUMN(a, ARRAY_INT2, array_put_int2, (int)ops[i]->row.outcome.attempt);
	COLUMN(a, ARRAY_UUID, array_put_uuid, ops[i]->row.outcome.incarnation);
	COLUMN(a, ARRAY_TEXT, array_put_text, outcome_name(ops[i]->row.outcome.outcome));
	COLUMN(a, ARRAY_TEXT, array_put_text_or_null, ops[i]->row.outcome.number);
	COLUMN(a, ARRAY_TIME, array_put_time, ops[i]->row.outcome.begun_wall_us);
	COLUMN(a, ARRAY_TIME, array_put_time, ops[i]->row.outcome.ended_wall_us);
	array_begin(a, ARRAY_INT2, count);
	for (unsigned i = 0; i < count; i++) {
		if (ops[i]->row.outcome.http_status)
			array_put_int2(a, ops[i]->row.outcome.http_status);
		else
			array_put_null(a);
	}
	COLUMN(a, ARRAY_INT4, array_put_int4_or_null, ops[i]->row.outcome.code);
	COLUMN(a, ARRAY_INT4, array_put_int4_or_null, ops[i]->row.outcome.subcode);
	COLUMN(a, ARRAY_TEXT, array_put_text_or_null, ops[i]->row.outcome.title);
	COLUMN(a, ARRAY_TEXT, array_put_text_or_null, ops[i]->row.outcome.details);
	COLUMN(a, ARRAY_TEXT, array_put_text_or_null, ops[i]->row.outcome.trace);
	COLUMN(a, ARRAY_TEXT, array_put_text_or_null, ops[i]->row.outcome.wamid);
	COLUMN(a, ARRAY_TEXT, array_put_text, next_name(ops[i]->row.outcome.next));
	COLUMN(a, ARRAY_TIME, array_put_time_or_null, ops[i]->row.outcome.due_wall_us);
	COLUMN(a, ARRAY_INT2, array_put_int2, (int)ops[i]->row.outcome.counted);
	COLUMN(a, ARRAY_INT2, array_put_int2, (int)ops[i]->row.outcome.throttled);
	COLUMN(a, ARRAY_TEXT, array_put_text_or_null, ops[i]->row.outcome.failure_reason);
	batch_put_bounds(a, ops, count);
	array_time(a, context->now_wall_us);
}

/* --- settle --- */

static const char *settle_name(enum settle_verdict verdict)
{
	switch (verdict) {
	case SETTLE_WAIT:
		return "wait";
	case SETTLE_RESEND:
		return "resend";
	case SETTLE_FAIL:
		return "failed";
	case SETTLE_KEEP:
	case SETTLE_SENT:
		break;
	}
	return "keep";
}

void batch_fill_settle(struct array *a, struct op *const *ops, unsigned count,
		       const struct fill_context *context)
{
	batch_put_ids(a, ops, count);
	COLUMN(a, ARRAY_INT2, array_put_int2, (int)ops[i]->row.settle.attempt);
	COLUMN(a, ARRAY_TEXT, array_put_text, settle_name(ops[i]->row.settle.verdict));
	COLUMN(a, ARRAY_TIME, array_put_time_or_null, ops[i]->row.settle.due_wall_us);
	COLUMN(a, ARRAY_TEXT, array_put_text, unknown_policy_name(ops[i]->row.settle.policy));
	COLUMN(a, ARRAY_INT4, array_put_int4, (int)ops[i]->row.settle.quarantine_s);
	COLUMN(a, ARRAY_TIME, array_put_time_or_null, ops[i]->row.settle.policy_wall_us);
	COLUMN(a, ARRAY_TEXT, array_put_text_or_null, ops[i]->row.settle.why);
	batch_put_bounds(a, ops, count);
	array_time(a, context->now_wall_us);
	array_bool(a, !context->fenced);
}
