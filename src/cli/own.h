/*
 * own - what the commands for tenants, outlets and quotas of our own tables share: rows that go to
 * a statement as arrays, secrets that come from files, and how one is shown.  Faults are told on
 * stderr, behind the command's words.
 */
#ifndef CLI_OWN_H
#define CLI_OWN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/str.h"
#include "cli/arguments.h"
#include "cli/csv.h"
#include "crypto/seal.h"
#include "store/query.h"

#define OWN_COLUMNS 7
#define OWN_SECRET_BYTES 1024

/* Columns as array literals of PostgreSQL. */
struct own_rows {
	unsigned columns;
	struct str literals[OWN_COLUMNS];
	unsigned count;
};

void own_rows_init(struct own_rows *rows, unsigned columns);
void own_rows_fini(struct own_rows *rows);
/* One row; null: NULL. */
void own_rows_add(struct own_rows *rows, const char *const *values);
/* Runs the statement with them, with `how`: "add", "set" or "put", and with who does it.  False
 * after the fault was told; ret_done: how many rows it has done. */
bool own_rows_put(struct own_rows *rows, struct query *q, const char *words, const char *statement,
		  const char *how, unsigned long *ret_done) MUST_CHECK;

/* A whole command: the file that the operand names ("-": standard input) into own tables, all of it
 * or nothing.  take: puts a row of the file into rows, or says what is wrong with it; columns:
 * those that may be there, the first `needed` of which must be; fields: of a row of rows.  Returns
 * the exit status. */
typedef const char *own_take_fn(const struct csv *csv, struct own_rows *rows, void *arg);
int own_import_all(const char *words, const struct arguments *arguments, const char *const *columns,
		   unsigned needed, unsigned fields, own_take_fn *take, void *arg,
		   const char *statement);

/* The master keys; null after it was told that there are none, or what is wrong with them. */
struct seal_keys *own_keys(const char *words, const struct arguments *arguments) MUST_CHECK;
/* The first line of a file ("-": standard input), which may hold nothing else: 1 to 1,023 visible
 * characters.  False after the fault was told. */
bool own_secret(const char *words, const char *option, const char *file,
		char ret[OWN_SECRET_BYTES]) MUST_CHECK;

/* Sealed, hexadecimal. */
#define OWN_SEALED_BYTES (2 * (OWN_SECRET_BYTES + SEAL_ADDED_MAX) + 1)
bool own_seal(const struct seal_keys *keys, const char *what, const char *tenant_id,
	      const char *outlet_id, const char *secret, char ret[OWN_SEALED_BYTES]) MUST_CHECK;

/* The rows of a listing, whose first column is each as an object: that one ("name": null), or
 * {"name": [...]}; or the other columns as a table. */
void own_print(const struct query *q, bool json, const char *name, const char *const *headings);
/* Null, or what is wrong with a tenant's, an outlet's id. */
const char *own_check_id(const char *id);

#endif
