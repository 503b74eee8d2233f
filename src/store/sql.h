/*
 * sql - the SQL files of sql/, embedded by build-aux/sql2c.
 *
 * Names are the files' own, without folder and ".sql"; migrations in order.  A check is one
 * SELECT of the ids of messages that should not be there; its first line is "-- <name>: <what
 * is wrong>".
 */
#ifndef STORE_SQL_H
#define STORE_SQL_H

#include <stddef.h>

struct sql_text {
	const char *name;
	const char *text;
};

extern const struct sql_text sql_migrations[];
extern const size_t sql_migrations_count;
extern const struct sql_text sql_statements[];
extern const size_t sql_statements_count;
extern const struct sql_text sql_checks[];
extern const size_t sql_checks_count;

#endif
