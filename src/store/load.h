/*
 * load - rows of live work out of the result of statements "load" and "load_copies".
 */
#ifndef STORE_LOAD_H
#define STORE_LOAD_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "store/store.h"

/* Times that count from now are the server's; now_wall_us is when it answered, by the clock
 * they are turned into.  Texts are borrowed from the result.  False: a row that cannot be, which is skipped. */
bool load_row(const PGresult *result, int row, int64_t now_wall_us,
	      struct store_work *ret_work) MUST_CHECK;

#endif
