#include "store/receipts.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define PORTION 250        /* receipts of an op … */
#define RECEIPT_BYTES 2048 /* … that fill a batch as if each had so many bytes: two portions */

struct receipts_call {
	unsigned shares; /* ops that are left */
	bool told;
	uint64_t tag;
	struct receipts *list;
	struct notices *notices;
	char *body;
	size_t body_len;
	size_t *bytes; /* of all calls; null: not counted */
	struct store_received received;
	struct store_act *acts;
};

/* --- calls and their ops --- */

static size_t bytes_of(const struct receipts_call *call)
{
	const unsigned receipts = call->list ? receipts_count(call->list) : 0;

	return call->body_len + ((size_t)receipts + notices_count(call->notices)) * RECEIPT_BYTES;
}

static void release(struct receipts_call *call)
{
	if (--call->shares > 0)
		return;
	if (call->bytes)
		*call->bytes -= bytes_of(call);
	receipts_free(call->list);
	notices_free(call->notices);
	free(call->body);
	free(call->acts);
	free(call);
}

void receipts_free_op(struct op *op)
{
	struct op_receipts *row = &op->row.receipts;

	free(row->at);
	free(row->acts);
	if (row->call)
		release(row->call);
}

/* In the queue each write is a message's: these are of none, and stand for themselves. */
static struct message_id id_of(const struct op *op)
{
	const uintptr_t address = (uintptr_t)op;
	struct message_id id;

	memset(id.bytes, 0xff, sizeof(id.bytes));
	memcpy(id.bytes + 8, &address, sizeof(address));
	return id;
}

/* With room for so many positions. */
static struct op *new_op(struct receipts_call *call, enum op_kind kind, unsigned room,
			 int64_t now_ms)
{
	const struct message_id none = { { 0 } };
	struct op *op = op_new(kind, call->tag, none, now_ms);

	if (!op)
		return NULL;
	op->id = id_of(op);
	if (room > 0) {
		op->row.receipts.at = calloc(room, sizeof(*op->row.receipts.at));
		if (!op->row.receipts.at) {
			op_free(op);
			return NULL;
		}
	}
	op->row.receipts.call = call;
	call->shares++;
	return op;
}

static void add(struct op *op, unsigned at)
{
	op->row.receipts.at[op->row.receipts.count++] = at;
	op->bytes += RECEIPT_BYTES;
}

/* The receipts that go by this kind of op. */
static bool make_portions(struct receipts_call *call, enum op_kind kind, int64_t now_ms,
			  struct list *ops)
{
	const unsigned count = call->list ? receipts_count(call->list) : 0;
	struct op *op = NULL;

	for (unsigned i = 0; i < count; i++) {
		const bool failed = receipts_at(call->list, i)->status == RECEIPT_FAILED;

		if (failed != (kind == OP_FAILURES))
			continue;
		if (!op || op->row.receipts.count == PORTION) {
			op = new_op(call, kind, count - i < PORTION ? count - i : PORTION, now_ms);
			if (!op)
				return false;
			list_append(ops, &op->node);
		}
		add(op, i);
	}
	return true;
}

static bool make_notices(struct receipts_call *call, int64_t now_ms, struct list *ops)
{
	const unsigned count = notices_count(call->notices);
	struct op *op = NULL;

	for (unsigned i = 0; i < count; i++) {
		if (!op || op->row.receipts.count == PORTION) {
			op = new_op(call, OP_NOTICES, count - i < PORTION ? count - i : PORTION,
				    now_ms);
			if (!op)
				return false;
			list_append(ops, &op->node);
		}
		add(op, i);
	}
	return true;
}

static bool make_webhook(struct receipts_call *call, int64_t now_ms, struct list *ops)
{
	struct op *op;

	/* Also a call of nothing has an op, so that it completes. */
	if (!call->body && !list_empty(ops))
		return true;
	op = new_op(call, OP_WEBHOOK, 0, now_ms);
	if (!op)
		return false;
	op->bytes = call->body_len;
	list_append(ops, &op->node);
	return true;
}

bool receipts_ops(uint64_t tag, struct receipts *list, struct notices *notices, char *body,
		  size_t body_len, size_t *bytes, int64_t now_ms, struct list *ops)
{
	struct receipts_call *call = calloc(1, sizeof(*call));
	struct list made;
	struct list *node;
	bool done;

	if (!call)
		return false;
	list_init(&made);
	call->shares = 1; /* ours, until all ops have theirs */
	call->tag = tag;
	call->list = list;
	call->notices = notices;
	call->body = body;
	call->body_len = body_len;
	call->bytes = bytes;
	if (bytes)
		*bytes += bytes_of(call);
	done = make_portions(call, OP_RECEIPTS, now_ms, &made) &&
	       make_portions(call, OP_FAILURES, now_ms, &made) &&
	       make_notices(call, now_ms, &made) && make_webhook(call, now_ms, &made);
	while ((node = list_take_first(&made))) {
		if (done)
			list_append(ops, node);
		else
			op_free(LIST_OBJECT(node, struct op, node));
	}
	if (!done) {
		if (bytes)
			*bytes -= bytes_of(call);
		call->list = NULL;
		call->notices = NULL;
		call->body = NULL;
		call->body_len = 0;
	}
	release(call);
	return done;
}

struct op *receipts_split(struct op *op, int64_t now_ms)
{
	struct op_receipts *row = &op->row.receipts;
	const unsigned half = row->count / 2;
	struct op *second;

	if (!receipts_is(op) || row->count < 2)
		return NULL;
	second = new_op(row->call, op->kind, row->count - half, now_ms);
	if (!second)
		return NULL;
	second->submitted_ms = op->submitted_ms;
	for (unsigned i = half; i < row->count; i++)
		add(second, row->at[i]);
	row->count = half;
	op->bytes = (size_t)half * RECEIPT_BYTES;
	return second;
}

struct op *receipts_stand_in(const struct op *op, int64_t now_ms)
{
	return new_op(op->row.receipts.call, OP_WEBHOOK, 0, now_ms);
}

static void gather(struct receipts_call *call, const struct op *op)
{
	const struct op_receipts *row = &op->row.receipts;
	struct store_received *r = &call->received;
	struct store_act *acts;

	if (op->verdict == STORE_REJECTED) {
		r->rejected += row->count;
		return;
	}
	for (unsigned i = 0; i < STORE_EFFECTS; i++)
		r->effects[i] += row->effects[i];
	if (op->kind == OP_NOTICES)
		return;
	r->fresh += row->count - row->repeated - row->orphans;
	r->repeated += row->repeated;
	r->orphans += row->orphans;
	if (row->act_count == 0)
		return;
	acts = reallocarray(call->acts, r->act_count + row->act_count, sizeof(*acts));
	if (!acts) /* polls find what they would have told */
		return;
	memcpy(acts + r->act_count, row->acts, row->act_count * sizeof(*acts));
	call->acts = acts;
	r->act_count += row->act_count;
}

bool receipts_completed(const struct op *op, enum store_verdict *ret_verdict,
			struct store_received *ret_received)
{
	struct receipts_call *call = op->row.receipts.call;
	const bool away = op->verdict == STORE_AWAY;

	if (!away)
		gather(call, op);
	if (call->told || (!away && call->shares > 1))
		return false;
	call->told = true;
	call->received.acts = call->acts;
	*ret_verdict = away ? STORE_AWAY : STORE_DONE;
	*ret_received = call->received;
	return true;
}

/* --- parameters --- */

static const struct receipt *receipt_of(const struct op *op, unsigned i)
{
	return receipts_at(op->row.receipts.call->list, op->row.receipts.at[i]);
}

const struct notice *receipts_notice(const struct op *op, unsigned i)
{
	return notices_at(op->row.receipts.call->notices, op->row.receipts.at[i]);
}

static unsigned count_all(struct op *const *ops, unsigned count)
{
	unsigned all = 0;

	for (unsigned i = 0; i < count; i++)
		all += ops[i]->row.receipts.count;
	return all;
}

/* One parameter array: `put` for each receipt r of the ops. */
#define RECEIPT_COLUMN(a, type, put, value)                                         \
	do {                                                                        \
		array_begin(a, type, count_all(ops, count));                        \
		for (unsigned i = 0; i < count; i++) {                              \
			for (unsigned j = 0; j < ops[i]->row.receipts.count; j++) { \
				const struct receipt *r = receipt_of(ops[i], j);    \
				put(a, value);                                      \
			}                                                           \
		}                                                                   \
	} while (0)

typedef const char *text_fn(const struct receipt *r);

#define TEXT(name)                                            \
	static const char *name##_of(const struct receipt *r) \
	{                                                     \
		return r->name;                               \
	}

TEXT(category)
TEXT(pricing_model)
TEXT(recipient)
TEXT(user)
TEXT(title)
TEXT(details)

/* What many batches have none of: then without elements. */
static void fill_rare_text(struct array *a, struct op *const *ops, unsigned count, text_fn *text)
{
	bool any = false;

	for (unsigned i = 0; i < count && !any; i++)
		for (unsigned j = 0; j < ops[i]->row.receipts.count && !any; j++)
			any = *text(receipt_of(ops[i], j)) != '\0';
	if (any)
		RECEIPT_COLUMN(a, ARRAY_TEXT, array_put_text_or_null, text(r));
	else
		array_empty(a, ARRAY_TEXT);
}

static void put_id(struct array *a, const struct receipt *r)
{
	if (r->has_callback)
		array_put_uuid(a, r->id);
	else
		array_put_null(a);
}

static void put_billable(struct array *a, int billable)
{
	if (billable < 0)
		array_put_null(a);
	else
		array_put_bool(a, billable != 0);
}

/* The least and the greatest of the ids; without any the least is above the greatest. */
static void put_bounds(struct array *a, struct op *const *ops, unsigned count)
{
	struct message_id least;
	struct message_id greatest = { { 0 } };

	memset(least.bytes, 0xff, sizeof(least.bytes));
	for (unsigned i = 0; i < count; i++) {
		for (unsigned j = 0; j < ops[i]->row.receipts.count; j++) {
			const struct receipt *r = receipt_of(ops[i], j);

			if (!r->has_callback)
				continue;
			if (memcmp(r->id.bytes, least.bytes, sizeof(least.bytes)) < 0)
				least = r->id;
			if (memcmp(r->id.bytes, greatest.bytes, sizeof(least.bytes)) > 0)
				greatest = r->id;
		}
	}
	array_uuid(a, least);
	array_uuid(a, greatest);
}

void receipts_fill_lock(struct array *a, struct op *const *ops, unsigned count,
			const struct fill_context *context)
{
	(void)context;
	RECEIPT_COLUMN(a, ARRAY_UUID, put_id, r);
}

void receipts_fill(struct array *a, struct op *const *ops, unsigned count,
		   const struct fill_context *context)
{
	(void)context;
	RECEIPT_COLUMN(a, ARRAY_UUID, put_id, r);
	RECEIPT_COLUMN(a, ARRAY_INT2, array_put_int2_or_null,
		       r->has_callback ? (int)r->attempt : 0);
	RECEIPT_COLUMN(a, ARRAY_TEXT, array_put_text, r->status_text);
	RECEIPT_COLUMN(a, ARRAY_TIME, array_put_time, r->at_wall_us);
	RECEIPT_COLUMN(a, ARRAY_TEXT, array_put_text, r->wamid);
	RECEIPT_COLUMN(a, ARRAY_TEXT, array_put_text_or_null, r->number);
	fill_rare_text(a, ops, count, category_of);
	fill_rare_text(a, ops, count, pricing_model_of);
	RECEIPT_COLUMN(a, ARRAY_BOOL, put_billable, r->billable);
	fill_rare_text(a, ops, count, recipient_of);
	fill_rare_text(a, ops, count, user_of);
	RECEIPT_COLUMN(a, ARRAY_INT4, array_put_int4_or_null, r->code);
	fill_rare_text(a, ops, count, title_of);
	fill_rare_text(a, ops, count, details_of);
	put_bounds(a, ops, count);
}

static void put_again(struct array *a, const struct receipt *r)
{
	const int64_t least_ms = receipt_again_ms(r);

	if (least_ms < 0)
		array_put_null(a);
	else
		array_put_int4(a, least_ms > INT32_MAX ? INT32_MAX : (int)least_ms);
}

static void put_reason(struct array *a, const struct receipt *r)
{
	char reason[RECEIPT_REASON_BYTES];

	receipt_reason(r, reason);
	array_put_text(a, reason);
}

/* The waits after the attempts that count, as many as may be. */
static void fill_waits(struct array *a, const struct retry_policy *retry)
{
	if (retry->max_retries == 0) {
		array_empty(a, ARRAY_INT4);
		return;
	}
	array_begin(a, ARRAY_INT4, retry->max_retries);
	for (unsigned n = 1; n <= retry->max_retries; n++)
		array_put_int4(a, (int)retry_wait_ms(retry, n));
}

/* Of refusals that do not count when nobody waits. */
static void fill_uncounted(struct array *a)
{
	int codes[RETRY_UNCOUNTED_MAX];
	const unsigned count = retry_uncounted(codes);

	array_begin(a, ARRAY_INT4, count);
	for (unsigned i = 0; i < count; i++)
		array_put_int4(a, codes[i]);
}

void receipts_fill_failures(struct array *a, struct op *const *ops, unsigned count,
			    const struct fill_context *context)
{
	const struct store_again *again = context->again;

	receipts_fill(a, ops, count, context);
	RECEIPT_COLUMN(a, ARRAY_TEXT, put_reason, r);
	if (again->on)
		RECEIPT_COLUMN(a, ARRAY_INT4, put_again, r);
	else
		array_empty(a, ARRAY_INT4);
	array_int4(a, (int)again->ttl_s);
	fill_waits(a, &again->retry);
	fill_uncounted(a);
}

void receipts_fill_webhook(struct array *a, struct op *const *ops, unsigned count,
			   const struct fill_context *context)
{
	(void)context;
	array_begin(a, ARRAY_BYTEA, count);
	for (unsigned i = 0; i < count; i++) {
		const struct receipts_call *call = ops[i]->row.receipts.call;

		if (call->body)
			array_put_bytes(a, (const uint8_t *)call->body, call->body_len);
		else
			array_put_null(a);
	}
}

/* --- results --- */

/* The columns of sql/parts/receipt_notes.sql. */
enum column { POSITION = 0, WHAT, MESSAGE_ID, ATTEMPT, TENANT_ID };

struct op *receipts_op_at(struct op *const *ops, unsigned count, int64_t position, unsigned *ret_at)
{
	for (unsigned i = 0; i < count; i++) {
		if (position <= ops[i]->row.receipts.count) {
			*ret_at = (unsigned)position - 1;
			return ops[i];
		}
		position -= ops[i]->row.receipts.count;
	}
	return NULL;
}

static void note_act(struct op *op, unsigned at, enum store_act_kind kind, const PGresult *result,
		     int row)
{
	struct op_receipts *of = &op->row.receipts;
	struct store_act *acts = reallocarray(of->acts, of->act_count + 1, sizeof(*acts));
	struct store_act *act;

	if (!acts)
		return;
	of->acts = acts;
	act = &acts[of->act_count++];
	*act = (struct store_act){
		.kind = kind,
		.receipt = *receipt_of(op, at),
		.attempt = (unsigned)array_read_int(PQgetvalue(result, row, ATTEMPT), 2),
	};
	memcpy(act->id.bytes, PQgetvalue(result, row, MESSAGE_ID), sizeof(act->id.bytes));
	text_copy_cut(act->tenant_id, sizeof(act->tenant_id), PQgetvalue(result, row, TENANT_ID));
	act->lane = message_lane(act->tenant_id);
}

static void note(struct op *op, unsigned at, const PGresult *result, int row)
{
	const char *what = PQgetvalue(result, row, WHAT);

	if (strcmp(what, "repeated") == 0)
		op->row.receipts.repeated++;
	else if (strcmp(what, "orphan") == 0)
		op->row.receipts.orphans++;
	else if (strcmp(what, "settle") == 0)
		note_act(op, at, STORE_ACT_SETTLE, result, row);
	else if (strcmp(what, "again") == 0)
		note_act(op, at, STORE_ACT_AGAIN, result, row);
	else
		note_act(op, at, STORE_ACT_FAILED, result, row);
}

void receipts_read(const PGresult *result, struct op *const *ops, unsigned count)
{
	for (unsigned i = 0; i < count; i++) { /* of an earlier try */
		struct op_receipts *row = &ops[i]->row.receipts;

		row->repeated = row->orphans = row->act_count = 0;
	}
	for (int row = 0; row < PQntuples(result); row++) {
		unsigned at;
		struct op *op = receipts_op_at(
			ops, count, array_read_int(PQgetvalue(result, row, POSITION), 4), &at);

		if (op)
			note(op, at, result, row);
	}
}
