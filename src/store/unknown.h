/*
 * unknown - loading work whose reply was lost: the question, and the rows of the answer
 * (statement "load_unknown").
 */
#ifndef STORE_UNKNOWN_H
#define STORE_UNKNOWN_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "base/compiler.h"
#include "store/array.h"
#include "store/op.h"
#include "store/store.h"

/* Queues the statement.  0, or -1: libpq or memory failed. */
int unknown_send(const struct op_load_unknown *load, PGconn *handle,
		 struct array *memory) MUST_CHECK;

/* Texts are borrowed from the result.  False: a row that cannot be, which is skipped. */
bool unknown_row(const PGresult *result, int row, struct store_unknown *ret_unknown) MUST_CHECK;

#endif
