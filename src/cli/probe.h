/*
 * probe - one HTTP request of a command that may wait: does this address answer?
 */
#ifndef CLI_PROBE_H
#define CLI_PROBE_H

#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"

/* GETs url within 10 s, as the service would (certificates are verified, with ca_file as well).
 * The HTTP status, or -1 with ret_err: no answer came.  ret_took_ms: in both cases. */
int probe_get(const char *url, const char *ca_file, int64_t *ret_took_ms,
	      struct err *ret_err) MUST_CHECK;

#endif
