/*
 * Kinds of writes and their statements, in the order in which a transaction runs them:
 *
 *   (any begins or is settled)  fence: MS001 when this incarnation is fenced
 *   cancel         accept_again (as cancelled: waits for what is in doubt), cancel
 *   release        accept_keyed, release
 *   open           batch_open
 *   accept         accept, or after a loss accept_again and accept_seq; when one has a key
 *                  accept_keyed, and after a loss accept_seq; when one is charged, accept_charged
 *                  instead of either, as with release
 *   add            add, add_charged
 *   begin          begin
 *   outcome        outcome_lock, outcome
 *   settle         outcome_lock, settle
 *   defer          defer
 *   conversation   conversation
 *   call off       call_off
 *   close          batch_close
 *   receipts       receipts_lock, receipts
 *   failures       receipts_lock, failures
 *   webhook        webhook
 *   answer         answer
 *   notices        notices
 *
 * Each statement has a function that fills its parameters from rows and, where it tells
 * something, one that reads its result into the ops.  Rows are sorted by message id, so that
 * two workers lock in the same order; only what is accepted stays in order of submission, because
 * seq is drawn in that order (their statements sort).
 */
#include "store/batch.h"

#include <stdlib.h>
#include <string.h>

#include "store/batch_private.h"
#include "store/connection.h"
#include "store/notices.h"
#include "store/receipts.h"

typedef void fill_fn(struct array *a, struct op *const *ops, unsigned count,
		     const struct fill_context *context);
typedef void read_fn(const PGresult *result, struct op *const *ops, unsigned count);

struct batch_statement {
	const char *name;
	fill_fn *fill;
	read_fn *read; /* null: nothing to read */
};

/* --- accept, cancel --- */

static const char *accept_state(const struct op *op)
{
	if (op->kind == OP_CANCEL)
		return "cancelled";
	if (op->row.accept.failed)
		return "failed";
	return op->row.accept.scheduled ? "scheduled" : "queued";
}

static const char *accept_reason(const struct op *op)
{
	if (op->kind == OP_CANCEL)
		return "cancelled: the caller was told that it may not have been taken";
	return op->row.accept.failed ? op->row.accept.failure_reason : NULL;
}

static bool accept_begins(const struct op *op)
{
	return op->kind == OP_ACCEPT && op->row.accept.begin && !op->row.accept.failed;
}

#define MESSAGE(op) ((op)->row.accept.message)

/* What few messages have: without one in the batch there are no elements. */
#define RARE_COLUMN(a, type, put, has, value)        \
	do {                                         \
		if (any_rare(ops, count, has)) {     \
			COLUMN(a, type, put, value); \
		} else {                             \
			array_empty(a, type);        \
		}                                    \
	} while (0)

static bool is_due_later(const struct op *op)
{
	return op->row.accept.due_wall_us != 0;
}

static bool has_send_at(const struct op *op)
{
	return MESSAGE(op)->send_at_wall_us != 0;
}

static bool has_window(const struct op *op)
{
	return MESSAGE(op)->deliver_between && *MESSAGE(op)->deliver_between;
}

static bool has_validity(const struct op *op)
{
	return MESSAGE(op)->valid_until_wall_us != 0;
}

static bool is_in_batch(const struct op *op)
{
	return !message_id_is_none(MESSAGE(op)->batch_id);
}

static bool any_rare(struct op *const *ops, unsigned count, bool (*has)(const struct op *op))
{
	for (unsigned i = 0; i < count; i++)
		if (has(ops[i]))
			return true;
	return false;
}

static void fill_accept_rare(struct array *a, struct op *const *ops, unsigned count)
{
	RARE_COLUMN(a, ARRAY_TIME, array_put_time_or_null, is_due_later,
		    ops[i]->row.accept.due_wall_us);
	RARE_COLUMN(a, ARRAY_TIME, array_put_time_or_null, has_send_at,
		    MESSAGE(ops[i])->send_at_wall_us);
	RARE_COLUMN(a, ARRAY_TEXT, array_put_text_or_null, has_window,
		    MESSAGE(ops[i])->deliver_between);
	RARE_COLUMN(a, ARRAY_TIME, array_put_time_or_null, has_validity,
		    MESSAGE(ops[i])->valid_until_wall_us);
	RARE_COLUMN(a, ARRAY_UUID, array_put_uuid_or_null, is_in_batch, MESSAGE(ops[i])->batch_id);
}

static void fill_accept(struct array *a, struct op *const *ops, unsigned count,
			const struct fill_context *context)
{
	batch_put_ids(a, ops, count);
	COLUMN(a, ARRAY_TEXT, array_put_text, MESSAGE(ops[i])->tenant_id);
	COLUMN(a, ARRAY_TEXT, array_put_text, MESSAGE(ops[i])->outlet_id);
	COLUMN(a, ARRAY_TEXT, array_put_text_or_null, MESSAGE(ops[i])->conversation_id);
	COLUMN(a, ARRAY_TEXT, array_put_text, MESSAGE(ops[i])->recipient);
	COLUMN(a, ARRAY_TEXT, array_put_text, MESSAGE(ops[i])->type);
	COLUMN(a, ARRAY_TEXT, array_put_text, MESSAGE(ops[i])->payload);
	COLUMN(a, ARRAY_TEXT, array_put_text, MESSAGE(ops[i])->sender_type);
	COLUMN(a, ARRAY_TIME, array_put_time, MESSAGE(ops[i])->accepted_wall_us);
	COLUMN(a, ARRAY_TIME, array_put_time, ops[i]->row.accept.expires_wall_us);
	COLUMN(a, ARRAY_INT2, array_put_int2, (int)MESSAGE(ops[i])->lane);
	COLUMN(a, ARRAY_BOOL, array_put_bool, ops[i]->row.accept.caller_waits);
	COLUMN(a, ARRAY_INT2, array_put_int2, accept_begins(ops[i]) && !context->fenced);
	COLUMN(a, ARRAY_TEXT, array_put_text_or_null,
	       accept_begins(ops[i]) && !context->fenced ? ops[i]->row.accept.number : NULL);
	COLUMN(a, ARRAY_TIME, array_put_time_or_null,
	       accept_begins(ops[i]) && !context->fenced ? ops[i]->row.accept.deadline_wall_us : 0);
	COLUMN(a, ARRAY_TEXT, array_put_text, accept_state(ops[i]));
	COLUMN(a, ARRAY_INT4, array_put_int4_or_null,
	       ops[i]->kind != OP_CANCEL && ops[i]->row.accept.failed
		       ? ops[i]->row.accept.failure_code
		       : 0);
	COLUMN(a, ARRAY_TEXT, array_put_text_or_null, accept_reason(ops[i]));
	COLUMN(a, ARRAY_INT8, array_put_int8, (int64_t)MESSAGE(ops[i])->queue);
	fill_accept_rare(a, ops, count);
	array_uuid(a, context->incarnation);
	array_time(a, context->now_wall_us);
}

static void fill_accept_keyed(struct array *a, struct op *const *ops, unsigned count,
			      const struct fill_context *context)
{
	fill_accept(a, ops, count, context);
	batch_put_keys(a, ops, count);
	COLUMN(a, ARRAY_INT2, array_put_int2_or_null, ops[i]->key ? ops[i]->key->answer_status : 0);
	COLUMN(a, ARRAY_TEXT, array_put_text_or_null,
	       ops[i]->key ? ops[i]->key->answer_body : NULL);
}

/* What was in doubt may be there, and charged. */
static void fill_accept_charged(struct array *a, struct op *const *ops, unsigned count,
				const struct fill_context *context)
{
	bool again = false;

	for (unsigned i = 0; i < count; i++)
		again |= ops[i]->doubt;
	fill_accept_keyed(a, ops, count, context);
	array_bool(a, again);
}

static void fill_accept_seq(struct array *a, struct op *const *ops, unsigned count,
			    const struct fill_context *context)
{
	batch_put_ids(a, ops, count);
	array_uuid(a, context->incarnation);
}

/* Elements of a bigint[] without nulls, as binary; `each` for position 0, 1... */
static void read_bigints(const PGresult *result, unsigned most,
			 void (*each)(struct op *const *ops, unsigned at, int64_t v),
			 struct op *const *ops)
{
	const char *data;
	int64_t count;

	if (PQntuples(result) != 1 || PQgetisnull(result, 0, 0))
		return;
	data = PQgetvalue(result, 0, 0);
	count = (PQgetlength(result, 0, 0) - 20) / 12;
	for (unsigned i = 0; i < most && i < count; i++)
		each(ops, i, array_read_int(data + 20 + i * 12 + 4, 8));
}

static void set_seq(struct op *const *ops, unsigned at, int64_t v)
{
	ops[at]->seq = (uint64_t)v;
}

/* Negative: no attempt is open for it. */
static void set_seq_again(struct op *const *ops, unsigned at, int64_t v)
{
	if (ops[at]->verdict == STORE_OVER_QUOTA)
		return;
	ops[at]->seq = (uint64_t)(v < 0 ? -v : v);
	if (accept_begins(ops[at]) && ops[at]->verdict != STORE_CONFLICT)
		ops[at]->verdict = v < 0 ? STORE_NOT_BEGUN : STORE_DONE;
}

static void read_accept_again(const PGresult *result, struct op *const *ops, unsigned count)
{
	read_bigints(result, count, set_seq_again, ops);
}

static void read_accept(const PGresult *result, struct op *const *ops, unsigned count)
{
	read_bigints(result, count, set_seq, ops);
}

static void set_keyed(struct op *const *ops, unsigned at, int64_t v)
{
	if (v == -1) {
		ops[at]->verdict = STORE_CONFLICT;
	} else if (v < 0) {
		ops[at]->verdict = STORE_OVER_QUOTA;
		ops[at]->seq = (uint64_t)(-2 - v);
	} else {
		ops[at]->seq = (uint64_t)v;
	}
}

static void set_added(struct op *const *ops, unsigned at, int64_t v)
{
	if (v == -2)
		ops[at]->verdict = STORE_NOT_BEGUN;
	else
		set_keyed(ops, at, v);
}

static void read_add(const PGresult *result, struct op *const *ops, unsigned count)
{
	read_bigints(result, count, set_added, ops);
}

static void read_accept_keyed(const PGresult *result, struct op *const *ops, unsigned count)
{
	read_bigints(result, count, set_keyed, ops);
}

static void fill_release(struct array *a, struct op *const *ops, unsigned count,
			 const struct fill_context *context)
{
	batch_put_ids(a, ops, count);
	COLUMN(a, ARRAY_BOOL, array_put_bool, ops[i]->row.accept.begin);
	array_uuid(a, context->incarnation);
}

static void fill_cancel(struct array *a, struct op *const *ops, unsigned count,
			const struct fill_context *context)
{
	batch_put_ids(a, ops, count);
	COLUMN(a, ARRAY_BOOL, array_put_bool, ops[i]->row.accept.begin);
	array_uuid(a, context->incarnation);
	batch_put_bounds(a, ops, count);
	array_time(a, context->now_wall_us);
}

/* --- begin --- */

static void fill_begin(struct array *a, struct op *const *ops, unsigned count,
		       const struct fill_context *context)
{
	batch_put_ids(a, ops, count);
	COLUMN(a, ARRAY_INT2, array_put_int2, (int)ops[i]->row.begin.attempt);
	COLUMN(a, ARRAY_TEXT, array_put_text, ops[i]->row.begin.number);
	COLUMN(a, ARRAY_TIME, array_put_time, ops[i]->row.begin.deadline_wall_us);
	array_uuid(a, context->incarnation);
	array_time(a, context->now_wall_us);
	array_bool(a, !context->fenced);
}

static void fill_fence(struct array *a, struct op *const *ops, unsigned count,
		       const struct fill_context *context)
{
	(void)ops;
	(void)count;
	array_uuid(a, context->incarnation);
}

static void set_done(struct op *const *ops, unsigned at, int64_t position)
{
	(void)at;
	ops[position - 1]->verdict = STORE_DONE;
}

/* The statement tells which rows it found as they should be. */
static void read_positions(const PGresult *result, struct op *const *ops, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		ops[i]->verdict = STORE_CONFLICT;
	read_bigints(result, count, set_done, ops);
}

/* --- outcome --- */

static void fill_outcome_lock(struct array *a, struct op *const *ops, unsigned count,
			      const struct fill_context *context)
{
	(void)context;
	batch_put_ids(a, ops, count);
}

/* --- defer, conversation --- */

static void fill_defer(struct array *a, struct op *const *ops, unsigned count,
		       const struct fill_context *context)
{
	batch_put_ids(a, ops, count);
	COLUMN(a, ARRAY_BOOL, array_put_bool, ops[i]->row.defer.failed);
	COLUMN(a, ARRAY_TIME, array_put_time, ops[i]->row.defer.due_wall_us);
	COLUMN(a, ARRAY_INT4, array_put_int4_or_null, ops[i]->row.defer.failure_code);
	COLUMN(a, ARRAY_TEXT, array_put_text_or_null, ops[i]->row.defer.reason);
	batch_put_bounds(a, ops, count);
	array_time(a, context->now_wall_us);
	COLUMN(a, ARRAY_INT4, array_put_int4_or_null, ops[i]->row.defer.hold);
	COLUMN(a, ARRAY_INT2, array_put_int2, (int)ops[i]->row.defer.attempt);
	COLUMN(a, ARRAY_BOOL, array_put_bool, ops[i]->row.defer.later);
}

static void fill_conversation(struct array *a, struct op *const *ops, unsigned count,
			      const struct fill_context *context)
{
	batch_put_ids(a, ops, count);
	COLUMN(a, ARRAY_BOOL, array_put_bool, ops[i]->row.conversation.stored);
	COLUMN(a, ARRAY_TIME, array_put_time, ops[i]->row.conversation.due_wall_us);
	COLUMN(a, ARRAY_INT2, array_put_int2, (int)ops[i]->row.conversation.tries);
	array_time(a, context->now_wall_us);
}

/* --- call off, answer --- */

static void fill_call_off(struct array *a, struct op *const *ops, unsigned count,
			  const struct fill_context *context)
{
	(void)context;
	batch_put_ids(a, ops, count);
}

static void fill_answer(struct array *a, struct op *const *ops, unsigned count,
			const struct fill_context *context)
{
	(void)context;
	batch_put_ids(a, ops, count);
	COLUMN(a, ARRAY_INT2, array_put_int2, ops[i]->row.answer.status);
	COLUMN(a, ARRAY_TEXT, array_put_text, ops[i]->row.answer.body);
}

/* --- the statements --- */

static const struct batch_statement accept = { "accept", fill_accept, read_accept };
static const struct batch_statement accept_again = { "accept_again", fill_accept, NULL };
static const struct batch_statement accept_seq = { "accept_seq", fill_accept_seq,
						   read_accept_again };
static const struct batch_statement accept_keyed = {
	"accept_keyed",
	fill_accept_keyed,
	read_accept_keyed,
};
static const struct batch_statement accept_charged = {
	"accept_charged",
	fill_accept_charged,
	read_accept_keyed,
};
static const struct batch_statement open_batch = { "batch_open", batch_fill_open,
						   read_accept_keyed };
static const struct batch_statement add = { "add", fill_accept_keyed, read_add };
static const struct batch_statement add_charged = { "add_charged", fill_accept_keyed, read_add };
static const struct batch_statement close_batch = { "batch_close", batch_fill_close, NULL };
static const struct batch_statement release = { "release", fill_release, NULL };
static const struct batch_statement cancel = { "cancel", fill_cancel, NULL };
static const struct batch_statement fence = { "fence", fill_fence, NULL };
static const struct batch_statement begin = { "begin", fill_begin, read_positions };
static const struct batch_statement outcome_lock = { "outcome_lock", fill_outcome_lock, NULL };
static const struct batch_statement outcome = { "outcome", batch_fill_outcome, NULL };
static const struct batch_statement settle = { "settle", batch_fill_settle, read_positions };
static const struct batch_statement defer = { "defer", fill_defer, read_positions };
static const struct batch_statement conversation = { "conversation", fill_conversation, NULL };
static const struct batch_statement call_off = { "call_off", fill_call_off, NULL };
static const struct batch_statement receipts_lock = { "receipts_lock", receipts_fill_lock, NULL };
static const struct batch_statement receipts = { "receipts", receipts_fill, receipts_read };
static const struct batch_statement failures = { "failures", receipts_fill_failures,
						 receipts_read };
static const struct batch_statement webhook = { "webhook", receipts_fill_webhook, NULL };
static const struct batch_statement answer = { "answer", fill_answer, read_positions };
static const struct batch_statement notices = { "notices", notices_fill, notices_read };

#define STATEMENTS_OF_KIND 2
static const struct batch_statement *const statements[OP_WRITES][STATEMENTS_OF_KIND] = {
	[OP_CANCEL] = { &accept_again, &cancel },
	[OP_RELEASE] = { &accept_keyed, &release },
	[OP_OPEN] = { &open_batch },
	[OP_ACCEPT] = { &accept },
	[OP_ADD] = { &add },
	[OP_BEGIN] = { &begin },
	[OP_OUTCOME] = { &outcome_lock, &outcome },
	[OP_SETTLE] = { &outcome_lock, &settle },
	[OP_DEFER] = { &defer },
	[OP_CONVERSATION] = { &conversation },
	[OP_CALL_OFF] = { &call_off },
	[OP_CLOSE] = { &close_batch },
	[OP_RECEIPTS] = { &receipts_lock, &receipts },
	[OP_FAILURES] = { &receipts_lock, &failures },
	[OP_WEBHOOK] = { &webhook },
	[OP_ANSWER] = { &answer },
	[OP_NOTICES] = { &notices },
};
static const struct batch_statement *const accept_repeated[STATEMENTS_OF_KIND] = {
	&accept_again,
	&accept_seq,
};
static const struct batch_statement *const keyed[STATEMENTS_OF_KIND] = { &accept_keyed };
static const struct batch_statement *const keyed_repeated[STATEMENTS_OF_KIND] = {
	&accept_keyed,
	&accept_seq,
};

static const struct batch_statement *const charged[STATEMENTS_OF_KIND] = { &accept_charged };
static const struct batch_statement *const charged_repeated[STATEMENTS_OF_KIND] = {
	&accept_charged,
	&accept_seq,
};
static const struct batch_statement *const charged_released[STATEMENTS_OF_KIND] = {
	&accept_charged,
	&release,
};
static const struct batch_statement *const added_charged[STATEMENTS_OF_KIND] = { &add_charged };

static int by_id(const void *a, const void *b)
{
	const struct op *const *x = a;
	const struct op *const *y = b;

	return memcmp((*x)->id.bytes, (*y)->id.bytes, sizeof((*x)->id.bytes));
}

static int send_statement(struct batch *b, PGconn *handle, struct array *memory,
			  const struct batch_statement *statement, struct op **ops, unsigned count,
			  const struct fill_context *context)
{
	struct array_values v;

	array_reset(memory);
	statement->fill(memory, ops, count, context);
	if (!array_values(memory, &v) || !PQsendQueryPrepared(handle, statement->name, v.count,
							      v.values, v.lengths, v.formats, 1))
		return -1;
	b->sent[b->sent_count++] = (struct batch_sent){ statement, ops, count };
	return 0;
}

/* What is known of the ops of one kind. */
struct gathered {
	unsigned count;
	bool doubt; /* one is in doubt */
	bool key;   /* one has a key */
	bool charge;
};

static bool is_accept(enum op_kind kind)
{
	return kind == OP_ACCEPT || kind == OP_ADD || kind == OP_RELEASE;
}

/* Gathers the ops of one kind behind those gathered before. */
static struct gathered gather(struct batch *b, enum op_kind kind)
{
	struct gathered g = { 0 };
	unsigned start = b->segments[b->segment_count - 1].start;
	unsigned end = start + b->segments[b->segment_count - 1].count;
	unsigned first = b->sorted_count;

	for (unsigned i = start; i < end; i++) {
		if (!b->ops[i] || b->ops[i]->kind != kind)
			continue;
		g.doubt |= b->ops[i]->doubt;
		g.key |= b->ops[i]->key != NULL;
		g.charge |= is_accept(kind) && b->ops[i]->row.accept.charge;
		b->sorted[b->sorted_count++] = b->ops[i];
		b->ops[i]->sent_as = kind;
		b->ops[i]->flying = true;
		b->ops[i]->verdict = b->fenced && accept_begins(b->ops[i]) ? STORE_NOT_BEGUN
									   : STORE_DONE;
	}
	if (kind != OP_ACCEPT && kind != OP_ADD)
		qsort(b->sorted + first, b->sorted_count - first, sizeof(b->sorted[0]), by_id);
	g.count = b->sorted_count - first;
	return g;
}

static const struct batch_statement *const *statements_for(enum op_kind kind, struct gathered g)
{
	if (g.charge && kind == OP_RELEASE)
		return charged_released;
	if (g.charge && kind == OP_ADD)
		return added_charged;
	if (kind != OP_ACCEPT)
		return statements[kind];
	if (g.charge)
		return g.doubt ? charged_repeated : charged;
	if (g.key)
		return g.doubt ? keyed_repeated : keyed;
	return g.doubt ? accept_repeated : statements[kind];
}

/* Only the owner of a lane begins attempts and settles what is unknown. */
static bool needs_lease(const struct op *op)
{
	return op->kind == OP_BEGIN || op->kind == OP_SETTLE || accept_begins(op);
}

static bool needs_any(const struct batch *b)
{
	const unsigned start = b->segments[b->segment_count - 1].start;
	const unsigned end = start + b->segments[b->segment_count - 1].count;

	for (unsigned i = start; i < end; i++)
		if (b->ops[i] && needs_lease(b->ops[i]))
			return true;
	return false;
}

void batch_start(struct batch *b)
{
	b->segments[0].start = 0;
	b->segments[0].count = b->count;
	b->segment_count = 1;
	b->repeated = 0;
}

int batch_send(struct batch *b, PGconn *handle, struct array *memory, struct message_id incarnation,
	       int64_t now_wall_us)
{
	const struct fill_context context = { incarnation, now_wall_us, b->fenced, &b->again };

	b->sorted_count = 0;
	b->sent_count = 0;
	b->answered = 0;
	b->failed = false;
	if (!b->fenced && needs_any(b) &&
	    send_statement(b, handle, memory, &fence, NULL, 0, &context) != 0)
		return -1;
	for (enum op_kind kind = 0; kind < OP_WRITES; kind++) {
		const struct gathered g = gather(b, kind);
		struct op **ops = b->sorted + b->sorted_count - g.count;
		const struct batch_statement *const *list = statements_for(kind, g);

		for (int i = 0; g.count > 0 && i < STATEMENTS_OF_KIND && list[i]; i++)
			if (send_statement(b, handle, memory, list[i], ops, g.count, &context) != 0)
				return -1;
	}
	if (b->sorted_count == 0)
		return 0;
	if (!PQpipelineSync(handle))
		return -1;
	return (int)b->sorted_count;
}

enum batch_step batch_result(struct batch *b, const PGresult *result)
{
	const struct batch_sent *sent;

	switch (PQresultStatus(result)) {
	case PGRES_PIPELINE_SYNC:
		for (unsigned i = 0; i < b->sorted_count; i++)
			b->sorted[i]->flying = false;
		if (b->failed)
			return BATCH_FAILED;
		meter_count(b->meter, METRIC_BATCHES, BATCHES_COMMITTED, 0);
		return BATCH_COMMITTED;
	case PGRES_TUPLES_OK:
	case PGRES_COMMAND_OK:
		if (b->answered == b->sent_count)
			return BATCH_MORE;
		sent = &b->sent[b->answered++];
		if (sent->statement->read)
			sent->statement->read(result, sent->ops, sent->count);
		return BATCH_MORE;
	case PGRES_PIPELINE_ABORTED:
		return BATCH_MORE;
	default:
		if (!b->failed) {
			b->why_class =
				sqlstate_classify(PQresultErrorField(result, PG_DIAG_SQLSTATE));
			connection_describe(result, &b->why);
		}
		b->failed = true;
		return BATCH_MORE;
	}
}

void batch_lost(struct batch *b)
{
	for (unsigned i = 0; i < b->sorted_count; i++) {
		b->sorted[i]->flying = false;
		b->sorted[i]->doubt = true;
	}
}

void batch_pop(struct batch *b)
{
	b->segment_count--;
}

bool batch_split(struct batch *b)
{
	unsigned start = b->segments[b->segment_count - 1].start;
	unsigned count = b->segments[b->segment_count - 1].count;
	unsigned half = count / 2;

	if (count <= 1)
		return false;
	meter_count(b->meter, METRIC_BATCHES, BATCHES_HALVED, 0);
	/* The first half comes on top: it is worked on first. */
	b->segments[b->segment_count - 1].start = start + half;
	b->segments[b->segment_count - 1].count = count - half;
	b->segments[b->segment_count].start = start;
	b->segments[b->segment_count].count = half;
	b->segment_count++;
	return true;
}

void batch_take_message(struct batch *b, struct message_id id, struct list *to)
{
	for (unsigned s = b->segment_count; s > 0; s--) {
		struct op **ops = b->ops + b->segments[s - 1].start;

		for (unsigned i = 0; i < b->segments[s - 1].count; i++) {
			if (!ops[i] || !message_id_equal(ops[i]->id, id))
				continue;
			list_append(to, &ops[i]->node);
			ops[i] = NULL;
		}
	}
}

void batch_remove(struct batch *b, const struct op *op)
{
	for (unsigned i = 0; i < b->count; i++)
		if (b->ops[i] == op)
			b->ops[i] = NULL;
}
