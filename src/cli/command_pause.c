/*
 * Holds by hand.  The change itself rings the workers (sql/migrations/0011_holds.sql); nothing
 * here talks to them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/text.h"
#include "cli/caller.h"
#include "cli/command.h"
#include "cli/database.h"
#include "domain/hold.h"
#include "domain/manage.h"
#include "json/json_out.h"

#define DOCUMENT_MAX ((size_t)8 * 1024 * 1024)

/* What is to be held, or to go on. */
struct subject {
	enum hold_scope scope;
	char tenant_id[MESSAGE_TOKEN_MAX + 1];
	char outlet_id[MESSAGE_TOKEN_MAX + 1];
	char number[HOLD_NUMBER_BYTES];
	char who[MANAGE_WHO_MAX + 1];
};

static bool is_token(const char *text)
{
	return text_visible_ascii(text, strlen(text), MESSAGE_TOKEN_MAX);
}

/* Null, or what is wrong. */
static const char *read_subject(const struct arguments *a, struct subject *ret_subject)
{
	struct subject s = { .scope = HOLD_ALL };
	struct arguments_outlet outlet;
	const char *fault;

	if ((a->tenant || a->outlet) + !!a->number + a->all != 1)
		return "name one of --tenant, --outlet, --number, --all; --outlet may stand with "
		       "--tenant";
	if ((a->why && strlen(a->why) > MANAGE_WHY_MAX) ||
	    (a->by && strlen(a->by) > MANAGE_WHO_MAX))
		return "--why has at most 500 bytes, --by 100";
	if (a->outlet) {
		s.scope = HOLD_OUTLET;
		fault = arguments_outlet(a, &outlet);
		if (fault)
			return fault;
		memcpy(s.tenant_id, outlet.tenant_id, sizeof(s.tenant_id));
		memcpy(s.outlet_id, outlet.outlet_id, sizeof(s.outlet_id));
	} else if (a->tenant) {
		s.scope = HOLD_TENANT;
		if (!is_token(a->tenant) || !text_copy(s.tenant_id, sizeof(s.tenant_id), a->tenant))
			return "--tenant is 1 to 128 visible ASCII characters";
	} else if (a->number) {
		s.scope = HOLD_NUMBER;
		if (!hold_number_fits(a->number) ||
		    !text_copy(s.number, sizeof(s.number), a->number))
			return "--number is Meta's phone_number_id: 1 to 31 digits";
	}
	if (a->by)
		text_copy_cut(s.who, sizeof(s.who), a->by);
	else
		caller_name(s.who, sizeof(s.who));
	*ret_subject = s;
	return NULL;
}

static int tell_held(const struct query *q)
{
	if (query_rows(q) == 0) {
		(void)fprintf(stderr,
			      "message-sender: pause: %d holds are in force, more are not allowed; "
			      "pause a tenant, or all\n",
			      HOLDS_MAX);
		return 1;
	}
	(void)printf("%s%s\n",
		     *query_value(q, 0, 0) == 't' ? "" : "held already: ", query_value(q, 0, 1));
	return 0;
}

static int tell_released(const struct query *q)
{
	for (unsigned row = 0; row < query_rows(q); row++)
		(void)printf("released: %s (%s messages waited)\n", query_value(q, row, 0),
			     query_value(q, row, 1));
	if (query_rows(q) == 0)
		(void)printf("nothing is held there; see message-sender pause --list\n");
	return 0;
}

static int set(struct query *q, const struct subject *s, const char *why)
{
	char most[12];
	const char *const values[] = { hold_scope_name(s->scope),
				       s->tenant_id,
				       s->outlet_id,
				       s->number,
				       hold_reason_name(HOLD_PAUSED),
				       s->who,
				       why,
				       most,
				       most };

	(void)snprintf(most, sizeof(most), "%d", HOLDS_MAX);
	return database_run(q, "pause", "hold_set", 9, values) ? tell_held(q) : 1;
}

static int release(struct query *q, const struct subject *s, const char *why)
{
	const char *const values[] = { hold_scope_name(s->scope),
				       s->tenant_id,
				       s->outlet_id,
				       s->number,
				       s->who,
				       why,
				       "false" };

	return database_run(q, "resume", "hold_release", 7, values) ? tell_released(q) : 1;
}

static int change(const char *words, const struct arguments *arguments,
		  int (*run)(struct query *q, const struct subject *s, const char *why))
{
	struct subject s;
	const char *fault = read_subject(arguments, &s);
	struct query *q;
	int status;

	if (fault) {
		(void)fprintf(stderr, "message-sender: %s: %s\n", words, fault);
		return EXIT_USAGE;
	}
	q = database_open(words, arguments, &status);
	if (!q)
		return status;
	status = run(q, &s, arguments->why ? arguments->why : "");
	query_close(q);
	return status;
}

static int list_json(const struct query *q)
{
	static const char *const names[] = { "scope",  "tenant_id", "outlet_id", "number",
					     "reason", "by",        "since",     "why" };
	struct str document = STR_INIT(DOCUMENT_MAX);
	struct json_out out;
	bool whole;

	json_out_begin(&out, &document);
	json_out_object(&out, NULL);
	json_out_array(&out, "holds");
	for (unsigned row = 0; row < query_rows(q); row++) {
		json_out_object(&out, NULL);
		for (unsigned c = 0; c < sizeof(names) / sizeof(names[0]); c++)
			json_out_text(&out, names[c], query_value(q, row, c));
		json_out_raw(&out, "messages", query_value(q, row, 8));
		json_out_object_end(&out);
	}
	json_out_array_end(&out);
	json_out_object_end(&out);
	whole = str_ok(&document);
	(void)fprintf(whole ? stdout : stderr, "%s\n", whole ? document.data : "too long");
	str_fini(&document);
	return whole ? 0 : 1;
}

static int list(const struct arguments *arguments)
{
	static const char *const headings[] = { "held", "tenant", "outlet", "number",  "reason",
						"by",   "since",  "why",    "messages" };
	int status;
	struct query *q = database_open("pause", arguments, &status);

	if (!q)
		return status;
	status = 1;
	if (database_run(q, "pause", "hold_list", 0, NULL)) {
		status = 0;
		if (arguments->json)
			status = list_json(q);
		else if (query_rows(q) == 0)
			(void)printf("nothing is held\n");
		else
			database_print(q, headings);
	}
	query_close(q);
	return status;
}

int command_pause(const struct arguments *arguments)
{
	const bool names = arguments->tenant || arguments->outlet || arguments->number ||
			   arguments->all || arguments->why || arguments->by;

	if (arguments->list && !names)
		return list(arguments);
	if (!arguments->list && !arguments->json)
		return change("pause", arguments, set);
	(void)fprintf(stderr, "message-sender: pause: --list stands alone, with --json if you "
			      "like\n");
	return EXIT_USAGE;
}

int command_resume(const struct arguments *arguments)
{
	return change("resume", arguments, release);
}
