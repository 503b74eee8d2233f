#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cli/command.h"
#include "cli/database.h"
#include "domain/message_id.h"
#include "store/store.h"
#include "json/json_out.h"

#define DOCUMENT_MAX ((size_t)64 * 1024)

/* The connection; else ret_status. */
static struct query *open_for(const char *words, const struct arguments *arguments, int *ret_status)
{
	struct message_id id;

	if (message_id_parse(arguments->operand, &id))
		return database_open(words, arguments, ret_status);
	(void)fprintf(stderr, "message-sender: %s: \"%.80s\" is no batch_id\n", words,
		      arguments->operand);
	*ret_status = EXIT_USAGE;
	return NULL;
}

static bool is_there(struct query *q, const char *words, const char *id)
{
	if (query_rows(q) == 0)
		(void)fprintf(stderr, "message-sender: %s: there is no batch %s\n", words, id);
	return query_rows(q) > 0;
}

static bool show(struct query *q, const char *words, const struct arguments *arguments)
{
	struct str document = STR_INIT(DOCUMENT_MAX);
	const char *const values[] = { arguments->operand, NULL, "" }; /* sees all */
	struct json_out out;

	if (!database_run(q, words, arguments->json ? "batch_status" : "batch_fields",
			  arguments->json ? 3 : 1, values) ||
	    !is_there(q, words, arguments->operand))
		return false;
	if (arguments->json) {
		json_out_begin(&out, &document);
		json_out_document(&out, query_value(q, 0, 0));
		(void)printf("%s\n", document.data);
		str_fini(&document);
		return true;
	}
	for (unsigned row = 0; row < query_rows(q); row++)
		(void)printf("%-16s %s\n", query_value(q, row, 0),
			     query_value(q, row, 1) ? query_value(q, row, 1) : "");
	return true;
}

int command_batch_show(const struct arguments *arguments)
{
	static const char words[] = "batch show";
	int status = 1;
	struct query *q = open_for(words, arguments, &status);

	if (!q)
		return status;
	status = show(q, words, arguments) ? 0 : 1;
	query_close(q);
	return status;
}

/* Page by page, as the service does, so that nobody waits long for a row. */
static bool cancel(struct query *q, const char *words, const char *id)
{
	char behind[MESSAGE_ID_TEXT_BYTES] = "00000000-0000-0000-0000-000000000000";
	char page[16];
	const char *const values[] = { id, behind, page };

	(void)snprintf(page, sizeof(page), "%d", STORE_CANCEL_PAGE);
	for (;;) {
		if (!database_run(q, words, "batch_cancel", 3, values) || !is_there(q, words, id))
			return false;
		if (!query_value(q, 0, 0))
			return true;
		(void)snprintf(behind, sizeof(behind), "%s", query_value(q, 0, 0));
	}
}

int command_batch_cancel(const struct arguments *arguments)
{
	static const char words[] = "batch cancel";
	int status = 1;
	struct query *q = open_for(words, arguments, &status);

	if (!q)
		return status;
	status = cancel(q, words, arguments->operand) && show(q, words, arguments) ? 0 : 1;
	query_close(q);
	return status;
}
