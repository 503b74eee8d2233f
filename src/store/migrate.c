/*
 * Everything happens under one advisory lock of the session, so that two that run at once
 * take turns; the second finds nothing to do.  Checksums are PostgreSQL's own sha256() of
 * the embedded text.  Whoever connects, what is made belongs to the owner of the schema when
 * that role is to be had (0001_schema.sql).
 */
#include "store/migrate.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <string.h>

#include "base/text.h"
#include "store/blocking.h"
#include "store/connection.h"
#include "store/sql.h"

static const char lock_sql[] = "SELECT pg_catalog.pg_advisory_lock("
			       "pg_catalog.hashtextextended('message_sender.migrate', 0))";
static const char applied_sql[] =
	"SELECT name, checksum FROM message_sender.schema_migration ORDER BY name";
static const char checksum_sql[] =
	"SELECT pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to($1::text, 'UTF8')), "
	"'hex')";
static const char record_sql[] =
	"INSERT INTO message_sender.schema_migration (name, checksum) VALUES ($1::text, $2::text)";
static const char owner_sql[] =
	"DO $$ BEGIN EXECUTE (SELECT pg_catalog.format('SET ROLE %I', r.rolname) "
	"FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_roles r ON r.oid = n.nspowner "
	"WHERE n.nspname = 'message_sender' AND pg_catalog.pg_has_role(r.oid, 'MEMBER')); "
	"EXCEPTION WHEN null_value_not_allowed THEN NULL; END $$";

static PGresult *run_with(PGconn *db, const char *sql, int count, const char *const *values,
			  struct err *ret_err)
{
	PGresult *result = PQexecParams(db, sql, count, NULL, values, NULL, NULL, 0);
	ExecStatusType status = PQresultStatus(result);

	if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
		return result;
	connection_describe(result, ret_err);
	PQclear(result);
	return NULL;
}

#define CHECKSUM_BYTES 65

static int checksum(PGconn *db, const struct sql_text *migration, char *ret_checksum,
		    struct err *ret_err)
{
	PGresult *result = run_with(db, checksum_sql, 1, &migration->text, ret_err);

	if (!result)
		return -1;
	text_copy_cut(ret_checksum, CHECKSUM_BYTES, PQgetvalue(result, 0, 0));
	PQclear(result);
	return 0;
}

static int check_applied(PGconn *db, const PGresult *applied, struct err *ret_err)
{
	size_t count = (size_t)PQntuples(applied);

	for (size_t i = 0; i < count; i++) {
		const char *name = PQgetvalue(applied, (int)i, 0);
		char sum[CHECKSUM_BYTES];

		if (i >= sql_migrations_count || strcmp(name, sql_migrations[i].name) != 0) {
			err_set(ret_err, ERR_PERMANENT, 0,
				"the schema is newer than this program: it has migration %s, "
				"which this program does not know",
				name);
			return -1;
		}
		if (checksum(db, &sql_migrations[i], sum, ret_err) != 0)
			return -1;
		if (strcmp(sum, PQgetvalue(applied, (int)i, 1)) != 0) {
			err_set(ret_err, ERR_PERMANENT, 0,
				"migration %s was altered after it was "
				"applied: the database has another checksum",
				name);
			return -1;
		}
	}
	return 0;
}

/* How many of the migrations are there, all of them ours. */
static int count_applied(PGconn *db, size_t *ret_count, struct err *ret_err)
{
	PGresult *result = blocking_run(db,
					"SELECT pg_catalog.to_regclass("
					"'message_sender.schema_migration') IS NOT NULL",
					ret_err);
	bool there;
	int rc;

	if (!result)
		return -1;
	there = strcmp(PQgetvalue(result, 0, 0), "t") == 0;
	PQclear(result);
	if (!there) {
		*ret_count = 0;
		return 0;
	}
	result = blocking_run(db, applied_sql, ret_err);
	if (!result)
		return -1;
	rc = check_applied(db, result, ret_err);
	if (rc == 0)
		*ret_count = (size_t)PQntuples(result);
	PQclear(result);
	return rc;
}

static int apply_in_transaction(PGconn *db, const struct sql_text *migration, struct err *ret_err)
{
	char sum[CHECKSUM_BYTES];
	const char *values[2] = { migration->name, sum };
	PGresult *result;

	if (blocking_run_only(db, migration->text, ret_err) != 0 ||
	    checksum(db, migration, sum, ret_err) != 0)
		return -1;
	result = run_with(db, record_sql, 2, values, ret_err);
	PQclear(result);
	return result ? 0 : -1;
}

static int apply(PGconn *db, const struct sql_text *migration, struct err *ret_err)
{
	if (blocking_run_only(db, "BEGIN", ret_err) != 0)
		return -1;
	if (apply_in_transaction(db, migration, ret_err) == 0 &&
	    blocking_run_only(db, "COMMIT", ret_err) == 0)
		return 0;
	err_prefix(ret_err, "migration %s", migration->name);
	PQclear(PQexec(db, "ROLLBACK"));
	return -1;
}

static int migrate(PGconn *db, migrate_told_fn *told, void *arg, unsigned *ret_applied,
		   struct err *ret_err)
{
	unsigned applied = 0;
	size_t there;

	if (blocking_run_only(
		    db, "SET search_path = pg_catalog, pg_temp; SET client_min_messages = error",
		    ret_err) != 0 ||
	    blocking_run_only(db, lock_sql, ret_err) != 0 ||
	    blocking_run_only(db, owner_sql, ret_err) != 0 ||
	    count_applied(db, &there, ret_err) != 0)
		return -1;
	for (; there < sql_migrations_count; there++) {
		/* From the second on as the owner of what the first has made. */
		if (there > 0 && blocking_run_only(db, owner_sql, ret_err) != 0)
			return -1;
		if (apply(db, &sql_migrations[there], ret_err) != 0)
			return -1;
		applied++;
		if (told)
			told(arg, sql_migrations[there].name);
	}
	if (blocking_run_only(db, "SELECT message_sender.keep_partitions(36500)", ret_err) != 0)
		return -1;
	*ret_applied = applied;
	return 0;
}

int migrate_run(const char *conninfo, migrate_told_fn *told, void *arg, unsigned *ret_applied,
		struct err *ret_err)
{
	PGconn *db = blocking_connect(conninfo, "message-sender db migrate", ret_err);
	int rc;

	if (!db)
		return -1;
	rc = migrate(db, told, arg, ret_applied, ret_err);
	PQfinish(db);
	return rc;
}
