/*
 * rate - what an outlet's number, or a tenant, may send in a second: set, taken back and shown by
 * the commands "outlet" and "tenant".
 */
#ifndef CLI_RATE_H
#define CLI_RATE_H

#include <stdbool.h>

#include "base/compiler.h"
#include "cli/arguments.h"
#include "store/query.h"

/* Null, or what is wrong with --number-rate, --rate, --weight. */
const char *rate_check(const struct arguments *arguments) MUST_CHECK;
/* outlet "": of the tenant as a whole.  False after the fault was told. */
bool rate_set(struct query *q, const char *words, const struct arguments *arguments,
	      const char *outlet, const char *rate) MUST_CHECK;
/* ret_any: there was something to take back. */
bool rate_unset(struct query *q, const char *words, const struct arguments *arguments,
		const char *outlet, bool *ret_any) MUST_CHECK;
/* Nothing is printed, and *ret_any is false, where nothing was set. */
bool rate_show(struct query *q, const char *words, const struct arguments *arguments,
	       const char *outlet, bool *ret_any) MUST_CHECK;

#endif
