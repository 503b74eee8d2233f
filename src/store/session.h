/*
 * session - what a writer's session is: role, settings, prepared statements, a schema that
 * fits this program, and the worker's incarnation registered.
 */
#ifndef STORE_SESSION_H
#define STORE_SESSION_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "base/compiler.h"
#include "base/err.h"
#include "domain/message_id.h"
#include "store/connection.h"
#include "store/store.h"

struct session {
	struct message_id incarnation;
	struct message_id node_id;
	char *worker;
	char *boot_id;
	char *node_file;
	bool schema_checked; /* in this set-up */
};

extern const struct connection_kind session_kind;

/* -1: no memory. */
int session_init(struct session *s, const struct store_settings *from) MUST_CHECK;
void session_fini(struct session *s);

/* As of connection_events.  The result says ERR_PERMANENT when the schema does not fit. */
int session_setup(struct session *s, PGconn *handle) MUST_CHECK;
int session_setup_result(struct session *s, const PGresult *result, struct err *ret_err) MUST_CHECK;

/* Do these rows of `schema` name this program's migrations?  0, or -1 with ERR_PERMANENT. */
int session_check_schema(const PGresult *result, struct err *ret_err) MUST_CHECK;

#endif
