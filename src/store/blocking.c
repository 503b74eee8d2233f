#include "store/blocking.h"

#include <string.h>

#include "store/connection.h"

PGconn *blocking_connect(const char *conninfo, const char *name, struct err *ret_err)
{
	const char *const names[] = { "fallback_application_name", "connect_timeout", "dbname",
				      NULL };
	const char *const values[] = { name, "10", conninfo, NULL };
	PGconn *db = PQconnectdbParams(names, values, 1);
	const char *text;

	if (PQstatus(db) == CONNECTION_OK)
		return db;
	text = PQerrorMessage(db);
	err_set(ret_err, ERR_TEMPORARY, 0, "database: %.*s", (int)strcspn(text, "\n"), text);
	PQfinish(db);
	return NULL;
}

PGresult *blocking_run(PGconn *db, const char *sql, struct err *ret_err)
{
	PGresult *result = PQexec(db, sql);
	ExecStatusType status = PQresultStatus(result);

	if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
		return result;
	connection_describe(result, ret_err);
	PQclear(result);
	return NULL;
}

int blocking_run_only(PGconn *db, const char *sql, struct err *ret_err)
{
	PGresult *result = blocking_run(db, sql, ret_err);

	PQclear(result);
	return result ? 0 : -1;
}
