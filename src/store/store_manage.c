/*
 * What is decided by key.
 */
#include <stdlib.h>
#include <string.h>

#include "store/manager.h"
#include "store/op.h"
#include "store/store_private.h"

unsigned store_rows_count(const struct store_rows *rows)
{
	return (unsigned)PQntuples((const PGresult *)rows);
}

const char *store_rows_value(const struct store_rows *rows, unsigned row, unsigned column)
{
	const PGresult *result = (const PGresult *)rows;

	return PQgetisnull(result, (int)row, (int)column)
		       ? NULL
		       : PQgetvalue(result, (int)row, (int)column);
}

static struct op_manage *copy(enum store_manage what, const char *const *values, unsigned count)
{
	struct op_manage *row;
	size_t size = 0;
	char *at;

	for (unsigned i = 0; i < count; i++)
		size += values[i] ? strlen(values[i]) + 1 : 0;
	row = malloc(sizeof(*row) + size);
	if (!row)
		return NULL;
	row->what = what;
	row->count = count;
	at = row->texts;
	for (unsigned i = 0; i < count; i++) {
		const size_t len = values[i] ? strlen(values[i]) + 1 : 0;

		row->values[i] = values[i] ? memcpy(at, values[i], len) : NULL;
		at += len;
	}
	return row;
}

int store_manage(struct store *s, uint64_t tag, enum store_manage what, const char *const *values,
		 unsigned count, struct err *ret_err)
{
	const struct message_id none = { { 0 } };
	struct op *op;

	if (count > STORE_MANAGE_VALUES) {
		err_set(ret_err, ERR_INTERNAL, 0, "database: %u parameters", count);
		return -1;
	}
	op = store_new_op(s, OP_MANAGE, tag, none, ret_err);
	if (!op)
		return -1;
	op->row.manage = copy(what, values, count);
	if (op->row.manage && manager_submit(what >= STORE_REPLAY_COUNT ? s->slow : s->quick, op))
		return 0;
	op_free(op);
	meter_bound(s->meter, BOUND_MANAGING);
	err_set(ret_err, ERR_LIMIT, 0, "database: %d decisions wait already",
		STORE_MANAGE_WAITING_MAX);
	return -1;
}

void store_tell_managed(struct store *s, const struct op *op)
{
	const bool done = op->verdict == STORE_DONE;

	if (s->callbacks.managed)
		s->callbacks.managed(s->callbacks.arg, op->tag, op->verdict,
				     done ? (const struct store_rows *)op->result : NULL,
				     done ? NULL : &op->err);
}
