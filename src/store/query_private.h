/*
 * query_private - the blocking connection from within: what its files share.
 */
#ifndef STORE_QUERY_PRIVATE_H
#define STORE_QUERY_PRIVATE_H

#include <libpq-fe.h>

#include "base/compiler.h"
#include "store/query.h"

struct query {
	PGconn *handle;
	PGresult *result; /* of the last statement */
};

/* Of sql/statements; null: there is none. */
const char *query_text(const char *name) MUST_CHECK;

#endif
