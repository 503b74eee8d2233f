/*
 * session - what a writer's session is: role, settings, prepared statements, a schema that
 * fits this program, a server that is still the one we know, and the worker's incarnation
 * registered, once.
 *
 * A server that was restored or failed over is noticed here, before the session's first batch
 * (domain/beacon.h): then all lives of workers are fenced and lanes held, ours too unless it
 * is not registered yet.
 */
#ifndef STORE_SESSION_H
#define STORE_SESSION_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "base/compiler.h"
#include "base/err.h"
#include "domain/beacon.h"
#include "domain/message_id.h"
#include "store/connection.h"
#include "store/store.h"

struct session {
	struct message_id incarnation;
	struct message_id node_id;
	char *worker;
	char *boot_id;
	char *node_file;
	unsigned answers; /* seen in this set-up */
	bool registering;
	bool registered;
	struct beacon beacon; /* as the last answer had it … */
	struct beacon_server server;
	bool served;               /* … if there was one */
	struct beacon_known known; /* by us: ticks that are committed */
	char noticed[STORE_NOTICED_BYTES];
};

extern const struct connection_kind session_kind;

/* -1: no memory. */
int session_init(struct session *s, const struct store_settings *from) MUST_CHECK;
void session_fini(struct session *s);

/* As of connection_events.  The result says ERR_PERMANENT when the schema does not fit. */
int session_setup(void *session, PGconn *handle) MUST_CHECK;
int session_setup_result(void *session, const PGresult *result, struct err *ret_err) MUST_CHECK;
int session_setup_next(void *session, PGconn *handle) MUST_CHECK;

/* The beacon has ticked, and that is committed. */
void session_ticked(struct session *s, int64_t ticks);

/* Do these rows of `schema` name this program's migrations?  0, or -1 with ERR_PERMANENT. */
int session_check_schema(const PGresult *result, struct err *ret_err) MUST_CHECK;

#endif
