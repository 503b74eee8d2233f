/*
 * What a webhook tells, applied once more: the ops of the writer, each in a transaction of its own,
 * on a connection that may wait.
 */
#include <stdlib.h>
#include <string.h>

#include "store/array.h"
#include "store/blocking.h"
#include "store/connection.h"
#include "store/notices.h"
#include "store/query_private.h"
#include "store/receipts.h"
#include "store/sqlstate.h"

#define TRIES 3 /* while workers hold what is to be changed; each waits for lock_timeout */

typedef void fill_fn(struct array *a, struct op *const *ops, unsigned count,
		     const struct fill_context *context);

char *query_bytes(const struct query *q, unsigned row, unsigned column, size_t *ret_len)
{
	const char *text = PQgetvalue(q->result, (int)row, (int)column);
	unsigned char *made = PQunescapeBytea((const unsigned char *)text, ret_len);
	char *bytes = made ? malloc(*ret_len + 1) : NULL;

	if (bytes) {
		memcpy(bytes, made, *ret_len);
		bytes[*ret_len] = '\0';
	}
	PQfreemem(made);
	return bytes;
}

/* What is told once more sends nothing again; of what had been lost a failure is final.  -1: what
 * PostgreSQL says of it is the query's result. */
static int run(struct query *q, const char *statement, fill_fn *fill, struct op *op)
{
	static const struct store_again never = { .on = false };
	const struct fill_context context = { .again = &never };
	struct array memory;
	struct array_values v;
	ExecStatusType status = PGRES_FATAL_ERROR;

	array_init(&memory);
	fill(&memory, &op, 1, &context);
	PQclear(q->result);
	q->result = NULL;
	if (array_values(&memory, &v)) {
		q->result = PQexecParams(q->handle, query_text(statement), v.count, NULL, v.values,
					 v.lengths, v.formats, 1);
		status = PQresultStatus(q->result);
	}
	array_fini(&memory);
	return status == PGRES_TUPLES_OK ? 0 : -1;
}

/* Reads what came of it, too. */
static int run_op(struct query *q, struct op *op)
{
	const bool failed = op->kind == OP_FAILURES;

	if (op->kind == OP_NOTICES) {
		if (run(q, "notices", notices_fill, op))
			return -1;
		notices_read(q->result, &op, 1);
		return 0;
	}
	if (run(q, "receipts_lock", receipts_fill_lock, op) ||
	    run(q, failed ? "failures" : "receipts",
		failed ? receipts_fill_failures : receipts_fill, op))
		return -1;
	receipts_read(q->result, &op, 1);
	return 0;
}

static bool is_its_own_fault(enum sqlstate_class class)
{
	return class == SQLSTATE_DATA || class == SQLSTATE_REPEAT || class == SQLSTATE_OTHER;
}

/* DONE, REJECTED (its own fault), or AWAY with ret_err. */
static enum store_verdict apply(struct query *q, struct op *op, bool dry_run, struct err *ret_err)
{
	for (unsigned i = 1;; i++) {
		enum sqlstate_class class;

		/* Rows are reached by their keys, whatever statistics say. */
		if (blocking_run_only(q->handle, "BEGIN; SET LOCAL enable_seqscan = off", ret_err))
			return STORE_AWAY;
		if (!run_op(q, op))
			return blocking_run_only(q->handle, dry_run ? "ROLLBACK" : "COMMIT",
						 ret_err)
				       ? STORE_AWAY
				       : STORE_DONE;
		class = sqlstate_classify(PQresultErrorField(q->result, PG_DIAG_SQLSTATE));
		connection_describe(q->result, ret_err);
		if (!is_its_own_fault(class) || blocking_run_only(q->handle, "ROLLBACK", ret_err))
			return STORE_AWAY;
		if (class != SQLSTATE_REPEAT || i == TRIES)
			return STORE_REJECTED;
	}
}

int query_webhook(struct query *q, struct receipts *receipts, struct notices *notices, bool dry_run,
		  struct store_received *ret, struct err *ret_err)
{
	struct list ops;
	struct list *node;
	int rc = 0;

	*ret = (struct store_received){ .fresh = 0 };
	list_init(&ops);
	if (!receipts && !notices)
		return 0;
	if (!receipts_ops(1, receipts, notices, NULL, 0, NULL, 0, &ops)) {
		receipts_free(receipts);
		notices_free(notices);
		err_set(ret_err, ERR_TEMPORARY, 0, "database: no memory");
		return -1;
	}
	while ((node = list_take_first(&ops))) {
		struct op *op = LIST_OBJECT(node, struct op, node);
		struct op *second = NULL;
		enum store_verdict verdict;

		if (!rc) {
			op->verdict = apply(q, op, dry_run, ret_err);
			rc = op->verdict == STORE_AWAY ? -1 : 0;
			if (op->verdict == STORE_REJECTED)
				second = receipts_split(op, 0);
		}
		if (second) {
			list_append(&ops, &op->node);
			list_append(&ops, &second->node);
			continue;
		}
		if (receipts_completed(op, &verdict, ret))
			ret->acts = NULL; /* nothing is to follow */
		op_free(op);
	}
	return rc;
}
