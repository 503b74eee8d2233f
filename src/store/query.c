#include "store/query.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "store/blocking.h"
#include "store/connection.h"
#include "store/found.h"
#include "store/query_private.h"
#include "store/session.h"
#include "store/sql.h"

#define SQL_BYTES 8192

/* The work is never kept waiting for long by somebody who looks at it. */
static const char setup_sql[] =
	"SET search_path = pg_catalog, pg_temp; SET timezone = 'UTC'; SET lock_timeout = '5s'; "
	"SET statement_timeout = '30s'; SET client_min_messages = error; "
	"DO $$ BEGIN SET ROLE message_sender_app; "
	"EXCEPTION WHEN undefined_object OR invalid_parameter_value OR insufficient_privilege THEN "
	"NULL; END $$";

static const char report_sql[] =
	"SET search_path = pg_catalog, pg_temp; SET timezone = 'UTC'; SET lock_timeout = '5s'; "
	"SET statement_timeout = '60s'; SET default_transaction_read_only = on; "
	"SET client_min_messages = error; DO $$ BEGIN SET ROLE message_sender_report; "
	"EXCEPTION WHEN undefined_object OR invalid_parameter_value OR insufficient_privilege THEN "
	"NULL; END $$";

/* Of pg_type, whose numbers never change. */
enum { OID_INT8 = 20, OID_INT2 = 21, OID_INT4 = 23, OID_REAL = 700, OID_NUMERIC = 1700 };

const char *query_text(const char *name)
{
	for (size_t i = 0; i < sql_statements_count; i++)
		if (strcmp(sql_statements[i].name, name) == 0)
			return sql_statements[i].text;
	return NULL;
}

static int keep(struct query *q, PGresult *result, struct err *ret_err)
{
	const ExecStatusType status = PQresultStatus(result);

	PQclear(q->result);
	q->result = result;
	if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
		return 0;
	connection_describe(result, ret_err);
	return -1;
}

int query_run(struct query *q, const char *statement, int count, const char *const *values,
	      struct err *ret_err)
{
	const char *text = query_text(statement);

	if (!text) {
		err_set(ret_err, ERR_INTERNAL, 0, "there is no statement %s", statement);
		return -1;
	}
	return keep(q, PQexecParams(q->handle, text, count, NULL, values, NULL, NULL, 0), ret_err);
}

int query_run_json(struct query *q, const char *statement, int count, const char *const *values,
		   struct err *ret_err)
{
	const char *text = query_text(statement);
	struct str sql = STR_INIT(SQL_BYTES);
	int rc = -1;

	if (!text ||
	    !str_append_format(&sql, "SELECT coalesce(json_agg(t), '[]') FROM (\n%s\n) AS t", text))
		err_set(ret_err, ERR_INTERNAL, 0, "there is no statement %s", statement);
	else
		rc = keep(q, PQexecParams(q->handle, sql.data, count, NULL, values, NULL, NULL, 0),
			  ret_err);
	str_fini(&sql);
	return rc;
}

static int set_up(struct query *q, struct err *ret_err)
{
	if (blocking_run_only(q->handle, setup_sql, ret_err) != 0 ||
	    query_run(q, "schema", 0, NULL, ret_err) != 0)
		return -1;
	return session_check_schema(q->result, ret_err);
}

static int set_up_report(struct query *q, struct err *ret_err)
{
	return blocking_run_only(q->handle, report_sql, ret_err);
}

static struct query *open_with(const char *conninfo, int (*prepare)(struct query *, struct err *),
			       struct err *ret_err)
{
	struct query *q = calloc(1, sizeof(*q));

	if (!q) {
		err_set(ret_err, ERR_TEMPORARY, 0, "database: no memory");
		return NULL;
	}
	q->handle = blocking_connect(conninfo, "message-sender command", ret_err);
	if (q->handle && prepare(q, ret_err) == 0)
		return q;
	query_close(q);
	return NULL;
}

struct query *query_open(const char *conninfo, struct err *ret_err)
{
	return open_with(conninfo, set_up, ret_err);
}

struct query *query_open_report(const char *conninfo, struct err *ret_err)
{
	return open_with(conninfo, set_up_report, ret_err);
}

void query_close(struct query *q)
{
	if (!q)
		return;
	PQclear(q->result);
	PQfinish(q->handle);
	free(q);
}

unsigned query_rows(const struct query *q)
{
	return (unsigned)PQntuples(q->result);
}

unsigned query_columns(const struct query *q)
{
	return (unsigned)PQnfields(q->result);
}

const char *query_value(const struct query *q, unsigned row, unsigned column)
{
	return PQgetisnull(q->result, (int)row, (int)column)
		       ? NULL
		       : PQgetvalue(q->result, (int)row, (int)column);
}

const char *query_name(const struct query *q, unsigned column)
{
	return PQfname(q->result, (int)column);
}

bool query_is_number(const struct query *q, unsigned column)
{
	switch (PQftype(q->result, (int)column)) {
	case OID_INT2:
	case OID_INT4:
	case OID_INT8:
	case OID_REAL:
	case OID_NUMERIC:
		return true;
	default:
		return false;
	}
}

bool query_facts(const struct query *q, struct message_facts *ret_facts)
{
	return query_rows(q) > 0 && found_facts(q->result, ret_facts);
}
