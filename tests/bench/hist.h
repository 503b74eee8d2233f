#ifndef BENCH_HIST_H
#define BENCH_HIST_H

#include <stdint.h>

/*
 * A histogram of durations in microseconds: exact below 256, above it 128 steps for
 * each power of two, so a value read back is at most 0.8 % too high and never too low.
 * Values above 2^40 us count as 2^40.
 */

enum { HIST_STEPS = 128, HIST_POWERS = 34, HIST_SIZE = HIST_STEPS * HIST_POWERS };

struct hist {
	uint64_t count;
	uint64_t max;
	uint64_t sum;
	uint64_t bucket[HIST_SIZE];
};

void hist_add(struct hist *h, uint64_t us);

/* The smallest value that a share `q` (0 < q <= 1) of all values does not exceed; 0 when empty. */
uint64_t hist_quantile(const struct hist *h, double q);

#endif
