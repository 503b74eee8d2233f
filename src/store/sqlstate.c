#include "store/sqlstate.h"

#include <stddef.h>
#include <string.h>

struct sqlstate_row {
	const char *prefix; /* the first that matches counts */
	enum sqlstate_class class;
};

static const struct sqlstate_row rows[] = {
	{ "22", SQLSTATE_DATA },         /* data exception: bad UTF-8, out of range */
	{ "23", SQLSTATE_DATA },         /* integrity constraint */
	{ "54", SQLSTATE_DATA },         /* program limit: index row too large */
	{ "40001", SQLSTATE_REPEAT },    /* serialization_failure */
	{ "40P01", SQLSTATE_REPEAT },    /* deadlock_detected */
	{ "55P03", SQLSTATE_REPEAT },    /* lock_not_available: lock_timeout */
	{ "57014", SQLSTATE_REPEAT },    /* query_canceled: statement_timeout, or by hand */
	{ "08", SQLSTATE_RECONNECT },    /* connection exception */
	{ "25006", SQLSTATE_RECONNECT }, /* read only: after a failover this is the wrong server */
	{ "25P03", SQLSTATE_RECONNECT }, /* idle_in_transaction_session_timeout */
	{ "53300", SQLSTATE_RECONNECT }, /* too many connections */
	{ "26000", SQLSTATE_RECONNECT }, /* no such prepared statement: a pooler, DEALLOCATE */
	{ "0A000", SQLSTATE_RECONNECT }, /* cached plan must not change result type */
	{ "57P", SQLSTATE_RECONNECT },   /* shutdown, crash, starting up, database dropped */
	{ "MS001", SQLSTATE_FENCED },    /* ours: sql/migrations/0010_lanes.sql */
	{ "3F000", SQLSTATE_SCHEMA },    /* no such schema */
	{ "42P01", SQLSTATE_SCHEMA },    /* no such table */
	{ "42703", SQLSTATE_SCHEMA },    /* no such column */
	{ "42883", SQLSTATE_SCHEMA },    /* no such function */
	{ "42501", SQLSTATE_SERVER },    /* a right is missing */
	{ "53", SQLSTATE_SERVER },       /* disk or memory is full */
	{ "58", SQLSTATE_SERVER },       /* input or output failed */
};

enum sqlstate_class sqlstate_classify(const char *code)
{
	if (!code)
		return SQLSTATE_RECONNECT;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strncmp(code, rows[i].prefix, strlen(rows[i].prefix)) == 0)
			return rows[i].class;
	return SQLSTATE_OTHER;
}

int sqlstate_number(const char *code)
{
	int number = 0;

	if (!code || strlen(code) != 5)
		return 0;
	for (; *code; code++) {
		int digit;

		if (*code >= '0' && *code <= '9')
			digit = *code - '0';
		else if (*code >= 'A' && *code <= 'Z')
			digit = *code - 'A' + 10;
		else
			return 0;
		number = number * 36 + digit;
	}
	return number;
}
