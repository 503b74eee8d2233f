/*
 * csv - a file of rows as RFC 4180 has them: fields separated by commas, in quotation marks where
 * they hold commas, line ends or (doubled) quotation marks.  The first line names the columns.
 */
#ifndef CLI_CSV_H
#define CLI_CSV_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/err.h"

#define CSV_COLUMNS_MAX 12
#define CSV_BYTES_MAX (64u * 1024 * 1024)

struct csv;

/* file "-": standard input.  columns: those that may be there, ended by null; the first `needed` of
 * them must be.  Null with ret_err. */
struct csv *csv_open(const char *file, const char *const *columns, unsigned needed,
		     struct err *ret_err) MUST_CHECK;
/* What was read is wiped; null is allowed. */
void csv_close(struct csv *c);

/* The next row: 1; 0: there is none; -1 with ret_err, which names the line and quotes nothing. */
int csv_next(struct csv *c, struct err *ret_err) MUST_CHECK;
/* Of that row, by the place in `columns`: null when the file has no such column, or the field is
 * empty; valid until csv_close(). */
const char *csv_field(const struct csv *c, unsigned column);
/* Where that row begins. */
unsigned csv_line(const struct csv *c);

#endif
