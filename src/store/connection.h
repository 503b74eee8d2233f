/*
 * connection - one connection to PostgreSQL, kept up: resolves, connects, sets the session
 * up, watches the socket, and starts again with a growing, jittered wait when it is lost.
 * Never blocks.
 *
 * The owner queues statements on connection_handle() (pipeline mode, prepared statements of
 * its list) while it is ready, ends them with PQpipelineSync(), and calls
 * connection_flush().  Events come from the loop or from within connection_fail().
 */
#ifndef STORE_CONNECTION_H
#define STORE_CONNECTION_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/loop.h"

struct connection;

struct connection_setting {
	const char *name;
	const char *value;
};

/* What kind of session it is: static rows.  Lists end with a null. */
struct connection_kind {
	const char *role; /* set when it exists and may be */
	const struct connection_setting *settings;
	const char *const *statements; /* names of sql_statements to prepare */
};

struct connection_events {
	/* Queues what this session needs besides settings, role and statements; may use the
	 * prepared statements.  Null: nothing.  0 or -1. */
	int (*setup)(void *setup_arg, PGconn *handle);
	/* Its results, in order.  0 or -1 with ret_err: the connection is no good. */
	int (*setup_result)(void *setup_arg, const PGresult *result, struct err *ret_err);
	/* These are in and committed: queues another round.  Null, or 0: the session is ready; 1:
	 * queued; -1. */
	int (*setup_next)(void *setup_arg, PGconn *handle);
	void *setup_arg; /* of these three */
	void (*ready)(void *arg);
	/* Something came in: read with connection_result(). */
	void (*readable)(void *arg);
	/* It was ready and is not any more; what was not answered will not be. */
	void (*lost)(void *arg);
	void *arg;
};

struct connection *connection_new(struct loop *loop, const char *conninfo,
				  const char *application_name, const struct connection_kind *kind,
				  const struct connection_events *events,
				  struct err *ret_err) MUST_CHECK;
void connection_free(struct connection *c);

bool connection_ready(const struct connection *c);
/* Null while ready; else why not; borrowed. */
const struct err *connection_trouble(const struct connection *c);
/* Null unless ready. */
PGconn *connection_handle(struct connection *c);
void connection_flush(struct connection *c);
/* When the last byte came, loop time. */
int64_t connection_heard_ms(const struct connection *c);
/* The next result, or null when there is none now (or the connection was lost).  PQclear()
 * it. */
PGresult *connection_result(struct connection *c) MUST_CHECK;
/* Gives the connection up and starts again. */
void connection_fail(struct connection *c, const struct err *why);

/* An error result as struct err: class by sqlstate, one line. */
void connection_describe(const PGresult *result, struct err *ret_err);

#endif
