#include "store/op.h"

#include <stdlib.h>

struct op *op_new(enum op_kind kind, uint64_t tag, struct message_id id, int64_t now_ms)
{
	struct op *op = calloc(1, sizeof(*op));

	if (!op)
		return NULL;
	list_init(&op->node);
	list_init(&op->timed);
	list_init(&op->behind);
	op->kind = kind;
	op->tag = tag;
	op->id = id;
	op->submitted_ms = now_ms;
	return op;
}

void op_free(struct op *op)
{
	struct list *node;

	if (!op)
		return;
	while ((node = list_take_first(&op->behind)))
		op_free(LIST_OBJECT(node, struct op, node));
	list_remove(&op->node);
	list_remove(&op->timed);
	PQclear(op->result);
	message_free(op->own);
	op_free(op->merged);
	free(op);
}

void op_complete(struct op *op, struct list *completed, enum store_verdict verdict,
		 const struct err *err)
{
	struct op *merged = op->merged;

	op->verdict = verdict;
	if (verdict != STORE_DONE && err)
		op->err = *err;
	op->merged = NULL;
	list_remove(&op->timed);
	list_remove(&op->node);
	list_append(completed, &op->node);
	if (merged)
		op_complete(merged, completed, verdict, err);
}
