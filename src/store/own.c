#include "store/own.h"

#include <stdlib.h>

#include "base/text.h"
#include "store/store_private.h"

int own_send(const struct op_own *own, PGconn *handle)
{
	const char *const values[] = { own->tenant_id, own->outlet_id };

	return PQsendQueryPrepared(handle, "own_outlet", 2, values, NULL, NULL, 1) ? 0 : -1;
}

static struct store_sealed sealed(const PGresult *result, int column)
{
	if (PQgetisnull(result, 0, column))
		return (struct store_sealed){ .len = 0 };
	return (struct store_sealed){
		.bytes = (const uint8_t *)PQgetvalue(result, 0, column),
		.len = (size_t)PQgetlength(result, 0, column),
	};
}

static bool read_row(const struct op *op, struct store_own *ret_own)
{
	const PGresult *result = op->result;

	if (!result || PQntuples(result) != 1 || PQnfields(result) != 4)
		return false;
	*ret_own = (struct store_own){
		.tenant_id = op->row.own->tenant_id,
		.outlet_id = op->row.own->outlet_id,
		.fault = PQgetisnull(result, 0, 0) ? NULL : PQgetvalue(result, 0, 0),
		.number = PQgetvalue(result, 0, 1),
		.token = sealed(result, 2),
		.app_secret = sealed(result, 3),
	};
	return true;
}

void own_tell(const struct op *op, store_own_fn *fn, void *arg)
{
	struct store_own own;
	const bool done = op->verdict == STORE_DONE && read_row(op, &own);

	fn(arg, op->tag, done ? STORE_DONE : STORE_AWAY, done ? &own : NULL,
	   done ? NULL : &op->err);
}

int store_own(struct store *s, uint64_t tag, const char *tenant_id, const char *outlet_id,
	      struct err *ret_err)
{
	const struct message_id none = { { 0 } };
	struct op *op = store_new_op(s, OP_OWN, tag, none, ret_err);

	if (!op)
		return -1;
	op->row.own = calloc(1, sizeof(*op->row.own));
	if (op->row.own &&
	    text_copy(op->row.own->tenant_id, sizeof(op->row.own->tenant_id), tenant_id) &&
	    text_copy(op->row.own->outlet_id, sizeof(op->row.own->outlet_id), outlet_id)) {
		reader_submit(s->reader, op);
		return 0;
	}
	op_free(op);
	err_set(ret_err, ERR_LIMIT, 0, "database: no memory");
	return -1;
}
