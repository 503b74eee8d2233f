/*
 * query - one blocking connection for the command line: statements of sql/statements, run
 * one at a time, everything as text.
 */
#ifndef STORE_QUERY_H
#define STORE_QUERY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/err.h"
#include "domain/facts.h"
#include "store/store.h"

struct query;

/* Connects within 10 s, takes the role of the service when it may (else the user's own), and
 * checks that the schema fits this program.  Null with ret_err. */
struct query *query_open(const char *conninfo, struct err *ret_err) MUST_CHECK;
/* The same for the schema report: takes the role of reports, reads only, and a statement may take a
 * minute.  Whether that schema is there shows when it is read. */
struct query *query_open_report(const char *conninfo, struct err *ret_err) MUST_CHECK;
void query_close(struct query *q);

/* Runs a statement by its name; values: its parameters, null for NULL.  Its rows stay until
 * the next run.  0, or -1 with ret_err. */
int query_run(struct query *q, const char *statement, int count, const char *const *values,
	      struct err *ret_err) MUST_CHECK;
/* The same; there is one row, with all rows as a JSON array. */
int query_run_json(struct query *q, const char *statement, int count, const char *const *values,
		   struct err *ret_err) MUST_CHECK;
unsigned query_rows(const struct query *q);
unsigned query_columns(const struct query *q);
/* Null: NULL. */
const char *query_value(const struct query *q, unsigned row, unsigned column);
/* Of a column; until the next run. */
const char *query_name(const struct query *q, unsigned column);
bool query_is_number(const struct query *q, unsigned column);
/* Of a column of bytes, as the last run returned it: malloc, for the caller; null: no memory. */
char *query_bytes(const struct query *q, unsigned row, unsigned column, size_t *ret_len) MUST_CHECK;
/* What a webhook tells (each list may be null; both are taken over) is applied as when it came:
 * in transactions of a few hundred, one that PostgreSQL refuses costing only itself.  dry_run: each
 * is rolled back.  ret: what came of it, without acts; owners find by their polls what is due.  Its
 * rows are the last run's.  0, or -1 with ret_err: what was not applied can be given once more. */
int query_webhook(struct query *q, struct receipts *receipts, struct notices *notices, bool dry_run,
		  struct store_received *ret, struct err *ret_err) MUST_CHECK;
/* Of message_facts; false: there is no row.  Texts stay until the next run. */
bool query_facts(const struct query *q, struct message_facts *ret_facts) MUST_CHECK;

#endif
