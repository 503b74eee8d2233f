/*
 * count - how much work waits: the question, and the rows of the answer (statements
 * "backlog_view" and "backlog_count").
 */
#ifndef STORE_COUNT_H
#define STORE_COUNT_H

#include <libpq-fe.h>

#include "base/compiler.h"
#include "store/array.h"
#include "store/op.h"
#include "store/store.h"

/* Queues the statement.  0, or -1: libpq or memory failed. */
int count_send(const struct op_count *count, PGconn *handle, struct array *memory) MUST_CHECK;

/* The caller frees it; its texts are borrowed from the result.  Null: no memory, or a result
 * of another shape. */
struct store_backlog *count_read(const PGresult *result) MUST_CHECK;

#endif
