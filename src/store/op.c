#include "store/op.h"

#include <stdlib.h>
#include <string.h>

#include "store/receipts.h"

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
	free(op->own_reason);
	free(op->own_tenant);
	free(op->own_outlets);
	if (op->key)
		free(op->key->answer_body);
	free(op->key);
	if (op->kind == OP_ANSWER)
		free(op->row.answer.body);
	if (receipts_is(op))
		receipts_free_op(op);
	if (op->kind == OP_LANES)
		free(op->row.lanes);
	if (op->kind == OP_LOAD_IDS)
		free(op->row.load_ids);
	if (op->kind == OP_LOAD_QUEUES)
		free(op->row.load_queues);
	if (op->kind == OP_LOOKS)
		free(op->row.looks);
	if (op->kind == OP_OWN)
		free(op->row.own);
	if (op->kind == OP_HOLD || op->kind == OP_HOLD_RELEASE) {
		free(op->row.hold.hold);
		free(op->row.hold.note);
	}
	if (op->kind == OP_RING)
		free(op->row.ring.text);
	if (op->kind == OP_KEYS_USED)
		free(op->row.keys_used);
	if (op->kind == OP_MANAGE)
		free(op->row.manage);
	op_free(op->merged);
	free(op);
}

struct op *op_turn_into_cancel(struct op *op)
{
	struct store_accept *row = &op->row.accept;
	struct message *own = message_copy(row->message);
	char *reason = row->failure_reason ? strdup(row->failure_reason) : NULL;
	struct op *told = own && (reason || !row->failure_reason)
				  ? op_new(OP_ACCEPT, op->tag, op->id, op->submitted_ms)
				  : NULL;

	if (!told) {
		message_free(own);
		free(reason);
		return NULL;
	}
	list_remove(&op->timed);
	row->message = op->own = own;
	row->failure_reason = op->own_reason = reason;
	op->kind = op->key ? OP_RELEASE : OP_CANCEL;
	return told;
}

bool op_make_plain(struct op *op)
{
	struct store_outcome *row = &op->row.outcome;

	if (op->kind != OP_OUTCOME || op->plain)
		return false;
	op->plain = true;
	row->title = row->details = row->trace = row->failure_reason = "";
	return true;
}

bool op_merge(struct op *outcome, struct op *conversation)
{
	if (!outcome || outcome->kind != OP_OUTCOME || !conversation->row.conversation.stored ||
	    outcome->row.outcome.next != STORE_NEXT_CONVERSATION)
		return false;
	outcome->row.outcome.next = STORE_NEXT_DONE;
	outcome->merged = conversation;
	return true;
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
