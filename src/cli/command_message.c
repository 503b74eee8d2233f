#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/command.h"
#include "cli/configuration.h"
#include "cli/database.h"
#include "domain/graph_error.h"
#include "domain/message_id.h"
#include "http/message.h"

#define DOCUMENT_MAX ((size_t)1024 * 1024)

/* The connection, and the message's first statement run, with a row; else ret_status. */
static struct query *open_on(const char *words, const struct arguments *arguments,
			     const char *statement, int *ret_status)
{
	struct message_id id;
	const char *const values[] = { arguments->operand, NULL, "" }; /* sees all */
	const bool by_fields = strcmp(statement, "message_fields") == 0;
	struct query *q;

	if (!message_id_parse(arguments->operand, &id)) {
		(void)fprintf(stderr, "message-sender: %s: \"%.80s\" is no message_id\n", words,
			      arguments->operand);
		*ret_status = EXIT_USAGE;
		return NULL;
	}
	q = database_open(words, arguments, ret_status);
	if (!q)
		return NULL;
	if (database_run(q, words, statement, by_fields ? 1 : 3, values)) {
		if (query_rows(q) > 0)
			return q;
		(void)fprintf(stderr, "message-sender: %s: there is no message %s\n", words,
			      arguments->operand);
	}
	query_close(q);
	return NULL;
}

static int print_document(struct str *document)
{
	const bool whole = str_ok(document);

	if (whole)
		(void)printf("%s\n", document->data);
	else
		(void)fprintf(stderr, "message-sender: the document is too long\n");
	str_fini(document);
	return whole ? 0 : 1;
}

static int show_json(struct query *q)
{
	struct str document = STR_INIT(DOCUMENT_MAX);
	const char *code = query_value(q, 0, 3);
	const char *subcode = query_value(q, 0, 4);
	const struct message_whole whole = {
		.json = query_value(q, 0, 0),
		.payload = query_value(q, 0, 1),
		.failed = *query_value(q, 0, 2) == 't',
		.failure_code = code ? (int)strtol(code, NULL, 10) : 0,
		.failure_subcode = subcode ? (int)strtol(subcode, NULL, 10) : 0,
	};

	http_message_write(&document, &whole);
	return print_document(&document);
}

static bool show_text(struct query *q, const char *words, const char *const *id)
{
	for (unsigned row = 0; row < query_rows(q); row++)
		(void)printf("%-20s %s\n", query_value(q, row, 0), query_value(q, row, 1));
	if (!database_run(q, words, "event_lines", 1, id))
		return false;
	(void)printf("\n");
	for (unsigned row = 0; row < query_rows(q); row++)
		(void)printf("%s  %-14s %s\n", query_value(q, row, 0), query_value(q, row, 1),
			     query_value(q, row, 2));
	return true;
}

int command_message_show(const struct arguments *arguments)
{
	static const char words[] = "message show";
	int status = 1;
	struct query *q = open_on(words, arguments,
				  arguments->json ? "message_whole" : "message_fields", &status);

	if (!q)
		return status;
	if (arguments->json)
		status = show_json(q);
	else
		status = show_text(q, words, &arguments->operand) ? 0 : 1;
	query_close(q);
	return status;
}

static void print_time(const char *name, int64_t wall_us)
{
	char text[CLOCK_RFC3339_BYTES];

	if (wall_us == 0)
		return;
	clock_rfc3339(wall_us, text);
	(void)printf("%-9s %s\n", name, text);
}

static void explain_text(const struct message_facts *facts, const struct estimate_rates *rates)
{
	struct explanation e;

	explain_message(facts, rates, clock_wall_us(), &e);
	(void)printf("%s: %s\n", state_detail(facts->state, facts->failure_code), e.summary);
	if (*e.next)
		(void)printf("%s\n", e.next);
	(void)printf("\n");
	print_time("since", e.since_wall_us);
	print_time("until", e.until_wall_us);
	print_time("estimated", e.estimated_wall_us);
	print_time("expires", facts->expires_wall_us);
	if (facts->placed)
		(void)printf("%-9s %lld in its queue, %lld to this recipient before it\n",
			     "position", (long long)facts->ahead + 1,
			     (long long)facts->ahead_recipient);
	if (e.code)
		(void)printf("%-9s %d\n", "code", e.code);
	if (*e.title)
		(void)printf("%-9s %s\n", "error", e.title);
	if (*e.action)
		(void)printf("%-9s %s\n", "action", e.action);
}

static int explain_json(const struct arguments *arguments, const struct message_facts *facts,
			const struct estimate_rates *rates)
{
	struct str document = STR_INIT(DOCUMENT_MAX);

	http_explanation_write(&document, arguments->operand, facts, rates, clock_wall_us());
	return print_document(&document);
}

/* As the service has them, when it reads the same settings. */
static bool read_rates(const struct arguments *arguments, struct estimate_rates *ret_rates)
{
	struct settings settings;

	if (configuration_load_for_database(&settings, arguments->config_file))
		return false;
	*ret_rates = (struct estimate_rates){ settings.number_rate, settings.tenant_rate };
	return true;
}

int command_message_explain(const struct arguments *arguments)
{
	int status = 1;
	struct query *q = open_on("message explain", arguments, "message_facts", &status);
	struct estimate_rates rates;
	struct message_facts facts;

	if (!q)
		return status;
	if (!read_rates(arguments, &rates)) {
		query_close(q);
		return 1;
	}
	if (!query_facts(q, &facts)) {
		(void)fprintf(stderr, "message-sender: message explain: its row is not to be "
				      "understood\n");
	} else if (arguments->json) {
		status = explain_json(arguments, &facts, &rates);
	} else {
		explain_text(&facts, &rates);
		status = 0;
	}
	query_close(q);
	return status;
}

/* A field of the message, as its rows have been read; "" when it has none of that name. */
static const char *field(const struct query *q, const char *name)
{
	for (unsigned row = 0; row < query_rows(q); row++)
		if (strcmp(query_value(q, row, 0), name) == 0)
			return query_value(q, row, 1);
	return "";
}

int command_message_cancel(const struct arguments *arguments)
{
	static const char words[] = "message cancel";
	int status = 1;
	struct query *q = open_on(words, arguments, "message_fields", &status);
	char ids[MESSAGE_ID_TEXT_BYTES + 2];
	const char *const parameters[] = { ids };

	if (!q)
		return status;
	(void)snprintf(ids, sizeof(ids), "{%s}", arguments->operand);
	if (!database_run(q, words, "call_off", 1, parameters) ||
	    !database_run(q, words, "message_fields", 1, &arguments->operand)) {
		query_close(q);
		return 1;
	}
	status = strcmp(field(q, "status"),
			state_status(STATE_CANCELLED, GRAPH_CASE_CANCELLED, false));
	if (status == 0)
		(void)printf("%s is cancelled\n", arguments->operand);
	else
		(void)fprintf(stderr,
			      "message-sender: %s: %s cannot be cancelled: its state is %s\n",
			      words, arguments->operand, field(q, "state_detail"));
	query_close(q);
	return status == 0 ? 0 : 1;
}
