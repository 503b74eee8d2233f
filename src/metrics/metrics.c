/*
 * One block of cells for each slot, in the order of the rows, rounded up to cache lines: two
 * workers never write into the same one.
 */
#include "metrics/metrics.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "metrics/page.h"

#define LINE_CELLS 8 /* 64 bytes */

static unsigned lay_out(struct metrics *m)
{
	unsigned cells = 0;

	for (unsigned i = 0; i < METRIC_COUNT; i++) {
		m->first[i] = cells;
		cells += metric_cells(&metric_rows[i]);
	}
	return (cells + LINE_CELLS - 1) / LINE_CELLS * LINE_CELLS;
}

struct metrics *metrics_new(unsigned slots, struct err *ret_err)
{
	struct metrics *m = calloc(1, sizeof(*m));
	void *page = MAP_FAILED;

	if (m) {
		m->meters = calloc(slots, sizeof(*m->meters));
		m->slots = slots;
		m->stride = lay_out(m);
		page = mmap(NULL, metrics_bytes(m), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	}
	if (!m || !m->meters || page == MAP_FAILED) {
		err_set(ret_err, ERR_TEMPORARY, errno, "no memory for the page of metrics");
		if (m)
			free(m->meters);
		free(m);
		return NULL;
	}
	m->page = page;
	for (unsigned s = 0; s < slots; s++)
		m->meters[s] = (struct meter){ .first = m->first,
					       .cells = m->page + (size_t)s * m->stride };
	return m;
}

void metrics_free(struct metrics *m)
{
	if (!m)
		return;
	(void)munmap(m->page, metrics_bytes(m));
	free(m->meters);
	free(m);
}

const struct meter *metrics_meter(const struct metrics *m, unsigned slot)
{
	return &m->meters[slot];
}

void metrics_forget(const struct metrics *m, unsigned slot)
{
	for (unsigned i = 0; i < METRIC_COUNT; i++) {
		_Atomic uint64_t *cells = m->meters[slot].cells + m->first[i];

		for (unsigned c = 0; c < metric_series(&metric_rows[i]); c++)
			if (metric_rows[i].kind == METRIC_GAUGE)
				atomic_store_explicit(&cells[c], 0, memory_order_relaxed);
	}
}

/* The number of a series within its row; false: there is no such label. */
static bool series_of(const struct metric_row *row, unsigned a, unsigned b, unsigned *ret)
{
	const unsigned counts[METRIC_LABELS] = {
		row->labels[0].name ? row->labels[0].count : 1,
		row->labels[1].name ? row->labels[1].count : 1,
	};

	*ret = a * counts[1] + b;
	return a < counts[0] && b < counts[1];
}

/* One writer: no read-modify-write needed, readers see whole numbers. */
static void add(_Atomic uint64_t *cell, uint64_t n)
{
	atomic_store_explicit(cell, atomic_load_explicit(cell, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

void meter_add(const struct meter *m, enum metric metric, unsigned a, unsigned b, uint64_t n)
{
	unsigned series;

	if (m && series_of(&metric_rows[metric], a, b, &series))
		add(&m->cells[m->first[metric] + series], n);
}

void meter_count(const struct meter *m, enum metric metric, unsigned a, unsigned b)
{
	meter_add(m, metric, a, b, 1);
}

void meter_set(const struct meter *m, enum metric metric, unsigned a, unsigned b, int64_t value)
{
	unsigned series;

	if (m && series_of(&metric_rows[metric], a, b, &series))
		atomic_store_explicit(&m->cells[m->first[metric] + series], (uint64_t)value,
				      memory_order_relaxed);
}

void meter_took(const struct meter *m, enum metric metric, unsigned a, int64_t ms)
{
	_Atomic uint64_t *cells;
	unsigned series;
	unsigned bucket = 0;

	if (!m || !series_of(&metric_rows[metric], a, 0, &series))
		return;
	if (ms < 0)
		ms = 0;
	while (bucket < METRIC_BUCKETS && ms > metric_buckets_ms[bucket])
		bucket++;
	cells = m->cells + m->first[metric] + series * (METRIC_BUCKETS + 2);
	add(&cells[bucket], 1);
	add(&cells[METRIC_BUCKETS + 1], (uint64_t)ms);
}
