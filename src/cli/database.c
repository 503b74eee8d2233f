#include "cli/database.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/configuration.h"

struct query *database_open(const char *words, const struct arguments *arguments, int *ret_status)
{
	struct settings settings;
	struct query *q;
	struct err err;

	*ret_status = EXIT_CONFIG;
	if (configuration_load_for_database(&settings, arguments->config_file))
		return NULL;
	*ret_status = 1;
	q = query_open(settings.database_url, &err);
	if (!q)
		(void)fprintf(stderr, "message-sender: %s: %s\n", words, err.text);
	return q;
}

bool database_run(struct query *q, const char *words, const char *statement, int count,
		  const char *const *values)
{
	struct err err;

	if (query_run(q, statement, count, values, &err) == 0)
		return true;
	(void)fprintf(stderr, "message-sender: %s: %s\n", words, err.text);
	return false;
}

static const char *shown(const struct query *q, unsigned row, unsigned column)
{
	const char *value = query_value(q, row, column);

	return value && *value ? value : "-";
}

/* Columns on a screen, of which a character takes one. */
static int width_of(const char *text)
{
	size_t code_points;

	return text_utf8_valid(text, strlen(text), &code_points) ? (int)code_points
								 : (int)strlen(text);
}

static void print_cell(const char *text, int width, bool last)
{
	(void)printf("%s%*s", text, last ? 0 : width - width_of(text) + 2, "");
}

void database_print_from(const struct query *q, unsigned first, const char *const *headings)
{
	const unsigned columns = query_columns(q) - first < DATABASE_COLUMNS
					 ? query_columns(q) - first
					 : DATABASE_COLUMNS;
	int widths[DATABASE_COLUMNS];

	for (unsigned c = 0; c < columns; c++) {
		widths[c] = width_of(headings[c]);
		for (unsigned r = 0; r < query_rows(q); r++)
			if (width_of(shown(q, r, first + c)) > widths[c])
				widths[c] = width_of(shown(q, r, first + c));
	}
	for (unsigned c = 0; c < columns; c++)
		print_cell(headings[c], widths[c], c + 1 == columns);
	for (unsigned r = 0; r < query_rows(q); r++) {
		(void)printf("\n");
		for (unsigned c = 0; c < columns; c++)
			print_cell(shown(q, r, first + c), widths[c], c + 1 == columns);
	}
	(void)printf("\n");
}

void database_print(const struct query *q, const char *const *headings)
{
	database_print_from(q, 0, headings);
}

bool database_tell_held(struct query *q, const char *words)
{
	if (!database_run(q, words, "queue_held", 0, NULL))
		return false;
	for (unsigned row = 0; row < query_rows(q); row++)
		(void)printf("HELD since %s: %s\n", query_value(q, row, 0), query_value(q, row, 1));
	if (query_rows(q) > 0)
		(void)printf("Nothing is sent before `message-sender queue release`.\n\n");
	return true;
}
