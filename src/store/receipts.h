/*
 * receipts - the writes of one webhook: its raw body, its receipts and notices, in portions that
 * share batches with other writes.  Who fails and who does not go in different statements.
 *
 * Each op of a call holds a share of it; what became of its receipts is gathered when it completes.
 */
#ifndef STORE_RECEIPTS_H
#define STORE_RECEIPTS_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/list.h"
#include "domain/notice.h"
#include "domain/receipts.h"
#include "store/batch_private.h"
#include "store/op.h"

struct receipts_call;

/* The ops of a call, to the end of `ops`, at least one; body and lists (each may be null) are
 * the call's.  bytes: of all calls, is kept up; may be null.  False: no memory, and nothing has
 * changed. */
bool receipts_ops(uint64_t tag, struct receipts *list, struct notices *notices, char *body,
		  size_t body_len, size_t *bytes, int64_t now_ms, struct list *ops) MUST_CHECK;
/* The second half of an op of more than one receipt or notice, as an op of its own; null: it is
 * one, or there is no memory. */
struct op *receipts_split(struct op *op, int64_t now_ms) MUST_CHECK;
/* What tells the caller that it took too long, while the op goes on; null: no memory. */
struct op *receipts_stand_in(const struct op *op, int64_t now_ms) MUST_CHECK;
/* The op has completed.  True: its call is to be told so. */
bool receipts_completed(const struct op *op, enum store_verdict *ret_verdict,
			struct store_received *ret_received);
/* With the op. */
void receipts_free_op(struct op *op);

static inline bool receipts_is(const struct op *op)
{
	return op->kind == OP_RECEIPTS || op->kind == OP_FAILURES || op->kind == OP_WEBHOOK ||
	       op->kind == OP_NOTICES;
}

/* Of sql/statements/receipts_lock, receipts, failures and webhook. */
void receipts_fill_lock(struct array *a, struct op *const *ops, unsigned count,
			const struct fill_context *context);
void receipts_fill(struct array *a, struct op *const *ops, unsigned count,
		   const struct fill_context *context);
void receipts_fill_failures(struct array *a, struct op *const *ops, unsigned count,
			    const struct fill_context *context);
void receipts_fill_webhook(struct array *a, struct op *const *ops, unsigned count,
			   const struct fill_context *context);
void receipts_read(const PGresult *result, struct op *const *ops, unsigned count);

/* For notices.c: the i-th of an op; and which op, and which of it, stands at a position of all,
 * from 1. */
const struct notice *receipts_notice(const struct op *op, unsigned i);
struct op *receipts_op_at(struct op *const *ops, unsigned count, int64_t position,
			  unsigned *ret_at) MUST_CHECK;

#endif
