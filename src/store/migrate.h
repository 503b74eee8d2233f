/*
 * migrate - applies the embedded migrations: forward only, checksummed, one transaction each,
 * under an advisory lock; refuses a schema that is newer than this program.  Blocking; for
 * the command line only.
 */
#ifndef STORE_MIGRATE_H
#define STORE_MIGRATE_H

#include "base/compiler.h"
#include "base/err.h"

/* Told of each migration as it is applied. */
typedef void migrate_told_fn(void *arg, const char *name);

/* ret_applied: how many; 0 when all were there.  -1 with ret_err. */
int migrate_run(const char *conninfo, migrate_told_fn *told, void *arg, unsigned *ret_applied,
		struct err *ret_err) MUST_CHECK;

#endif
