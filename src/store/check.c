#include "store/check.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "store/blocking.h"
#include "store/sql.h"

#define SQL_BYTES 8192

/* One row a sample, each with the count of all; without any there is no row. */
static const char before[] = "SELECT count(*) OVER (), message_id FROM (\n";
static const char after[] = ") AS found ORDER BY message_id";

/* What the first line says behind "-- <name>: ". */
static void read_meaning(const struct sql_text *check, char *ret)
{
	const char *from = check->text + strlen("-- ") + strlen(check->name) + strlen(": ");
	size_t length = strcspn(from, "\n");

	if (length >= CHECK_MEANING_BYTES)
		length = CHECK_MEANING_BYTES - 1;
	memcpy(ret, from, length);
	ret[length] = '\0';
}

static void read_result(const PGresult *rows, struct check_result *ret)
{
	const int count = PQntuples(rows);

	ret->count = count ? strtoll(PQgetvalue(rows, 0, 0), NULL, 10) : 0;
	ret->sample_count = (unsigned)count;
	for (int i = 0; i < count; i++)
		ret->samples[i] = PQgetvalue(rows, i, 1);
}

static int look(PGconn *db, const struct sql_text *check, check_told_fn *told, void *arg,
		unsigned *violated, struct err *ret_err)
{
	struct check_result result = { .name = check->name };
	struct str sql = STR_INIT(SQL_BYTES);
	PGresult *rows = NULL;

	read_meaning(check, result.meaning);
	if (str_append_format(&sql, "%s%s%s LIMIT %d", before, check->text, after, CHECK_SAMPLES))
		rows = blocking_run(db, sql.data, ret_err);
	else
		err_set(ret_err, ERR_PERMANENT, 0, "it is too long");
	str_fini(&sql);
	if (!rows) {
		err_prefix(ret_err, "check %s", check->name);
		return -1;
	}
	read_result(rows, &result);
	*violated += result.count > 0;
	told(arg, &result);
	PQclear(rows);
	return 0;
}

int check_run(const char *conninfo, check_told_fn *told, void *arg, unsigned *ret_violated,
	      struct err *ret_err)
{
	PGconn *db = blocking_connect(conninfo, "message-sender check", ret_err);
	unsigned violated = 0;
	int rc;

	if (!db)
		return -1;
	rc = blocking_run_only(db,
			       "SET search_path = pg_catalog, pg_temp; "
			       "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
			       ret_err);
	for (size_t i = 0; rc == 0 && i < sql_checks_count; i++)
		rc = look(db, &sql_checks[i], told, arg, &violated, ret_err);
	PQfinish(db);
	if (rc == 0)
		*ret_violated = violated;
	return rc;
}
