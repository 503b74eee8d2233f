/*
 * check - the invariants that the database alone can show (sql/checks), for the command line.
 * All are looked at in one snapshot, so that a service at work does not disturb them; nothing
 * is changed.  Blocking.
 */
#ifndef STORE_CHECK_H
#define STORE_CHECK_H

#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"

#define CHECK_SAMPLES 5
#define CHECK_MEANING_BYTES 128

struct check_result {
	const char *name;
	char meaning[CHECK_MEANING_BYTES];  /* what is wrong with those found */
	int64_t count;                      /* 0: the invariant holds */
	const char *samples[CHECK_SAMPLES]; /* message ids, the first ones */
	unsigned sample_count;
};

/* Told of each check, in order of their names; the result is good during the call. */
typedef void check_told_fn(void *arg, const struct check_result *result);

/* ret_violated: how many checks found something.  -1 with ret_err: not all could be made. */
int check_run(const char *conninfo, check_told_fn *told, void *arg, unsigned *ret_violated,
	      struct err *ret_err) MUST_CHECK;

#endif
