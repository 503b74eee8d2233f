/*
 * found - the results of reads, in text format, as the values that callers get.
 */
#ifndef STORE_FOUND_H
#define STORE_FOUND_H

#include <libpq-fe.h>

#include "store/store.h"

/* result null or without a row: not found.  Texts are borrowed from the result. */
void found_read(const PGresult *result, enum store_read_kind kind, struct store_found *ret_found);
/* The first row of message_facts; false: it is not to be understood. */
bool found_facts(const PGresult *result, struct message_facts *ret_facts);

/* Of a page of store_cancel_batch(), binary. */
void found_cancelled(const PGresult *result, struct store_found *ret_found);

#endif
