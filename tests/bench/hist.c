#include "tests/bench/hist.h"

#include <math.h>
#include <stddef.h>

#define HIST_TOP ((UINT64_C(1) << 40) - 1)

/*
 * Values below 2 * STEPS are their own index.  Above, each power of two is cut into
 * STEPS parts: shifting the value right until it lies in [STEPS, 2 * STEPS) leaves the
 * part, and the number of shifts is the power.
 */
static size_t index_of(uint64_t us)
{
	unsigned int shift;

	if (us < 2 * HIST_STEPS)
		return (size_t)us;
	shift = 63U - (unsigned int)__builtin_clzll(us) - 7U;
	return (size_t)shift * HIST_STEPS + (size_t)(us >> shift);
}

static uint64_t highest_in(size_t index)
{
	unsigned int shift;
	uint64_t part;

	if (index < (size_t)2 * HIST_STEPS)
		return index;
	shift = (unsigned int)(index / HIST_STEPS) - 1U;
	part = index - (size_t)shift * HIST_STEPS;
	return ((part + 1) << shift) - 1;
}

void hist_add(struct hist *h, uint64_t us)
{
	if (us > HIST_TOP)
		us = HIST_TOP;
	h->bucket[index_of(us)]++;
	h->count++;
	h->sum += us;
	if (us > h->max)
		h->max = us;
}

uint64_t hist_quantile(const struct hist *h, double q)
{
	uint64_t wanted = (uint64_t)ceil(q * (double)h->count);
	uint64_t seen = 0;

	if (h->count == 0)
		return 0;
	for (size_t i = 0; i < HIST_SIZE; i++) {
		seen += h->bucket[i];
		if (seen >= wanted && seen > 0) {
			uint64_t value = highest_in(i);

			return value < h->max ? value : h->max;
		}
	}
	return h->max;
}
