/*
 * The sum of the page as Prometheus text, and the table as a page of the reference.
 */
#include <inttypes.h>
#include <stdatomic.h>

#include "metrics/metrics.h"
#include "metrics/page.h"

static const char *const kinds[] = {
	[METRIC_COUNTER] = "counter",
	[METRIC_GAUGE] = "gauge",
	[METRIC_HISTOGRAM] = "histogram",
};

static uint64_t sum(const struct metrics *m, unsigned cell)
{
	uint64_t total = 0;

	for (unsigned s = 0; s < m->slots; s++)
		total += atomic_load_explicit(&m->meters[s].cells[cell], memory_order_relaxed);
	return total;
}

/* route="send",class="2xx": of one series.  Values are words of ours: nothing to escape. */
static void put_labels(struct str *out, const struct metric_row *row, unsigned series)
{
	const unsigned inner = row->labels[1].name ? row->labels[1].count : 1;
	const unsigned index[METRIC_LABELS] = { series / inner, series % inner };

	for (unsigned i = 0; i < METRIC_LABELS && row->labels[i].name; i++)
		(void)str_append_format(out, "%s%s=\"%s\"", i ? "," : "", row->labels[i].name,
					row->labels[i].values[index[i]]);
}

static void put_name(struct str *out, const struct metric_row *row, const char *suffix,
		     unsigned series)
{
	(void)str_append_format(out, METRICS_PREFIX "%s%s", row->name, suffix);
	if (!row->labels[0].name)
		return;
	(void)str_append_char(out, '{');
	put_labels(out, row, series);
	(void)str_append_char(out, '}');
}

static void put_seconds(struct str *out, int64_t ms)
{
	(void)str_append_format(out, "%" PRId64 ".%03" PRId64, ms / 1000, ms % 1000);
}

static void put_bucket(struct str *out, const struct metric_row *row, unsigned series,
		       unsigned bucket, uint64_t below)
{
	(void)str_append_format(out, METRICS_PREFIX "%s_bucket{", row->name);
	put_labels(out, row, series);
	(void)str_append_format(out, "%sle=\"", row->labels[0].name ? "," : "");
	if (bucket < METRIC_BUCKETS)
		put_seconds(out, metric_buckets_ms[bucket]);
	else
		(void)str_append_text(out, "+Inf");
	(void)str_append_format(out, "\"} %" PRIu64 "\n", below);
}

static void put_histogram(const struct metrics *m, struct str *out, const struct metric_row *row,
			  unsigned first, unsigned series)
{
	const unsigned cell = first + series * (METRIC_BUCKETS + 2);
	uint64_t below = 0;

	for (unsigned b = 0; b <= METRIC_BUCKETS; b++) {
		below += sum(m, cell + b);
		put_bucket(out, row, series, b, below);
	}
	put_name(out, row, "_sum", series);
	(void)str_append_char(out, ' ');
	put_seconds(out, (int64_t)sum(m, cell + METRIC_BUCKETS + 1));
	(void)str_append_char(out, '\n');
	put_name(out, row, "_count", series);
	(void)str_append_format(out, " %" PRIu64 "\n", below);
}

bool metrics_text(const struct metrics *m, struct str *out)
{
	for (unsigned i = 0; i < METRIC_COUNT; i++) {
		const struct metric_row *row = &metric_rows[i];

		(void)str_append_format(out,
					"# HELP " METRICS_PREFIX "%s %s\n# TYPE " METRICS_PREFIX
					"%s %s\n",
					row->name, row->help, row->name, kinds[row->kind]);
		for (unsigned s = 0; s < metric_series(row); s++) {
			if (row->kind == METRIC_HISTOGRAM) {
				put_histogram(m, out, row, m->first[i], s);
				continue;
			}
			put_name(out, row, "", s);
			(void)str_append_format(out, " %" PRId64 "\n",
						(int64_t)sum(m, m->first[i] + s));
		}
	}
	return str_ok(out);
}

static void print_labels(FILE *out, const struct metric_row *row)
{
	for (unsigned i = 0; i < METRIC_LABELS && row->labels[i].name; i++) {
		const struct metric_label *label = &row->labels[i];

		(void)fprintf(out, "%s`%s`: ", i ? "; " : "", label->name);
		for (unsigned v = 0; v < label->count; v++)
			(void)fprintf(out, "%s%s", v ? ", " : "", label->values[v]);
	}
}

void metrics_print_reference(FILE *out)
{
	(void)fputs("# Metrics\n\n"
		    "Written by `message-sender metrics reference`. What a node counts, all its "
		    "workers together, since\nits master started; read with `message-sender "
		    "metrics` or from MANAGEMENT_SOCKET. Every name begins with\n"
		    "`" METRICS_PREFIX "`.\n\n"
		    "| name | kind | labels | meaning |\n|---|---|---|---|\n",
		    out);
	for (unsigned i = 0; i < METRIC_COUNT; i++) {
		const struct metric_row *row = &metric_rows[i];

		(void)fprintf(out, "| `%s` | %s | ", row->name, kinds[row->kind]);
		print_labels(out, row);
		(void)fprintf(out, " | %s |\n", row->help);
	}
}
