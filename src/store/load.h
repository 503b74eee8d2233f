/*
 * load - rows of live work out of the result of statements "load" and "load_copies".
 */
#ifndef STORE_LOAD_H
#define STORE_LOAD_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "base/compiler.h"
#include "store/store.h"

/* Texts are borrowed from the result.  False: a row that cannot be, which is skipped. */
bool load_row(const PGresult *result, int row, struct store_work *ret_work) MUST_CHECK;

#endif
