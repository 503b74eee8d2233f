/*
 * report - the views of the schema report as tables, as CSV and as JSON.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/configuration.h"
#include "cli/database.h"

#define LIMIT_DEFAULT "1000"
#define LIMIT_MAX 1000000
#define VALUES 4

static const struct {
	const char *name;
	bool timed; /* takes --since and --until */
} reports[] = {
	{ "daily", true },   { "hourly", true },  { "cost", true },     { "failure", true },
	{ "latency", true }, { "queue", false },  { "quota", false },   { "unknown", true },
	{ "hold", false },   { "message", true }, { "opt_out", false }, { "reply_window", false },
	{ "number", false },
};

static const char *check_report(const struct arguments *a)
{
	uint64_t limit;
	int64_t time;

	if (a->json && a->csv)
		return "--json or --csv, not both";
	if (a->limit && !text_to_u64(a->limit, 1, LIMIT_MAX, &limit))
		return "--limit is a number from 1 to 1000000";
	if ((a->since && !clock_rfc3339_parse(a->since, &time)) ||
	    (a->until && !clock_rfc3339_parse(a->until, &time)))
		return "--since and --until are times as 2026-11-23T08:00:00Z";
	for (size_t i = 0; i < sizeof(reports) / sizeof(reports[0]); i++)
		if (strcmp(a->operand, reports[i].name) == 0)
			return reports[i].timed || (!a->since && !a->until)
				       ? NULL
				       : "--since and --until are not for what is now";
	return "NAME is one of daily, hourly, failure, latency, cost, queue, quota, unknown, hold, "
	       "message, opt_out, reply_window, number";
}

/* What a spreadsheet would run as a formula gets an apostrophe before it. */
static bool is_formula(const char *text)
{
	return *text && strchr("=+-@\t\r", *text);
}

static void put_csv(const char *text, bool number)
{
	const bool formula = !number && is_formula(text);

	if (!formula && !strpbrk(text, ",\"\r\n")) {
		(void)fputs(text, stdout);
		return;
	}
	(void)fputs(formula ? "\"'" : "\"", stdout);
	for (; *text; text++)
		(void)printf("%s%c", *text == '"' ? "\"" : "", *text);
	(void)fputs("\"", stdout);
}

/* RFC 4180. */
static void print_csv(const struct query *q)
{
	const unsigned columns = query_columns(q);

	for (unsigned c = 0; c < columns; c++)
		(void)printf("%s%s", query_name(q, c), c + 1 < columns ? "," : "\r\n");
	for (unsigned r = 0; r < query_rows(q); r++)
		for (unsigned c = 0; c < columns; c++) {
			const char *value = query_value(q, r, c);

			put_csv(value ? value : "", query_is_number(q, c));
			(void)fputs(c + 1 < columns ? "," : "\r\n", stdout);
		}
}

static void print_table(const struct query *q)
{
	const char *headings[DATABASE_COLUMNS];

	for (unsigned c = 0; c < DATABASE_COLUMNS && c < query_columns(q); c++)
		headings[c] = query_name(q, c);
	database_print(q, headings);
}

static int print_report(struct query *q, const struct arguments *a)
{
	char statement[32];
	const char *const values[VALUES] = { a->tenant, a->since, a->until,
					     a->limit ? a->limit : LIMIT_DEFAULT };
	struct err err;
	int failed;

	(void)snprintf(statement, sizeof(statement), "report_%s", a->operand);
	failed = a->json ? query_run_json(q, statement, VALUES, values, &err)
			 : query_run(q, statement, VALUES, values, &err);
	if (failed) {
		(void)fprintf(stderr, "message-sender: report: %s\n", err.text);
		return 1;
	}
	if (a->json)
		(void)puts(query_value(q, 0, 0));
	else if (a->csv)
		print_csv(q);
	else
		print_table(q);
	return ferror(stdout) ? 1 : 0;
}

/* Of the reports that are counted: as of when; so that a table of yesterday is not taken for one of
 * now. */
static bool tell_age(struct query *q)
{
	const char *counted_at;

	if (!database_run(q, "report", "report_about", 0, NULL))
		return false;
	counted_at = query_value(q, 0, 1);
	(void)fprintf(stderr, "counted: %s\n",
		      counted_at ? counted_at : "never yet; run `message-sender maintain`");
	return true;
}

int command_report(const struct arguments *arguments)
{
	const char *fault = check_report(arguments);
	struct settings settings;
	struct query *q;
	struct err err;
	int status;

	if (fault) {
		(void)fprintf(stderr, "message-sender: report: %s\n", fault);
		return EXIT_USAGE;
	}
	if (configuration_load_for_database(&settings, arguments->config_file))
		return EXIT_CONFIG;
	q = query_open_report(settings.database_url, &err);
	if (!q) {
		(void)fprintf(stderr, "message-sender: report: %s\n", err.text);
		return 1;
	}
	status = tell_age(q) ? print_report(q, arguments) : 1;
	query_close(q);
	return status;
}
