/*
 * rows - the table of metrics.  Private to src/metrics, and for tests that compare labels with
 * the words of their modules.
 */
#ifndef METRICS_ROWS_H
#define METRICS_ROWS_H

#include "metrics/meter.h"

#define METRICS_PREFIX "message_sender_"
#define METRIC_LABELS 2
/* Upper ends of a histogram's buckets, ms; one more takes what is above. */
#define METRIC_BUCKETS 12

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric_label {
	const char *name;          /* null: none */
	const char *const *values; /* all it can have */
	unsigned count;
};

struct metric_row {
	const char *name; /* behind METRICS_PREFIX; a counter's ends with _total */
	enum metric_kind kind;
	struct metric_label labels[METRIC_LABELS];
	const char *help;
};

extern const struct metric_row metric_rows[METRIC_COUNT];
extern const int64_t metric_buckets_ms[METRIC_BUCKETS];

/* How many label combinations a row has: 1 or more. */
unsigned metric_series(const struct metric_row *row);
/* Memory cells of a row. */
unsigned metric_cells(const struct metric_row *row);

#endif
