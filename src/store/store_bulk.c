#include <stdlib.h>
#include <string.h>

#include "store/store_private.h"

int store_add(struct store *s, uint64_t tag, const struct store_accept *row, struct err *ret_err)
{
	struct op *op = store_new_op(s, OP_ADD, tag, row->message->id, ret_err);

	if (!op)
		return -1;
	op->row.accept = *row;
	op->bytes = 400 + strlen(row->message->payload);
	if (row->key && !store_keep_key(op, row->key, ret_err))
		return -1;
	op->row.accept.key = op->key;
	op->own = (struct message *)(uintptr_t)row->message;
	writer_submit(s->writer, op);
	return 0;
}

int store_open_batch(struct store *s, uint64_t tag, const struct store_batch *row,
		     struct err *ret_err)
{
	struct op *op = store_new_op(s, OP_OPEN, tag, row->id, ret_err);

	if (!op)
		return -1;
	op->row.open = *row;
	op->bytes = 200;
	if (row->key && !store_keep_key(op, row->key, ret_err))
		return -1;
	op->row.open.tenant_id = op->own_reason = strdup(row->tenant_id);
	if (!op->own_reason) {
		op_free(op);
		err_set(ret_err, ERR_LIMIT, 0, "database: no memory");
		return -1;
	}
	writer_submit(s->writer, op);
	return 0;
}

int store_close_batch(struct store *s, uint64_t tag, struct message_id id, unsigned accepted,
		      unsigned refused, struct err *ret_err)
{
	struct op *op = store_new_op(s, OP_CLOSE, tag, id, ret_err);

	if (!op)
		return -1;
	op->row.close = (struct op_close){ accepted, refused };
	op->bytes = 100;
	writer_submit(s->writer, op);
	return 0;
}

int store_cancel_batch(struct store *s, uint64_t tag, struct message_id id, struct message_id after,
		       struct err *ret_err)
{
	struct op *op = store_new_op(s, OP_CANCEL_BATCH, tag, id, ret_err);

	if (!op)
		return -1;
	op->row.cancel_after = after;
	writer_submit(s->writer, op);
	return 0;
}
