/*
 * What has waited too long is told so: an acceptance or a webhook that may have been written goes
 * on without its caller.
 */
#include "store/receipts.h"
#include "store/writer_private.h"

#define LOAD_TIMEOUT_MS 2000

static const struct err *why_late(const struct writer *w, struct err *memory)
{
	const struct err *trouble = writer_trouble(w);

	if (trouble)
		return trouble;
	err_set(memory, ERR_TEMPORARY, 0, "database: not committed in time");
	return memory;
}

static void accept_timed_out(struct writer *w, struct op *op)
{
	struct err memory;
	const struct err *why = why_late(w, &memory);

	meter_bound(w->batch.meter, BOUND_ACCEPT_TIME);
	if (op->flying || op->doubt) {
		const bool webhook = receipts_is(op);
		struct op *told = webhook ? receipts_stand_in(op, writer_now_ms(w))
					  : op_turn_into_cancel(op);

		if (!told) /* again at the next tick */
			return;
		list_remove(&op->timed);
		op_complete(told, w->completed, webhook ? STORE_AWAY : STORE_UNCERTAIN, why);
		return;
	}
	if (!op->aside && !list_empty(&op->node))
		queue_remove(&w->queue, op);
	else
		batch_remove(&w->batch, op);
	writer_complete(w, op, STORE_AWAY, why);
}

static void time_out_accepts(struct writer *w)
{
	struct list *node = w->timed.next;

	while (node != &w->timed) {
		struct op *op = LIST_OBJECT(node, struct op, timed);

		if (writer_now_ms(w) - op->submitted_ms < w->accept_timeout_ms)
			return;
		node = node->next;
		accept_timed_out(w, op);
	}
}

static void time_out_loads(struct writer *w, struct list *loads)
{
	while (!list_empty(loads)) {
		struct op *op = LIST_OBJECT(loads->next, struct op, node);
		struct err memory;

		if (writer_now_ms(w) - op->submitted_ms < LOAD_TIMEOUT_MS)
			return;
		writer_complete(w, op, STORE_AWAY, why_late(w, &memory));
	}
}

void writer_time_out(struct writer *w)
{
	time_out_accepts(w);
	time_out_loads(w, &w->loads);
	time_out_loads(w, &w->lanes);
}
