/*
 * database - a command's connection to the database; faults are told on stderr.
 */
#ifndef CLI_DATABASE_H
#define CLI_DATABASE_H

#include <stdbool.h>

#include "base/compiler.h"
#include "cli/arguments.h"
#include "store/query.h"

#define DATABASE_COLUMNS 16

/* Null after the fault was told; ret_status: the exit status for it. */
struct query *database_open(const char *words, const struct arguments *arguments,
			    int *ret_status) MUST_CHECK;
/* query_run(); false after the fault was told. */
bool database_run(struct query *q, const char *words, const char *statement, int count,
		  const char *const *values) MUST_CHECK;
/* Says, if so, that lanes are held after a restore, since when and why.  False after the fault was
 * told. */
bool database_tell_held(struct query *q, const char *words) MUST_CHECK;
/* Prints the rows as a table under these headings, each as wide as it must be; of their columns
 * DATABASE_COLUMNS at most. */
void database_print(const struct query *q, const char *const *headings);
/* The same without the columns before this one, which have no headings. */
void database_print_from(const struct query *q, unsigned first, const char *const *headings);

#endif
