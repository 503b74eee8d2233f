/*
 * slowness.h - how much slower than a quiet machine this one may be.
 *
 * The factor that Check's own time-outs are told (CK_TIMEOUT_MULTIPLIER): 1 when nothing is
 * said, more under valgrind and sanitizers.  Times that a test gives a peer are multiplied by it.
 */
#ifndef TESTS_UNIT_SLOWNESS_H
#define TESTS_UNIT_SLOWNESS_H

#include <stdint.h>
#include <stdlib.h>

static inline int64_t slowness(void)
{
	const char *multiplier = getenv("CK_TIMEOUT_MULTIPLIER");

	return multiplier == NULL ? 1 : strtol(multiplier, NULL, 10);
}

#endif
