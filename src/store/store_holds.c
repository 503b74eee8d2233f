#include <stdlib.h>
#include <string.h>

#include "store/store_private.h"

static const struct message_id none;

static struct op *new_hold_op(struct store *s, enum op_kind kind, const char *note)
{
	struct err err;
	struct op *op = store_new_op(s, kind, 0, none, &err);

	if (op)
		op->row.hold.note = strdup(note);
	if (op && !op->row.hold.note) {
		op_free(op);
		return NULL;
	}
	return op;
}

void store_set_hold(struct store *s, const struct hold *hold, const char *note)
{
	struct op *op = new_hold_op(s, OP_HOLD, note);

	if (!op)
		return;
	op->row.hold.hold = malloc(sizeof(*hold));
	if (!op->row.hold.hold) {
		op_free(op);
		return;
	}
	*op->row.hold.hold = *hold;
	writer_submit(s->writer, op);
}

void store_release_hold(struct store *s, int hold, const char *note)
{
	struct op *op = new_hold_op(s, OP_HOLD_RELEASE, note);

	if (!op)
		return;
	op->row.hold.id = hold;
	writer_submit(s->writer, op);
}

int store_holds(struct store *s, int64_t version, struct err *ret_err)
{
	struct op *op = store_new_op(s, OP_HOLDS, 0, none, ret_err);

	if (!op)
		return -1;
	op->row.holds_version = version;
	writer_submit(s->writer, op);
	return 0;
}
