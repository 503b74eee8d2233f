/*
 * managing - what may be decided by key, and the rows that come of it.
 */
#ifndef STORE_MANAGING_H
#define STORE_MANAGING_H

/* What is decided by key: the statements of the command line, with their parameters as texts
 * (sql/statements: hold_set and so on). */
enum store_manage {
	STORE_HOLD_SET = 0,
	STORE_HOLD_RELEASE,
	STORE_RESOLVE,
	STORE_REPLAY_COUNT, /* from here on they may take long */
	STORE_REPLAY_ROOM,
	STORE_REPLAY_FIND,
	STORE_REPLAY_SEND,
	STORE_MANAGE_COUNT,
};
#define STORE_MANAGE_VALUES 11
#define STORE_MANAGE_WAITING_MAX 64 /* of each sort, besides the one under way */

/* Rows of a statement. */
struct store_rows;
unsigned store_rows_count(const struct store_rows *rows);
/* Null: NULL. */
const char *store_rows_value(const struct store_rows *rows, unsigned row, unsigned column);

#endif
