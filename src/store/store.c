/*
 * The front: makes ops, gives them to the writer or the reader, and tells what completed,
 * all from one loop hook, so that nothing is told from within a submission.
 */
#include "store/store.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/die.h"
#include "base/text.h"
#include "store/count.h"
#include "store/found.h"
#include "store/holds.h"
#include "store/lease.h"
#include "store/load.h"
#include "store/op.h"
#include "store/own.h"
#include "store/reader.h"
#include "store/receipts.h"
#include "store/store_private.h"
#include "store/unknown.h"
#include "store/writer.h"

static const struct message_id none;

/* --- telling --- */

static void tell_load(struct store *s, const struct op *op)
{
	store_work_fn *fn = s->callbacks.work;
	void *arg = s->callbacks.arg;
	int rows = op->result ? PQntuples(op->result) : 0;
	const int64_t now_wall_us = clock_wall_us();

	for (int i = 0; i < rows; i++) {
		struct store_work work;

		if (load_row(op->result, i, now_wall_us, &work))
			fn(arg, op->tag, STORE_DONE, &work, false, NULL);
	}
	fn(arg, op->tag, op->verdict, NULL, op->kind == OP_LOAD && rows >= (int)op->row.load.limit,
	   op->verdict == STORE_DONE ? NULL : &op->err);
}

static void tell_queues(struct store *s, const struct op *op)
{
	store_queue_fn *fn = s->callbacks.queue;
	void *arg = s->callbacks.arg;
	const int rows = op->result ? PQntuples(op->result) : 0;

	for (int i = 0; i < rows; i++) {
		const struct store_queue queue = load_queue(op->result, i);

		fn(arg, STORE_DONE, &queue, false);
	}
	fn(arg, op->verdict, NULL, rows >= (int)op->row.queues.limit);
}

static void tell_unknown(struct store *s, const struct op *op)
{
	store_unknown_fn *fn = s->callbacks.unknown;
	void *arg = s->callbacks.arg;
	const int rows = op->result ? PQntuples(op->result) : 0;

	for (int i = 0; i < rows; i++) {
		struct store_unknown unknown;

		if (unknown_row(op->result, i, &unknown))
			fn(arg, op->tag, STORE_DONE, &unknown, false, NULL);
	}
	fn(arg, op->tag, op->verdict, NULL, rows >= (int)op->row.load_unknown.limit,
	   op->verdict == STORE_DONE ? NULL : &op->err);
}

static void tell_lanes(struct store *s, const struct op *op)
{
	struct store_lanes_view *view = &s->view;
	const bool done = op->verdict == STORE_DONE;

	if (!s->callbacks.lanes)
		return;
	if (done)
		lease_view(op->result, s->incarnation, view);
	s->callbacks.lanes(s->callbacks.arg, op->tag, op->verdict, done ? view : NULL,
			   done ? NULL : &op->err);
}

static void tell_holds(struct store *s, const struct op *op)
{
	struct store_holds holds = { .version = op->row.holds_version };
	enum store_verdict verdict = op->verdict;

	if (!s->callbacks.holds)
		return;
	if (verdict == STORE_DONE && !holds_read(op->result, &holds))
		verdict = STORE_AWAY;
	s->callbacks.holds(s->callbacks.arg, verdict, &holds);
	free(holds.set.holds);
	free(holds.limits.limits);
}

static void tell_looks(struct store *s, const struct op *op)
{
	struct store_status status;
	uint64_t tag;

	for (int row = 0; op->result && row < PQntuples(op->result); row++) {
		if (reader_look(op, row, &tag, &status))
			s->callbacks.status(s->callbacks.arg, tag, STORE_DONE, &status, NULL);
	}
}

static void tell_backlog(struct store *s, const struct op *op)
{
	struct store_backlog *backlog = NULL;

	if (op->verdict == STORE_DONE)
		backlog = count_read(op->result);
	s->callbacks.backlog(s->callbacks.arg, op->tag, backlog ? STORE_DONE : STORE_AWAY, backlog,
			     &op->err);
	free(backlog);
}

static void tell_receipts(struct store *s, const struct op *op)
{
	enum store_verdict verdict;
	struct store_received received;

	if (receipts_completed(op, &verdict, &received) && s->callbacks.received)
		s->callbacks.received(s->callbacks.arg, op->tag, verdict,
				      verdict == STORE_DONE ? &received : NULL, &op->err);
}

static void tell(struct store *s, const struct op *op)
{
	const struct err *err = op->verdict == STORE_DONE ? NULL : &op->err;

	if (op->kind == OP_STATUS) {
		struct store_status status;

		reader_status(op, &status);
		s->callbacks.status(s->callbacks.arg, op->tag, op->verdict, &status, err);
	} else if (op->kind == OP_LOOKS) {
		tell_looks(s, op);
	} else if (op->kind == OP_FIND_API_KEY || op->kind == OP_KEYS_USED) {
		store_tell_api_key(s, op);
	} else if (op->kind == OP_MANAGE) {
		store_tell_managed(s, op);
	} else if (op->kind == OP_FIND_KEY) {
		struct store_first first;

		reader_first(op, &first);
		s->callbacks.first(s->callbacks.arg, op->tag, op->verdict, &first, err);
	} else if (op->kind == OP_CANCEL_BATCH) {
		struct store_found found;

		found_cancelled(op->result, &found);
		s->callbacks.found(s->callbacks.arg, op->tag, op->verdict, &found, err);
	} else if (op->kind == OP_READ) {
		struct store_found found;

		found_read(op->result, op->row.read.kind, &found);
		s->callbacks.found(s->callbacks.arg, op->tag, op->verdict, &found, err);
	} else if (op->kind == OP_OWN) {
		own_tell(op, s->callbacks.own, s->callbacks.arg);
	} else if (receipts_is(op)) {
		tell_receipts(s, op);
	} else if (op->kind == OP_LANES) {
		tell_lanes(s, op);
	} else if (op->kind == OP_COUNT) {
		tell_backlog(s, op);
	} else if (op->kind == OP_RING || op->kind == OP_HOLD || op->kind == OP_HOLD_RELEASE) {
		return;
	} else if (op->kind == OP_HOLDS) {
		tell_holds(s, op);
	} else if (op->kind == OP_LOAD || op->kind == OP_LOAD_IDS || op->kind == OP_LOAD_QUEUES) {
		tell_load(s, op);
	} else if (op->kind == OP_QUEUES) {
		tell_queues(s, op);
	} else if (op->kind == OP_LOAD_UNKNOWN) {
		tell_unknown(s, op);
	} else {
		s->callbacks.done(s->callbacks.arg, op->tag, op->verdict, op->seq, err);
	}
}

static bool pump(void *arg)
{
	struct store *s = arg;
	struct list *node;
	bool done = false;

	while ((node = list_take_first(&s->completed))) {
		struct op *op = LIST_OBJECT(node, struct op, node);

		tell(s, op);
		op_free(op);
		done = true;
	}
	done |= writer_pump(s->writer);
	done |= reader_pump(s->reader);
	done |= manager_pump(s->quick);
	done |= manager_pump(s->slow);
	return done;
}

/* --- submitting --- */

/* A fact that there is no memory for would be lost: better the process, whose successor
 * finds the attempt open and asks what became of it. */
static NORETURN void no_memory(void)
{
	die("store: a fact");
}

static struct op *new_fact(struct store *s, enum op_kind kind, uint64_t tag, struct message_id id)
{
	struct op *op = op_new(kind, tag, id, loop_now_ms(s->loop));

	if (!op)
		no_memory();
	return op;
}

struct op *store_new_op(struct store *s, enum op_kind kind, uint64_t tag, struct message_id id,
			struct err *ret_err)
{
	struct op *op;

	if (store_pending(s) >= s->max_pending) {
		meter_bound(s->meter, BOUND_WRITES);
		err_set(ret_err, ERR_LIMIT, 0, "database: %u operations wait already",
			s->max_pending);
		return NULL;
	}
	op = op_new(kind, tag, id, loop_now_ms(s->loop));
	if (!op)
		err_set(ret_err, ERR_LIMIT, 0, "database: no memory");
	return op;
}

static size_t text_bytes(const char *text)
{
	return text ? strlen(text) : 0;
}

/* Null: no memory. */
static struct store_key *copy_key(const struct store_key *from)
{
	struct store_key *key = malloc(sizeof(*key));

	if (!key)
		return NULL;
	*key = *from;
	if (!from->answer_body || (key->answer_body = strdup(from->answer_body)))
		return key;
	free(key);
	return NULL;
}

bool store_keep_key(struct op *op, const struct store_key *key, struct err *ret_err)
{
	op->key = copy_key(key);
	if (!op->key) {
		op_free(op);
		err_set(ret_err, ERR_LIMIT, 0, "database: no memory");
		return false;
	}
	op->bytes += sizeof(*key) + text_bytes(key->answer_body);
	return true;
}

int store_accept(struct store *s, uint64_t tag, const struct store_accept *row, struct err *ret_err)
{
	struct op *op = store_new_op(s, OP_ACCEPT, tag, row->message->id, ret_err);

	if (!op)
		return -1;
	op->row.accept = *row;
	op->bytes = 400 + text_bytes(row->message->payload) + text_bytes(row->failure_reason);
	if (row->key && !store_keep_key(op, row->key, ret_err))
		return -1;
	op->row.accept.key = op->key;
	writer_submit(s->writer, op);
	return 0;
}

int store_begin(struct store *s, uint64_t tag, const struct store_begin *row, struct err *ret_err)
{
	struct op *op = store_new_op(s, OP_BEGIN, tag, row->id, ret_err);

	if (!op)
		return -1;
	op->row.begin = *row;
	op->bytes = 100;
	writer_submit(s->writer, op);
	return 0;
}

void store_outcome(struct store *s, uint64_t tag, const struct store_outcome *row)
{
	struct op *op = new_fact(s, OP_OUTCOME, tag, row->id);

	op->row.outcome = *row;
	op->bytes = 400 + text_bytes(row->title) + text_bytes(row->details) +
		    text_bytes(row->failure_reason);
	writer_submit(s->writer, op);
}

void store_defer(struct store *s, uint64_t tag, const struct store_defer *row)
{
	struct op *op = new_fact(s, OP_DEFER, tag, row->id);

	op->row.defer = *row;
	op->bytes = 100 + text_bytes(row->reason);
	writer_submit(s->writer, op);
}

void store_settle(struct store *s, uint64_t tag, const struct store_settle *row)
{
	struct op *op = new_fact(s, OP_SETTLE, tag, row->id);

	op->row.settle = *row;
	op->bytes = 100 + text_bytes(row->why);
	writer_submit(s->writer, op);
}

void store_conversation(struct store *s, uint64_t tag, const struct store_conversation *row)
{
	struct op *op = new_fact(s, OP_CONVERSATION, tag, row->id);

	op->row.conversation = *row;
	op->bytes = 100;
	writer_submit(s->writer, op);
}

void store_call_off(struct store *s, uint64_t tag, struct message_id id)
{
	struct op *op = new_fact(s, OP_CALL_OFF, tag, id);

	op->bytes = 100;
	writer_submit(s->writer, op);
}

void store_answer(struct store *s, uint64_t tag, struct message_id id, int status, const char *body)
{
	struct op *op = new_fact(s, OP_ANSWER, tag, id);

	op->row.answer = (struct op_answer){ status, strdup(body) };
	if (!op->row.answer.body)
		no_memory();
	op->bytes = 100 + text_bytes(body);
	writer_submit(s->writer, op);
}

int store_queues(struct store *s, uint64_t lanes, int64_t after, int64_t due_until_wall_us,
		 unsigned limit, struct err *ret_err)
{
	struct op *op = store_new_op(s, OP_QUEUES, 0, none, ret_err);

	if (!op)
		return -1;
	op->row.queues = (struct op_queues){ lanes, after, due_until_wall_us, limit };
	writer_submit(s->writer, op);
	return 0;
}

int store_load_queues(struct store *s, uint64_t tag, const struct store_queue_load *loads,
		      unsigned count, struct err *ret_err)
{
	struct op *op = store_new_op(s, OP_LOAD_QUEUES, tag, none, ret_err);

	if (!op)
		return -1;
	op->row.load_queues = malloc(sizeof(*op->row.load_queues) + count * sizeof(*loads));
	if (!op->row.load_queues) {
		op_free(op);
		err_set(ret_err, ERR_LIMIT, 0, "database: no memory");
		return -1;
	}
	op->row.load_queues->count = count;
	memcpy(op->row.load_queues->loads, loads, count * sizeof(*loads));
	writer_submit(s->writer, op);
	return 0;
}

static int load_work(struct store *s, uint64_t tag, const struct op_load *load, struct err *ret_err)
{
	struct op *op = store_new_op(s, OP_LOAD, tag, none, ret_err);

	if (!op)
		return -1;
	op->row.load = *load;
	writer_submit(s->writer, op);
	return 0;
}

int store_load_copies(struct store *s, uint64_t tag, uint64_t lanes, int64_t due_until_wall_us,
		      unsigned limit, struct err *ret_err)
{
	return load_work(s, tag,
			 &(struct op_load){ .lanes = lanes,
					    .due_until_wall_us = due_until_wall_us,
					    .limit = limit },
			 ret_err);
}

int store_load_held(struct store *s, uint64_t tag, uint64_t lanes, unsigned limit,
		    struct err *ret_err)
{
	return load_work(s, tag, &(struct op_load){ .lanes = lanes, .limit = limit, .held = true },
			 ret_err);
}

int store_load_due(struct store *s, uint64_t tag, uint64_t lanes, int64_t due_until_wall_us,
		   unsigned limit, struct err *ret_err)
{
	return load_work(s, tag,
			 &(struct op_load){ .lanes = lanes,
					    .due_until_wall_us = due_until_wall_us,
					    .limit = limit,
					    .due = true },
			 ret_err);
}

int store_load_probe(struct store *s, uint64_t tag, uint64_t lanes, int hold, struct err *ret_err)
{
	return load_work(
		s, tag,
		&(struct op_load){ .lanes = lanes, .limit = 1, .held = true, .probe = hold },
		ret_err);
}

int store_load_unknown(struct store *s, uint64_t tag, uint64_t lanes, unsigned limit,
		       enum unknown_policy policy, unsigned quarantine_s, bool changed,
		       struct err *ret_err)
{
	struct op *op;

	if (lanes == 0 || limit == 0) {
		err_set(ret_err, ERR_INTERNAL, 0, "a load of no lanes, or no rows");
		return -1;
	}
	op = store_new_op(s, OP_LOAD_UNKNOWN, tag, none, ret_err);
	if (!op)
		return -1;
	op->row.load_unknown =
		(struct op_load_unknown){ lanes, limit, policy, quarantine_s, changed };
	writer_submit(s->writer, op);
	return 0;
}

int store_load_ids(struct store *s, uint64_t tag, uint64_t lanes, const struct message_id *ids,
		   unsigned count, struct err *ret_err)
{
	struct op *op;

	if (lanes == 0 || count == 0 || count > STORE_CALLS_MAX) {
		err_set(ret_err, ERR_INTERNAL, 0, "a load of no lanes, or of %u ids", count);
		return -1;
	}
	op = store_new_op(s, OP_LOAD_IDS, tag, none, ret_err);
	if (!op)
		return -1;
	op->row.load_ids = calloc(1, sizeof(*op->row.load_ids));
	if (!op->row.load_ids) {
		op_free(op);
		err_set(ret_err, ERR_LIMIT, 0, "database: no memory");
		return -1;
	}
	op->row.load_ids->lanes = lanes;
	op->row.load_ids->count = count;
	memcpy(op->row.load_ids->ids, ids, count * sizeof(*ids));
	writer_submit(s->writer, op);
	return 0;
}

void store_lanes(struct store *s, uint64_t tag, const struct store_lanes *change)
{
	struct op *op = new_fact(s, OP_LANES, tag, none);

	op->row.lanes = malloc(sizeof(*change));
	if (!op->row.lanes)
		no_memory();
	*op->row.lanes = *change;
	writer_submit(s->writer, op);
}

int store_backlog(struct store *s, uint64_t tag, bool anew, int64_t least, struct err *ret_err)
{
	struct op *op = store_new_op(s, OP_COUNT, tag, none, ret_err);

	if (!op)
		return -1;
	op->row.count = (struct op_count){ anew, least };
	writer_submit(s->writer, op);
	return 0;
}

void store_ring(struct store *s, const struct message_id *to, const char *text)
{
	struct op *op;

	if (strlen(text) > STORE_RING_BYTES || store_pending(s) >= s->max_pending)
		return;
	op = op_new(OP_RING, 0, none, loop_now_ms(s->loop));
	if (!op)
		return;
	op->row.ring.text = strdup(text);
	if (!op->row.ring.text) {
		op_free(op);
		return;
	}
	reader_channel(to, op->row.ring.channel);
	reader_submit(s->reader, op);
}

/* --- the whole --- */

struct store *store_new(struct loop *loop, const struct store_settings *settings,
			const struct store_callbacks *callbacks, struct err *ret_err)
{
	struct store *s = calloc(1, sizeof(*s));

	if (!s) {
		err_set(ret_err, ERR_TEMPORARY, 0, "database: no memory");
		return NULL;
	}
	s->loop = loop;
	s->callbacks = *callbacks;
	s->max_pending = settings->max_pending;
	s->meter = settings->meter;
	s->incarnation = settings->incarnation;
	list_init(&s->completed);
	s->writer = writer_new(loop, settings, &s->completed, ret_err);
	s->reader = s->writer ? reader_new(loop, settings, callbacks, &s->completed, ret_err)
			      : NULL;
	s->quick = s->reader ? manager_new(loop, settings, false, &s->completed, ret_err) : NULL;
	s->slow = s->quick ? manager_new(loop, settings, true, &s->completed, ret_err) : NULL;
	if (!s->slow) {
		store_free(s);
		return NULL;
	}
	loop_hook(loop, pump, s);
	return s;
}

void store_free(struct store *s)
{
	struct list *node;

	if (!s)
		return;
	writer_free(s->writer);
	reader_free(s->reader);
	manager_free(s->quick);
	manager_free(s->slow);
	while ((node = list_take_first(&s->completed)))
		op_free(LIST_OBJECT(node, struct op, node));
	free(s);
}

bool store_ready(const struct store *s)
{
	return writer_ready(s->writer) && reader_ready(s->reader);
}

bool store_hears(const struct store *s)
{
	return reader_ready(s->reader);
}

const struct err *store_trouble(const struct store *s)
{
	const struct err *trouble = writer_trouble(s->writer);

	return trouble ? trouble : reader_trouble(s->reader);
}

const struct beacon_known *store_beacon(const struct store *s)
{
	return &writer_session(s->writer)->known;
}

const char *store_noticed(const struct store *s)
{
	return writer_session(s->writer)->noticed;
}

bool store_schema_mismatch(const struct store *s)
{
	return writer_schema_mismatch(s->writer);
}

unsigned store_pending(const struct store *s)
{
	return writer_pending(s->writer) + reader_pending(s->reader);
}

int64_t store_oldest_ms(const struct store *s)
{
	return writer_oldest_ms(s->writer);
}
