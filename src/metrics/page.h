/*
 * page - how the shared page is laid out.  Private to src/metrics.
 */
#ifndef METRICS_PAGE_H
#define METRICS_PAGE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "metrics/rows.h"

struct meter {
	const unsigned *first; /* by metric: its first cell */
	_Atomic uint64_t *cells;
};

struct metrics {
	unsigned slots;
	unsigned stride; /* cells of a slot */
	unsigned first[METRIC_COUNT];
	_Atomic uint64_t *page;
	struct meter *meters; /* by slot */
};

static inline size_t metrics_bytes(const struct metrics *m)
{
	return (size_t)m->slots * m->stride * sizeof(*m->page);
}

#endif
