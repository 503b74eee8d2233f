#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/caller.h"
#include "cli/command.h"
#include "cli/database.h"
#include "cli/own.h"
#include "cli/rate.h"
#include "cli/tenant_zone.h"
#include "domain/message.h"
#include "domain/settle.h"

#define QUARANTINE_MAX 604800 /* as UNKNOWN_QUARANTINE_SECONDS */

static bool is_quarantine(const char *text)
{
	char *end;
	const long seconds = strtol(text, &end, 10);

	return *text >= '0' && *text <= '9' && !*end && seconds >= 1 && seconds <= QUARANTINE_MAX;
}

static const char *check_tenant(const struct arguments *a)
{
	return text_visible_ascii(a->operand, strlen(a->operand), MESSAGE_TOKEN_MAX)
		       ? NULL
		       : "TENANT has 1 to 128 visible ASCII characters";
}

static const char *check_set(const struct arguments *a)
{
	enum unknown_policy policy;

	if (!a->unknown_policy && !a->rate && !a->weight && !a->name && !a->time_zone)
		return "what is to be set? --name, --time-zone, --unknown-policy, --rate, --weight";
	if (a->quarantine && !a->unknown_policy)
		return "--quarantine goes with --unknown-policy";
	if (a->unknown_policy && !unknown_policy_parse(a->unknown_policy, &policy))
		return "--unknown-policy is none of hold, evidence, resend, fail";
	if (a->quarantine && !is_quarantine(a->quarantine))
		return "--quarantine is no number of seconds from 1 to 604800";
	if ((a->why && strlen(a->why) > 500) || (a->by && strlen(a->by) > 100))
		return "--why has at most 500 bytes, --by 100";
	return rate_check(a) ? rate_check(a) : check_tenant(a);
}

static struct query *open_for(const char *words, const char *fault,
			      const struct arguments *arguments, int *ret_status)
{
	if (!fault)
		return database_open(words, arguments, ret_status);
	(void)fprintf(stderr, "message-sender: %s: %s\n", words, fault);
	*ret_status = EXIT_USAGE;
	return NULL;
}

/* policy null: its own one goes; ret_changed: it had or has one.  What is unknown now is the one
 * row read last.  False after the fault was told. */
static bool change(struct query *q, const char *words, const struct arguments *a,
		   const char *policy, bool *ret_changed)
{
	char caller[CALLER_BYTES];
	const char *const values[] = { a->operand, policy, a->quarantine, a->by ? a->by : caller,
				       a->why ? a->why : "" };

	caller_name(caller, sizeof(caller));
	if (!database_run(q, words, "tenant_set", 5, values))
		return false;
	*ret_changed = strcmp(query_value(q, 0, 0), "0") != 0;
	return database_run(q, words, "tenant_due", 1, &a->operand);
}

static void tell_waiting(const struct query *q, const struct arguments *a)
{
	if (a->json)
		return;
	(void)printf("%s messages of this tenant are unknown now; they are looked at anew.\n",
		     query_value(q, 0, 0));
}

static bool set_policy(struct query *q, const char *words, const struct arguments *a)
{
	bool changed;

	if (!change(q, words, a, a->unknown_policy, &changed))
		return false;
	if (!a->json)
		(void)printf("%s: %s, quarantine %s%s\n", a->operand, a->unknown_policy,
			     a->quarantine ? a->quarantine : "of the service",
			     a->quarantine ? " s" : "");
	tell_waiting(q, a);
	return true;
}

/* -- of our own tables ---------------------------------------------------------------------- */

static const char *const tenant_columns[] = { "tenant_id", "name", "time_zone", NULL };
static const char *const tenant_headings[] = { "tenant",  "name",   "time zone",
					       "outlets", "weight", "disabled" };

/* One row, with how: "add" or "set".  False after the fault was told. */
static bool put(struct query *q, const char *words, const struct arguments *a, const char *how,
		const char *disabled)
{
	const char *const values[] = { a->operand, a->name, a->time_zone, disabled };
	struct own_rows rows;
	unsigned long done;
	bool ok;

	own_rows_init(&rows, 4);
	own_rows_add(&rows, values);
	ok = own_rows_put(&rows, q, words, "tenant_put", how, &done);
	own_rows_fini(&rows);
	if (ok && done == 0)
		(void)fprintf(stderr, "message-sender: %s: %s %s\n", words,
			      strcmp(how, "add") == 0 ? "there is already a tenant"
						      : "there is no tenant",
			      a->operand);
	return ok && done > 0;
}

static bool print_tenant(struct query *q, const char *words, const struct arguments *a)
{
	if (!database_run(q, words, "tenant_list", 1, &a->operand))
		return false;
	own_print(q, a->json, NULL, tenant_headings);
	return true;
}

static int put_and_print(const char *words, const struct arguments *a, const char *how,
			 const char *disabled)
{
	int status;
	struct query *q = open_for(words, check_tenant(a), a, &status);

	if (!q)
		return status;
	status = put(q, words, a, how, disabled) && print_tenant(q, words, a) ? 0 : 1;
	query_close(q);
	return status;
}

int command_tenant_add(const struct arguments *arguments)
{
	return put_and_print("tenant add", arguments, "add", NULL);
}

int command_tenant_disable(const struct arguments *arguments)
{
	return put_and_print("tenant disable", arguments, "set", "true");
}

int command_tenant_enable(const struct arguments *arguments)
{
	return put_and_print("tenant enable", arguments, "set", "false");
}

int command_tenant_list(const struct arguments *arguments)
{
	static const char *const all[] = { NULL };
	int status;
	struct query *q = database_open("tenant list", arguments, &status);

	if (!q)
		return status;
	status = database_run(q, "tenant list", "tenant_list", 1, all) ? 0 : 1;
	if (!status)
		own_print(q, arguments->json, "tenants", tenant_headings);
	query_close(q);
	return status;
}

static const char *take_tenant(const struct csv *csv, struct own_rows *rows, void *arg)
{
	const char *const values[] = { csv_field(csv, 0), csv_field(csv, 1), csv_field(csv, 2),
				       NULL };

	(void)arg;
	if (!values[0] || own_check_id(values[0]))
		return "tenant_id has 1 to 128 visible ASCII characters";
	own_rows_add(rows, values);
	return NULL;
}

int command_tenant_import(const struct arguments *arguments)
{
	return own_import_all("tenant import", arguments, tenant_columns, 1, 4, take_tenant, NULL,
			      "tenant_put");
}

int command_tenant_set(const struct arguments *arguments)
{
	static const char words[] = "tenant set";
	const struct arguments *a = arguments;
	const bool rated = a->rate || a->weight;
	const bool named = a->name;
	int status;
	struct query *q = open_for(words, check_set(a), a, &status);

	if (!q)
		return status;
	status = (!named || put(q, words, a, "set", NULL)) &&
				 (!a->unknown_policy || set_policy(q, words, a)) &&
				 (!rated || rate_set(q, words, a, "", a->rate)) &&
				 (!a->time_zone || tenant_zone_set(q, words, a)) &&
				 (!(named || a->json) || print_tenant(q, words, a))
			 ? 0
			 : 1;
	query_close(q);
	return status;
}

int command_tenant_unset(const struct arguments *arguments)
{
	static const char words[] = "tenant unset";
	bool changed;
	int status;
	struct query *q = open_for(words, check_tenant(arguments), arguments, &status);
	bool rated;

	if (!q)
		return status;
	status = 1;
	if (tenant_zone_unset(q, words, arguments) && rate_unset(q, words, arguments, "", &rated) &&
	    change(q, words, arguments, NULL, &changed)) {
		if (rated && !arguments->json)
			(void)printf("%s: rate and weight of the service again\n",
				     arguments->operand);
		if (!arguments->json)
			(void)printf("%s: %s\n", arguments->operand,
				     changed ? "the policy of the service again"
					     : "had no policy of its own");
		tell_waiting(q, arguments);
		status = !arguments->json || print_tenant(q, words, arguments) ? 0 : 1;
	}
	query_close(q);
	return status;
}

/* What it is in our own tables, if it is there. */
static bool show_own(struct query *q, const char *words, const struct arguments *a)
{
	if (!database_run(q, words, "tenant_list", 1, &a->operand))
		return false;
	if (a->json || query_value(q, 0, 2)) /* the name is null of one that is not there */
		own_print(q, a->json, NULL, tenant_headings);
	return true;
}

static bool show_policy(struct query *q, const char *words, const struct arguments *a)
{
	static const char *const headings[] = { "policy", "quarantine (s)", "by", "at",
						"why",    "unknown now" };

	if (!database_run(q, words, "tenant_show", 1, &a->operand))
		return false;
	if (query_rows(q) > 0)
		database_print(q, headings);
	else
		(void)printf("%s: the policy of the service (UNKNOWN_POLICY)\n", a->operand);
	return true;
}

int command_tenant_show(const struct arguments *arguments)
{
	static const char words[] = "tenant show";
	int status;
	bool rated;
	struct query *q = open_for(words, check_tenant(arguments), arguments, &status);

	if (!q)
		return status;
	status = show_own(q, words, arguments) &&
				 (arguments->json || (show_policy(q, words, arguments) &&
						      rate_show(q, words, arguments, "", &rated) &&
						      tenant_zone_show(q, words, arguments)))
			 ? 0
			 : 1;
	query_close(q);
	return status;
}
