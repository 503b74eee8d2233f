#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cli/command.h"
#include "cli/database.h"
#include "cli/pick.h"
#include "json/json_out.h"

#define UNKNOWN_MAX 1000 /* queue_unknown gives one more, if there is one */
#define DOCUMENT_MAX ((size_t)4 * 1024 * 1024)

static bool print_part(struct query *q, const char *statement, const char *title,
		       const char *const *headings)
{
	if (!database_run(q, "queue status", statement, 0, NULL))
		return false;
	if (query_rows(q) == 0)
		return true;
	(void)printf("%s\n", title);
	database_print(q, headings);
	return true;
}

static bool print_status(struct query *q)
{
	static const char *const states[] = { "state", "messages", "under way", "overdue",
					      "oldest (s)" };
	static const char *const lanes[] = { "lane", "to send", "under way", "tenants" };
	static const char *const workers[] = { "node", "worker", "under way", "oldest (s)" };
	static const char *const holds[] = { "scope", "tenant", "outlet", "number",  "reason",
					     "by",    "since",  "why",    "messages" };

	if (!database_tell_held(q, "queue status") ||
	    !database_run(q, "queue status", "queue_status", 0, NULL))
		return false;
	if (query_rows(q) == 0) {
		(void)printf("nothing is left to do\n");
		return print_part(q, "hold_list", "\nholds in force", holds);
	}
	database_print(q, states);
	(void)printf("(sent: waits for the Conversation Service to take its copy)\n");
	return print_part(q, "hold_list", "\nholds in force", holds) &&
	       print_part(q, "queue_lanes", "\nlanes with most to send", lanes) &&
	       print_part(q, "queue_workers", "\nworkers with attempts under way", workers);
}

int command_queue_status(const struct arguments *arguments)
{
	int status;
	struct query *q = database_open("queue status", arguments, &status);

	if (!q)
		return status;
	status = print_status(q) ? 0 : 1;
	query_close(q);
	return status;
}

static int unknown_json(const struct query *q, unsigned rows)
{
	static const char *const names[] = { "message_id", "tenant_id", "outlet_id", "to",
					     "number",     NULL,        "begun_at",  "lost_at",
					     "seen",       "policy",    "decides_at" };
	struct str document = STR_INIT(DOCUMENT_MAX);
	struct json_out out;
	bool whole;

	json_out_begin(&out, &document);
	json_out_object(&out, NULL);
	json_out_array(&out, "messages");
	for (unsigned row = 0; row < rows; row++) {
		json_out_object(&out, NULL);
		for (unsigned c = 0; c < sizeof(names) / sizeof(names[0]); c++) {
			if (names[c])
				json_out_text(&out, names[c], query_value(q, row, c));
			else
				json_out_raw(&out, "attempt", query_value(q, row, c));
		}
		json_out_object_end(&out);
	}
	json_out_array_end(&out);
	json_out_bool(&out, "more", query_rows(q) > rows);
	json_out_object_end(&out);
	whole = str_ok(&document);
	(void)fprintf(whole ? stdout : stderr, "%s\n", whole ? document.data : "too long");
	str_fini(&document);
	return whole ? 0 : 1;
}

static int unknown_text(const struct query *q)
{
	static const char *const headings[] = { "message", "tenant",  "outlet", "to",
						"number",  "attempt", "begun",  "lost",
						"seen",    "policy",  "decides" };

	if (query_rows(q) == 0) {
		(void)printf("no reply is missing\n");
		return 0;
	}
	database_print(q, headings);
	if (query_rows(q) > UNKNOWN_MAX)
		(void)printf("There are more than %d; name a tenant, or decide about these "
			     "first.\n",
			     UNKNOWN_MAX);
	return 0;
}

int command_queue_unknown(const struct arguments *arguments)
{
	int status;
	struct query *q = database_open("queue unknown", arguments, &status);

	if (!q)
		return status;
	status = 1;
	if (database_run(q, "queue unknown", "queue_unknown", 1, &arguments->tenant)) {
		const unsigned rows = query_rows(q) < UNKNOWN_MAX ? query_rows(q) : UNKNOWN_MAX;

		status = arguments->json ? unknown_json(q, rows) : unknown_text(q);
	}
	query_close(q);
	return status;
}

static void tell_released(const char *unknown)
{
	if (!unknown) {
		(void)printf("nothing was held\n");
		return;
	}
	(void)printf("released: work goes on within seconds\n");
	if (strcmp(unknown, "0") != 0)
		(void)printf("%s messages are unknown: they may have been sent.  `message-sender "
			     "queue unknown` lists them, `queue resolve` or UNKNOWN_POLICY decides "
			     "about them.\n",
			     unknown);
}

/* A transaction for each portion: what is marked stays so, whatever comes after it. */
static bool mark_all(struct query *q, const char *words)
{
	do
		if (!database_run(q, words, "queue_mark", 0, NULL))
			return false;
	while (strcmp(query_value(q, 0, 0), "0") != 0);
	return true;
}

/* The next restore may be noticed after the last portion of this one. */
static bool mark_and_release(struct query *q, const char *words, const char *const *values)
{
	do
		if (!mark_all(q, words) || !database_run(q, words, "queue_release", 2, values))
			return false;
	while (query_value(q, 0, 0) && strcmp(query_value(q, 0, 0), "-1") == 0);
	return true;
}

int command_queue_release(const struct arguments *arguments)
{
	static const char words[] = "queue release";
	const char *const values[] = { arguments->by, arguments->why };
	struct query *q;
	const char *fault = pick_check_record(arguments);
	int status;

	if (fault) {
		(void)fprintf(stderr, "message-sender: %s: %s\n", words, fault);
		return EXIT_USAGE;
	}
	q = database_open(words, arguments, &status);
	if (!q)
		return status;
	status = 1;
	if (database_tell_held(q, words) && mark_and_release(q, words, values)) {
		tell_released(query_value(q, 0, 0));
		status = 0;
	}
	query_close(q);
	return status;
}
