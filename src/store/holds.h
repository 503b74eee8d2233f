/*
 * holds - the holds in force: the question, and the answer (statement "holds").
 */
#ifndef STORE_HOLDS_H
#define STORE_HOLDS_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "store/array.h"
#include "store/op.h"
#include "store/store.h"

/* Queues the statement.  0, or -1: libpq or memory failed. */
int holds_send(int64_t version, PGconn *handle, struct array *memory) MUST_CHECK;

/* The same for OP_HOLD and OP_HOLD_RELEASE. */
int holds_send_change(const struct op *op, PGconn *handle, struct array *memory) MUST_CHECK;

/* holds->version: the one that was asked with.  The sets are the caller's to free, whatever is
 * returned.  False: no memory, or a row that cannot be: then nothing is known. */
bool holds_read(const PGresult *result, struct store_holds *holds) MUST_CHECK;

#endif
