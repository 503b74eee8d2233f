#include "domain/spread.h"

#include <string.h>

#define LANES 64

static unsigned count_of(uint64_t lanes)
{
	return (unsigned)__builtin_popcountll(lanes);
}

/* Does a come before b where the larger shares are given out? */
static bool before(const struct spread_worker *a, const struct spread_worker *b)
{
	if (count_of(a->lanes) != count_of(b->lanes))
		return count_of(a->lanes) > count_of(b->lanes);
	return memcmp(a->id.bytes, b->id.bytes, sizeof(a->id.bytes)) < 0;
}

static unsigned share_of(const struct spread_worker *workers, unsigned count, unsigned which)
{
	unsigned wanting = 1;
	unsigned rank = 0;

	if (!workers[which].wants)
		return 0;
	for (unsigned i = 0; i < count; i++) {
		if (i == which || !workers[i].wants)
			continue;
		wanting++;
		rank += before(&workers[i], &workers[which]);
	}
	return LANES / wanting + (rank < LANES % wanting);
}

/* The lowest n of the lanes. */
static uint64_t lowest(uint64_t lanes, unsigned n)
{
	uint64_t some = 0;

	while (n-- && lanes) {
		some |= lanes & (~lanes + 1);
		lanes &= lanes - 1;
	}
	return some;
}

static unsigned missing(const struct spread_worker *workers, unsigned count, unsigned which)
{
	const unsigned share = share_of(workers, count, which);
	const unsigned held = count_of(workers[which].lanes);

	return share > held ? share - held : 0;
}

struct spread_plan spread_plan(const struct spread_worker *workers, unsigned count, unsigned self)
{
	const struct spread_worker *us = &workers[self];
	const unsigned share = share_of(workers, count, self);
	const unsigned held = count_of(us->lanes);
	struct spread_plan plan = { .release = 0 };
	uint64_t free = ~UINT64_C(0);
	unsigned passed = 0;

	if (held > share) {
		plan.release = us->lanes & ~lowest(us->lanes, share);
		return plan;
	}
	for (unsigned i = 0; i < count; i++)
		free &= ~workers[i].lanes;
	/* Those with smaller ids choose before us. */
	for (unsigned i = 0; i < count; i++) {
		if (memcmp(workers[i].id.bytes, us->id.bytes, sizeof(us->id.bytes)) < 0)
			passed += missing(workers, count, i);
	}
	free &= ~lowest(free, passed);
	plan.take = lowest(free, share - held);
	plan.short_of = held + count_of(plan.take) < share;
	return plan;
}

int64_t spread_lease_until_ms(int64_t sent_ms, int64_t lease_ms)
{
	return sent_ms + lease_ms - SPREAD_MARGIN_MS;
}
