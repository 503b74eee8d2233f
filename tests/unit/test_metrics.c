#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "metrics/metrics.h"
#include "metrics/rows.h"

static struct metrics *metrics;
static struct str text = STR_INIT(1 << 20);

static void open_page(void)
{
	struct err err;

	metrics = metrics_new(3, &err);
	ck_assert_ptr_nonnull(metrics);
}

static void close_page(void)
{
	str_fini(&text);
	str_init(&text, 1 << 20);
	metrics_free(metrics);
}

static const struct meter *meter(unsigned slot)
{
	return metrics_meter(metrics, slot);
}

/* The text's line of a series, or null. */
static const char *line_of(const char *series)
{
	static char line[512];
	const char *at;

	str_reset(&text);
	ck_assert(metrics_text(metrics, &text));
	(void)snprintf(line, sizeof(line), "\n" METRICS_PREFIX "%s ", series);
	at = strstr(text.data, line);
	if (!at)
		return NULL;
	at += strlen(line);
	(void)snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, "\n"), at);
	return line;
}

static void expect(const char *series, const char *value)
{
	const char *line = line_of(series);

	ck_assert_msg(line != NULL, "%s is missing", series);
	ck_assert_str_eq(line, value);
}

START_TEST(the_sum_is_over_all_slots)
{
	meter_count(meter(0), METRIC_ACCEPTED, 0, 0);
	meter_add(meter(1), METRIC_ACCEPTED, 0, 0, 40);
	meter_count(meter(2), METRIC_ACCEPTED, 0, 0);
	expect("messages_accepted_total", "42");
	expect("retries_total", "0");
}
END_TEST

START_TEST(every_series_has_a_cell_of_its_own)
{
	uint64_t n = 1;
	char value[32];

	for (unsigned i = 0; i < METRIC_COUNT; i++) {
		const struct metric_row *row = &metric_rows[i];
		const unsigned inner = row->labels[1].name ? row->labels[1].count : 1;

		if (row->kind == METRIC_HISTOGRAM)
			continue;
		for (unsigned s = 0; s < metric_series(row); s++)
			meter_add(meter(1), (enum metric)i, s / inner, s % inner, n++);
	}
	(void)snprintf(value, sizeof(value), "%" PRIu64, n - 1);
	expect("workers_ended_total", value); /* the last row */
	expect("requests_total{route=\"health\",class=\"2xx\"}", "1");
	expect("requests_total{route=\"send\",class=\"3xx\"}", "6");
	(void)snprintf(value, sizeof(value), "%u", metric_series(&metric_rows[METRIC_REQUESTS]));
	expect("requests_total{route=\"none\",class=\"5xx\"}", value);
}
END_TEST

START_TEST(a_label_that_does_not_exist_counts_nowhere)
{
	char *before;

	(void)line_of("");
	before = strdup(text.data);
	meter_count(meter(0), METRIC_BOUNDS, BOUND_COUNT, 0);
	meter_count(meter(0), METRIC_BOUNDS, 0, 1);
	meter_count(meter(0), METRIC_ACCEPTED, 1, 0);
	meter_count(meter(0), METRIC_REQUESTS, 0, UINT32_MAX);
	meter_count(NULL, METRIC_ACCEPTED, 0, 0);
	meter_set(NULL, METRIC_LANES, 0, 0, 1);
	meter_took(NULL, METRIC_ATTEMPT_SECONDS, 0, 1);
	(void)line_of("");
	ck_assert_str_eq(text.data, before);
	free(before);
	meter_count(meter(0), METRIC_BOUNDS, BOUND_COUNT - 1, 0);
	expect("bound_reached_total{bound=\"managing\"}", "1");
}
END_TEST

START_TEST(what_a_life_counted_stays_and_its_gauges_go)
{
	meter_add(meter(0), METRIC_ACCEPTED, 0, 0, 7);
	meter_took(meter(0), METRIC_ATTEMPT_SECONDS, 0, 5);
	meter_set(meter(0), METRIC_LANES, 0, 0, 32);
	meter_set(meter(1), METRIC_LANES, 0, 0, 30);
	meter_set(meter(1), METRIC_LANES, 0, 0, 31);
	expect("lanes_held", "63");
	metrics_forget(metrics, 0);
	expect("lanes_held", "31");
	expect("messages_accepted_total", "7");
	expect("attempt_seconds_count", "1");
	meter_count(meter(0), METRIC_ACCEPTED, 0, 0);
	expect("messages_accepted_total", "8");
}
END_TEST

START_TEST(a_child_counts_in_the_page_of_its_parent)
{
	int status;
	const pid_t pid = fork();

	if (!pid) {
		meter_add(meter(1), METRIC_RETRIES, 0, 0, 5);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	expect("retries_total", "5");
}
END_TEST

START_TEST(buckets_hold_what_is_not_above_their_end)
{
	meter_took(meter(0), METRIC_ATTEMPT_SECONDS, 0, -1);
	meter_took(meter(0), METRIC_ATTEMPT_SECONDS, 0, 5);
	meter_took(meter(1), METRIC_ATTEMPT_SECONDS, 0, 6);
	meter_took(meter(1), METRIC_ATTEMPT_SECONDS, 0, 60000);
	meter_took(meter(1), METRIC_ATTEMPT_SECONDS, 0, 60001);
	expect("attempt_seconds_bucket{le=\"0.005\"}", "2");
	expect("attempt_seconds_bucket{le=\"0.010\"}", "3");
	expect("attempt_seconds_bucket{le=\"10.000\"}", "3");
	expect("attempt_seconds_bucket{le=\"60.000\"}", "4");
	expect("attempt_seconds_bucket{le=\"+Inf\"}", "5");
	expect("attempt_seconds_sum", "120.012");
	expect("attempt_seconds_count", "5");
	meter_took(meter(0), METRIC_REQUEST_SECONDS, 1, 25);
	expect("request_seconds_bucket{route=\"send\",le=\"0.025\"}", "1");
	expect("request_seconds_bucket{route=\"health\",le=\"+Inf\"}", "0");
}
END_TEST

/* https://prometheus.io/docs/practices/naming/ */
START_TEST(names_and_words_fit_the_format)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz_";

	for (unsigned i = 0; i < METRIC_COUNT; i++) {
		const struct metric_row *row = &metric_rows[i];
		const char *total = strstr(row->name ? row->name : "", "_total");

		ck_assert_msg(row->name && *row->help, "metric %u has no row", i);
		ck_assert_uint_eq(strspn(row->name, letters), strlen(row->name));
		ck_assert_msg((row->kind == METRIC_COUNTER) == (total != NULL), "%s", row->name);
		ck_assert_msg(!strpbrk(row->help, "|\n\\"), "%s", row->name);
		for (unsigned l = 0; l < METRIC_LABELS && row->labels[l].name; l++)
			for (unsigned v = 0; v < row->labels[l].count; v++)
				ck_assert_ptr_nonnull(row->labels[l].values[v]);
	}
}
END_TEST

START_TEST(the_text_has_its_bound)
{
	struct str small = STR_INIT(100);

	ck_assert(!metrics_text(metrics, &small));
	str_fini(&small);
}
END_TEST

START_TEST(the_reference_page_is_what_the_table_says)
{
	const char *source = getenv("srcdir");
	char path[1024];
	char page[65536];
	char *wanted = NULL;
	size_t len;
	FILE *out = open_memstream(&wanted, &len);
	FILE *in;

	metrics_print_reference(out);
	ck_assert_int_eq(fclose(out), 0);
	(void)snprintf(path, sizeof(path), "%s/docs/reference/metrics.md", source ? source : ".");
	in = fopen(path, "r");
	ck_assert_msg(in != NULL, "%s cannot be read", path);
	page[fread(page, 1, sizeof(page) - 1, in)] = '\0';
	(void)fclose(in);
	ck_assert_msg(strcmp(page, wanted) == 0,
		      "%s is out of date: write the output of `message-sender metrics reference` "
		      "to it",
		      path);
	free(wanted);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("metrics");
	TCase *tcase = tcase_create("metrics");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, open_page, close_page);
	tcase_add_test(tcase, the_sum_is_over_all_slots);
	tcase_add_test(tcase, every_series_has_a_cell_of_its_own);
	tcase_add_test(tcase, a_label_that_does_not_exist_counts_nowhere);
	tcase_add_test(tcase, what_a_life_counted_stays_and_its_gauges_go);
	tcase_add_test(tcase, a_child_counts_in_the_page_of_its_parent);
	tcase_add_test(tcase, buckets_hold_what_is_not_above_their_end);
	tcase_add_test(tcase, names_and_words_fit_the_format);
	tcase_add_test(tcase, the_text_has_its_bound);
	tcase_add_test(tcase, the_reference_page_is_what_the_table_says);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
