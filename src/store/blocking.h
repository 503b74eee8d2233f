/*
 * blocking - PostgreSQL for commands that may wait: connect, run, wait for the answer.  Never
 * in a worker.
 */
#ifndef STORE_BLOCKING_H
#define STORE_BLOCKING_H

#include <libpq-fe.h>

#include "base/compiler.h"
#include "base/err.h"

/* Within 10 s; `name` is what PostgreSQL shows of this program.  The caller ends it with
 * PQfinish(); null with ret_err. */
PGconn *blocking_connect(const char *conninfo, const char *name, struct err *ret_err) MUST_CHECK;

/* Runs what may be several statements without parameters; the last one's result, which the
 * caller clears, or null with ret_err. */
PGresult *blocking_run(PGconn *db, const char *sql, struct err *ret_err) MUST_CHECK;
/* The same when the result does not matter.  0, or -1 with ret_err. */
int blocking_run_only(PGconn *db, const char *sql, struct err *ret_err) MUST_CHECK;

#endif
