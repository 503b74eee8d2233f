/*
 * At most one thing is in flight: a segment of the batch, or one load or upkeep.  Meanwhile
 * the queue grows into the next batch.
 *
 * Who owns an op: queue, batch, aside, an op in aside that it must wait behind, loads, or
 * `flying_load`; when its answer is known, `completed`.
 *
 * A batch that fails
 *   - for the data of a row is halved, until that row stands alone and is rejected;
 *   - for a lock, a deadlock or something unexpected is repeated twice, then halved; what
 *     cannot get its lock alone goes aside and is tried again by itself, what fails
 *     unexpectedly alone is rejected;
 *   - for the server's own trouble is repeated until that is over.
 *
 * An acceptance that times out
 *   - in the queue was never written: STORE_AWAY, gone;
 *   - in the batch, rolled back for certain and waiting to be repeated: the same;
 *   - in the batch and written: STORE_UNCERTAIN is told by a stand-in, and the op itself
 *     turns into a cancel (with a key: a release) with a copy of the message.  As such it is
 *     repeated with its batch, or, when the batch was committed after all, put at the head of
 *     the queue.
 * Loads wait until none of these is left, so that nobody begins what is to be cancelled (one
 * that is aside does not count: a lock holds the begin as well).  Loads and what is aside take
 * turns with batches: neither follows the other, or itself, while writes wait.
 */
#include "store/writer.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "store/array.h"
#include "store/aside.h"
#include "store/batch.h"
#include "store/connection.h"
#include "store/lease.h"
#include "store/linger.h"
#include "store/orphans.h"
#include "store/queue.h"
#include "store/read.h"
#include "store/receipts.h"
#include "store/session.h"
#include "store/sqlstate.h"
#include "store/upkeep.h"
#include "store/writer_private.h"

#define FLUSH_ROWS 200
#define TICK_MS 50
#define STUCK_MS 2000 /* no answer: trouble */
#define TROUBLE_MS 2000
#define GIVE_UP_MS 5000 /* no byte: another connection */
#define REPEATS 2
#define REPEAT_FIRST_MS 10
#define REPEAT_LAST_MS 1000

static void arm_tick(struct writer *w);

/* If it stood alone: what had to wait behind it goes on. */
static void release(struct writer *w, struct op *op)
{
	struct list *node;

	if (!op->aside)
		return;
	aside_release(&w->aside, op);
	while ((node = list_take_first(&op->behind)))
		queue_add(&w->queue, LIST_OBJECT(node, struct op, node));
}

/* Orphans that have found their messages. */
static void submit_found(struct writer *w, const PGresult *result)
{
	struct receipts *list = orphans_found(result);
	struct list ops;
	struct list *node;

	list_init(&ops);
	if (list && !receipts_ops(0, list, NULL, NULL, 0, NULL, writer_now_ms(w), &ops))
		receipts_free(list);
	while ((node = list_take_first(&ops)))
		writer_submit(w, LIST_OBJECT(node, struct op, node));
}

void writer_complete(struct writer *w, struct op *op, enum store_verdict verdict,
		     const struct err *err)
{
	if (upkeep_is(op)) {
		if (op->kind == OP_ORPHANS && verdict == STORE_DONE)
			submit_found(w, op->result);
		session_ticked(&w->session,
			       upkeep_ended(&w->upkeep, op, verdict, writer_now_ms(w)));
		op_free(op);
		return;
	}
	release(w, op);
	if (op->kind != OP_LANES)
		w->pending -= op->merged ? 2 : 1;
	if (op_is_settling(op))
		op_free(op);
	else
		op_complete(op, w->completed, verdict, err);
}

/* --- connected and not --- */

static void ready(void *arg)
{
	struct writer *w = arg;

	w->in_trouble = false;
	w->repeat_ms = 0;
	w->not_before_ms = 0;
	upkeep_submit(&w->upkeep, &w->loads, writer_now_ms(w));
}

static void lost(void *arg)
{
	struct writer *w = arg;

	meter_count(w->batch.meter, METRIC_CONNECTIONS_LOST, CONNECTION_WRITER, 0);
	if (w->flight == FLIGHT_BATCH)
		batch_lost(&w->batch);
	if (w->flying_load) {
		struct op *op = w->flying_load;

		w->flying_load = NULL;
		writer_complete(w, op, STORE_AWAY, connection_trouble(w->connection));
	}
	w->flight = FLIGHT_NONE;
}

/* --- answers --- */

/* After each failed try the wait grows; the first repetition is at once. */
static void repeat_later(struct writer *w)
{
	meter_count(w->batch.meter, METRIC_BATCHES, BATCHES_REPEATED, 0);
	if (w->repeat_ms == 0) {
		w->repeat_ms = REPEAT_FIRST_MS;
		return;
	}
	w->not_before_ms =
		writer_now_ms(w) + w->repeat_ms / 2 + random_u32() % (w->repeat_ms / 2 + 1);
	w->repeat_ms = w->repeat_ms * 2 > REPEAT_LAST_MS ? REPEAT_LAST_MS : w->repeat_ms * 2;
}

static void segment_committed(struct writer *w)
{
	struct batch *b = &w->batch;

	w->repeat_ms = 0;
	w->in_trouble = false;
	for (unsigned i = 0; i < b->sorted_count; i++) {
		struct op *op = b->sorted[i];
		struct err gone;

		if (op_is_settling(op) && op->sent_as == OP_ACCEPT) {
			op->doubt = true;
			release(w, op);
			queue_add_cancel(&w->queue, op);
			continue;
		}
		if (op->verdict != STORE_DONE)
			err_set(&gone, ERR_PERMANENT, 0, "%s",
				op->kind == OP_ACCEPT || op->kind == OP_ANSWER
					? "the key is another request's, or has another answer"
					: "the work is not as it was, or not ours");
		writer_complete(w, op, op->verdict, op->verdict == STORE_DONE ? NULL : &gone);
	}
	batch_pop(b);
}

/* The segment's one op has many receipts, of which one is bad: each half goes its own way. */
static bool split_receipts(struct writer *w)
{
	struct op *op = w->batch.sorted[0];
	struct op *second = receipts_split(op, writer_now_ms(w));

	if (!second)
		return false;
	batch_pop(&w->batch);
	w->repeat_ms = 0;
	w->pending++;
	list_append(&w->timed, &second->timed);
	queue_add(&w->queue, op);
	queue_add(&w->queue, second);
	return true;
}

/* The segment's one op is refused. */
static void reject(struct writer *w)
{
	struct batch *b = &w->batch;

	if (op_make_plain(b->sorted[0]) || split_receipts(w))
		return;
	meter_count(b->meter, METRIC_BATCHES, BATCHES_REJECTED, 0);
	writer_complete(w, b->sorted[0], STORE_REJECTED, &b->why);
	batch_pop(b);
}

/* The segment's one op cannot get its lock: from now on only it waits, and what comes after
 * it for the same message. */
static void set_aside(struct writer *w)
{
	struct batch *b = &w->batch;
	struct op *op = b->sorted[0];
	bool first = !op->aside;

	if (!aside_put(&w->aside, op, writer_now_ms(w))) {
		repeat_later(w);
		return;
	}
	batch_pop(b);
	w->repeat_ms = 0;
	if (!first)
		return;
	meter_count(b->meter, METRIC_BATCHES, BATCHES_ASIDE, 0);
	batch_take_message(b, op->id, &op->behind);
	queue_take_message(&w->queue, op->id, &op->behind);
}

/* Unchanged, while that may help; one from aside has had its repetitions. */
static bool repeat(struct writer *w)
{
	if (w->batch.repeated == REPEATS || w->batch.sorted[0]->aside)
		return false;
	w->batch.repeated++;
	repeat_later(w);
	return true;
}

static void trouble_came(struct writer *w)
{
	w->in_trouble = true;
	w->trouble_ms = writer_now_ms(w);
	w->trouble = w->batch.why;
}

static void segment_failed(struct writer *w)
{
	struct batch *b = &w->batch;

	switch (b->why_class) {
	case SQLSTATE_DATA:
		if (!batch_split(b))
			reject(w);
		return;
	case SQLSTATE_REPEAT:
		if (!repeat(w) && !batch_split(b) && !split_receipts(w))
			set_aside(w);
		return;
	case SQLSTATE_FENCED:
		meter_count(b->meter, METRIC_BATCHES, BATCHES_FENCED, 0);
		b->fenced = true; /* for ever; repeated at once, without attempts */
		return;
	case SQLSTATE_RECONNECT:
		connection_fail(w->connection, &b->why);
		return;
	case SQLSTATE_SCHEMA:
	case SQLSTATE_SERVER:
		trouble_came(w);
		repeat_later(w);
		return;
	case SQLSTATE_OTHER:
		trouble_came(w);
		if (!repeat(w) && !batch_split(b))
			reject(w);
		return;
	}
}

static void batch_answer(struct writer *w, const PGresult *result)
{
	switch (batch_result(&w->batch, result)) {
	case BATCH_MORE:
		return;
	case BATCH_COMMITTED:
		w->flight = FLIGHT_NONE;
		segment_committed(w);
		return;
	case BATCH_FAILED:
		w->flight = FLIGHT_NONE;
		segment_failed(w);
		return;
	}
}

static void load_answer(struct writer *w, PGresult *result)
{
	struct op *op = w->flying_load;

	if (!read_result(op, result))
		return;
	w->flight = FLIGHT_NONE;
	w->flying_load = NULL;
	writer_complete(w, op, op->verdict, &op->err);
}

static void readable(void *arg)
{
	struct writer *w = arg;
	PGresult *result;

	while (w->flight != FLIGHT_NONE && (result = connection_result(w->connection))) {
		if (w->flight == FLIGHT_LOAD) {
			load_answer(w, result);
		} else {
			batch_answer(w, result);
			PQclear(result);
		}
	}
}

/* --- sending --- */

static void give_up(struct writer *w, const char *why)
{
	struct err err;

	err_set(&err, ERR_TEMPORARY, 0, "database: %s", why);
	connection_fail(w->connection, &err);
}

static void send_segment(struct writer *w)
{
	int count = batch_send(&w->batch, connection_handle(w->connection), &w->memory,
			       w->session.incarnation, clock_wall_us());

	if (count == 0) {
		batch_pop(&w->batch);
		return;
	}
	w->flight = FLIGHT_BATCH;
	w->sent_ms = writer_now_ms(w);
	if (count < 0)
		give_up(w, "a batch could not be sent: no memory");
	else
		connection_flush(w->connection);
}

static void send_next(struct writer *w, struct list *from)
{
	struct op *op = LIST_OBJECT(list_take_first(from), struct op, node);

	op->verdict = STORE_DONE;
	w->flying_load = op;
	w->flight = FLIGHT_LOAD;
	w->sent_ms = writer_now_ms(w);
	if (read_send(op, &w->upkeep, connection_handle(w->connection), &w->memory,
		      w->session.incarnation, clock_wall_us()) != 0 ||
	    !PQpipelineSync(connection_handle(w->connection)))
		give_up(w, "a read could not be sent: no memory");
	else
		connection_flush(w->connection);
}

static void woken(void *arg)
{
	struct writer *w = arg;

	w->wake_timer = 0; /* the pump that follows the timers looks */
}

static void wake_at(struct writer *w, int64_t when_ms)
{
	if (!w->wake_timer)
		w->wake_timer = loop_timer(w->loop, when_ms, woken, w);
}

/* Is the queue to be flushed now?  Else it will be, by a timer. */
static bool ripe(struct writer *w)
{
	struct op *first = queue_first(&w->queue);
	int64_t due;

	if (!first)
		return false;
	due = first->submitted_ms + linger_ms(&w->linger, writer_now_ms(w));
	if (w->queue.count >= FLUSH_ROWS || op_is_settling(first) || writer_now_ms(w) >= due)
		return true;
	wake_at(w, due);
	return false;
}

static bool send_load_between(struct writer *w)
{
	if (list_empty(&w->loads) || w->queue.cancels > 0)
		return false;
	send_next(w, &w->loads);
	w->aside_next = true;
	return true;
}

static bool send_aside_between(struct writer *w)
{
	struct batch *b = &w->batch;
	struct op *op = aside_take(&w->aside, writer_now_ms(w));

	if (!op)
		return false;
	b->ops[0] = op;
	b->count = 1;
	batch_start(b);
	send_segment(w);
	w->aside_next = false;
	return true;
}

/* Between two batches. */
static bool send_between(struct writer *w)
{
	bool sent;

	if (w->between && w->queue.count > 0)
		return false;
	if (w->aside_next)
		sent = send_aside_between(w) || send_load_between(w);
	else
		sent = send_load_between(w) || send_aside_between(w);
	w->between = sent;
	return sent;
}

static bool send_something(struct writer *w)
{
	struct batch *b = &w->batch;

	if (!connection_ready(w->connection) || w->flight != FLIGHT_NONE)
		return false;
	if (lease_due(&w->lanes, &w->queue, w->batch.segment_count > 0)) {
		send_next(w, &w->lanes);
		return true;
	}
	if (writer_now_ms(w) < w->not_before_ms) {
		wake_at(w, w->not_before_ms);
		return false;
	}
	if (b->segment_count == 0) {
		if (send_between(w))
			return true;
		if (!ripe(w))
			return false;
		b->count = queue_take(&w->queue, b->ops, BATCH_ROWS, BATCH_BYTES);
		batch_start(b);
		w->between = false;
	}
	send_segment(w);
	return true;
}

bool writer_pump(struct writer *w)
{
	bool done = send_something(w);

	arm_tick(w);
	return done;
}

/* --- time-outs --- */

static int64_t silent_ms(const struct writer *w)
{
	int64_t heard = connection_heard_ms(w->connection);

	return writer_now_ms(w) - (heard > w->sent_ms ? heard : w->sent_ms);
}

static void tick(void *arg)
{
	struct writer *w = arg;

	w->tick_timer = 0;
	if (w->flight != FLIGHT_NONE && silent_ms(w) >= GIVE_UP_MS)
		give_up(w, "no answer for 5 s");
	writer_time_out(w);
	upkeep_submit(&w->upkeep, &w->loads, writer_now_ms(w));
	arm_tick(w);
}

/* Only what waits can be late. */
static void arm_tick(struct writer *w)
{
	const bool waits = w->pending > 0 || w->flight != FLIGHT_NONE || !list_empty(&w->lanes) ||
			   w->upkeep.mark;

	if (waits && !w->tick_timer)
		w->tick_timer = loop_timer(w->loop, writer_now_ms(w) + TICK_MS, tick, w);
}

/* --- for the store --- */

struct writer *writer_new(struct loop *loop, const struct store_settings *s, struct list *completed,
			  struct err *ret_err)
{
	struct writer *w = calloc(1, sizeof(*w));
	const struct connection_events events = {
		.setup = session_setup,
		.setup_result = session_setup_result,
		.setup_next = session_setup_next,
		.setup_arg = w ? &w->session : NULL,
		.ready = ready,
		.readable = readable,
		.lost = lost,
		.arg = w,
	};

	if (!w || session_init(&w->session, s) != 0 || aside_init(&w->aside) != 0 ||
	    queue_init(&w->queue) != 0) {
		err_set(ret_err, ERR_TEMPORARY, 0, "database: no memory");
		if (w) {
			session_fini(&w->session);
			table_free(w->aside.by_id);
		}
		free(w);
		return NULL;
	}
	w->loop = loop;
	w->accept_timeout_ms = s->accept_timeout_ms;
	w->upkeep.webhook_days = s->webhook_days;
	w->upkeep.meter = s->meter;
	w->completed = completed;
	w->batch.meter = s->meter;
	w->batch.again = s->again;
	list_init(&w->loads);
	list_init(&w->lanes);
	list_init(&w->timed);
	array_init(&w->memory);
	w->connection = connection_new(loop, s->conninfo, s->application_name, &session_kind,
				       &events, ret_err);
	if (!w->connection) {
		writer_free(w);
		return NULL;
	}
	return w;
}

void writer_free(struct writer *w)
{
	struct batch *b;
	struct list *node;

	if (!w)
		return;
	b = &w->batch;
	loop_cancel(w->loop, w->wake_timer);
	loop_cancel(w->loop, w->tick_timer);
	connection_free(w->connection);
	for (unsigned i = 0; i < b->segment_count; i++)
		for (unsigned j = 0; j < b->segments[i].count; j++)
			op_free(b->ops[b->segments[i].start + j]);
	while ((node = list_take_first(&w->loads)) || (node = list_take_first(&w->lanes)))
		op_free(LIST_OBJECT(node, struct op, node));
	op_free(w->flying_load);
	queue_fini(&w->queue);
	aside_fini(&w->aside);
	array_fini(&w->memory);
	session_fini(&w->session);
	free(w);
}

void writer_submit(struct writer *w, struct op *op)
{
	struct op *ahead;

	if (op->kind == OP_LANES) {
		lease_put(&w->lanes, op, &w->queue);
		return;
	}
	w->pending++;
	if (op->kind >= OP_LOAD && op->kind <= OP_CANCEL_BATCH) {
		list_append(&w->loads, &op->node);
		return;
	}
	if (op->kind == OP_CONVERSATION && op_merge(queue_last(&w->queue, op->id), op))
		return;
	ahead = aside_find(&w->aside, op->id);
	if (ahead) {
		list_append(&ahead->behind, &op->node);
		return;
	}
	linger_count(&w->linger);
	if (op->kind == OP_ACCEPT || receipts_is(op))
		list_append(&w->timed, &op->timed);
	queue_add(&w->queue, op);
}

bool writer_ready(const struct writer *w)
{
	return connection_ready(w->connection);
}

const struct err *writer_trouble(const struct writer *w)
{
	const struct err *trouble = connection_trouble(w->connection);
	static const struct err stuck = {
		.class = ERR_TEMPORARY,
		.text = "database: a batch has had no answer for 2 s",
	};

	if (trouble)
		return trouble;
	/* While something waits it is tried again every second at least; when nothing does,
	 * it takes a new write to find out. */
	if (w->in_trouble && writer_now_ms(w) - w->trouble_ms < TROUBLE_MS)
		return &w->trouble;
	return w->flight != FLIGHT_NONE && silent_ms(w) >= STUCK_MS ? &stuck : NULL;
}

bool writer_schema_mismatch(const struct writer *w)
{
	const struct err *trouble = connection_trouble(w->connection);

	return trouble && trouble->class == ERR_PERMANENT;
}

const struct session *writer_session(const struct writer *w)
{
	return &w->session;
}

unsigned writer_pending(const struct writer *w)
{
	return w->pending;
}

int64_t writer_oldest_ms(const struct writer *w)
{
	const struct op *first = queue_first(&w->queue);

	return first ? writer_now_ms(w) - first->submitted_ms : 0;
}

void writer_count_orphans(struct writer *w, bool counts)
{
	upkeep_count_orphans(&w->upkeep, counts);
}
