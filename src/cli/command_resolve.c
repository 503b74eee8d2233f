/*
 * queue resolve - a person decides about messages whose reply was lost: one by its id, or, as after
 * a restore, all that fit a filter.  Of many it only tells which, without --yes; batches are one
 * transaction each, so it may be interrupted at any moment and repeated: what was decided is
 * unknown no more.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/database.h"
#include "cli/pick.h"
#include "domain/message_id.h"

#define WORDS "queue resolve"

static int refuse(const char *fault)
{
	(void)fprintf(stderr, "message-sender: " WORDS ": %s\n", fault);
	return EXIT_USAGE;
}

/* -- one --------------------------------------------------------------------------------- */

static const char *check_one(const struct arguments *a)
{
	struct message_id id;

	if (!message_id_parse(a->operand, &id))
		return "ID is no message_id";
	if (a->tenant || a->outlet || a->number || a->code || a->since || a->until || a->limit ||
	    a->yes)
		return "an ID is one message; leave it out to decide about many";
	if (!a->by || !a->why)
		return "it needs --by and --why, for the record";
	if (a->wamid && strcmp(a->as, "sent") != 0)
		return "--wamid belongs to --as sent";
	if (a->wamid && !text_visible_ascii(a->wamid, strlen(a->wamid), MANAGE_WAMID_MAX))
		return "--wamid has 1 to 150 visible ASCII characters";
	return NULL;
}

static void tell_copies(const struct arguments *a)
{
	if (strcmp(a->as, "sent") == 0 && !a->wamid)
		(void)printf("No copy goes to the Conversation Service, which asks for the id of "
			     "WhatsApp (--wamid).\n");
}

static int tell_resolved(const struct arguments *a, const char *hindrance)
{
	if (hindrance) {
		(void)fprintf(stderr, "message-sender: " WORDS ": %s: %s\n", a->operand, hindrance);
		return 1;
	}
	(void)printf("%s: %s\n", a->operand, a->as);
	tell_copies(a);
	return 0;
}

static int resolve_one(struct query *q, const struct arguments *a)
{
	const char *const values[] = { a->operand, a->as, a->why, a->by, a->wamid };

	if (!database_run(q, WORDS, "resolve", 5, values))
		return 1;
	return tell_resolved(a, query_value(q, 0, 0));
}

/* -- many -------------------------------------------------------------------------------- */

static const char *check_many(const struct arguments *a, struct pick *pick)
{
	if (a->wamid)
		return "--wamid belongs to one message, by its ID";
	return pick_read(pick, a);
}

static int dry_run(struct query *q, const struct arguments *a, const struct pick *pick)
{
	static const char *const headings[] = { "tenant", "code", "messages", "first" };
	unsigned long long messages = 0;

	if (!database_run(q, WORDS, "resolve_count", PICK_FILTERS, pick->filters))
		return 1;
	if (query_rows(q))
		database_print(q, headings);
	for (unsigned row = 0; row < query_rows(q); row++)
		messages += strtoull(query_value(q, row, 2), NULL, 10);
	if (messages > pick->limit)
		(void)printf("%llu of %llu (--limit)", (unsigned long long)pick->limit, messages);
	else
		(void)printf("%llu", messages);
	(void)printf(" would be resolved as %s. Nothing was done: repeat it with --yes, --by and "
		     "--why.\n",
		     a->as);
	return 0;
}

/* The next batch, above id `last`; false after the fault was told. */
static bool resolve_batch(struct query *q, const struct arguments *a, const struct pick *pick,
			  const char *last, unsigned most)
{
	const char *values[PICK_FILTERS + 5];
	char limit[8];

	(void)snprintf(limit, sizeof(limit), "%u", most);
	memcpy(values, pick->filters, sizeof(pick->filters));
	values[PICK_FILTERS] = *last ? last : NULL;
	values[PICK_FILTERS + 1] = limit;
	values[PICK_FILTERS + 2] = a->as;
	values[PICK_FILTERS + 3] = a->why;
	values[PICK_FILTERS + 4] = a->by;
	return database_run(q, WORDS, "resolve_next", PICK_FILTERS + 5, values);
}

/* What came of it between the look and the decision is passed over. */
static int resolve_many(struct query *q, const struct arguments *a, const struct pick *pick)
{
	char last[MESSAGE_ID_TEXT_BYTES] = "";
	uint64_t looked = 0;
	uint64_t resolved = 0;

	while (looked < pick->limit) {
		const uint64_t left = pick->limit - looked;
		unsigned rows;

		if (!resolve_batch(q, a, pick, last,
				   left < MANAGE_BATCH_MAX ? (unsigned)left : MANAGE_BATCH_MAX))
			return 1;
		rows = query_rows(q);
		if (rows == 0)
			break;
		for (unsigned row = 0; row < rows; row++)
			resolved += query_value(q, row, 1) == NULL;
		looked += rows;
		text_copy_cut(last, sizeof(last), query_value(q, rows - 1, 0));
		(void)printf("%llu resolved, up to %s\n", (unsigned long long)resolved, last);
		(void)fflush(stdout);
	}
	(void)printf("%llu in all, as %s.\n", (unsigned long long)resolved, a->as);
	tell_copies(a);
	return 0;
}

static int run(struct query *q, const struct arguments *a, const struct pick *pick)
{
	if (a->operand)
		return resolve_one(q, a);
	return a->yes ? resolve_many(q, a, pick) : dry_run(q, a, pick);
}

int command_queue_resolve(const struct arguments *a)
{
	struct pick pick = { .limit = 0 };
	struct query *q;
	const char *fault = pick_check_record(a);
	int status;

	if (!fault && !manage_decides(a->as))
		fault = "--as is none of sent, failed, resend";
	if (!fault)
		fault = a->operand ? check_one(a) : check_many(a, &pick);
	if (fault)
		return refuse(fault);
	q = database_open(WORDS, a, &status);
	if (!q)
		return status;
	status = run(q, a, &pick);
	query_close(q);
	return status;
}
