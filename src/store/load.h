/*
 * load - loading live work: the question, and the rows of the answer (statements
 * "load_queues", "load_copies" and others); and which queues have any ("queues").
 */
#ifndef STORE_LOAD_H
#define STORE_LOAD_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "store/array.h"
#include "store/op.h"
#include "store/store.h"

/* Queues the statement.  0, or -1: libpq or memory failed. */
int load_send(const struct op_load *load, PGconn *handle, struct array *memory,
	      int64_t now_wall_us) MUST_CHECK;

int load_send_ids(const struct op_load_ids *load, PGconn *handle, struct array *memory) MUST_CHECK;
int load_send_queues(const struct op_load_queues *load, PGconn *handle, struct array *memory,
		     int64_t now_wall_us) MUST_CHECK;
int load_send_census(const struct op_queues *ask, PGconn *handle, struct array *memory,
		     int64_t now_wall_us) MUST_CHECK;

/* What counts from now is told by the server's clock; now_wall_us is when it answered, by the
 * clock it is turned into.  Texts are borrowed from the result.  False: a row that cannot be,
 * which is skipped. */
bool load_row(const PGresult *result, int row, int64_t now_wall_us,
	      struct store_work *ret_work) MUST_CHECK;
struct store_queue load_queue(const PGresult *result, int row);

#endif
