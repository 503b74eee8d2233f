#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/caller.h"
#include "cli/command.h"
#include "cli/database.h"
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

	if (!a->unknown_policy && !a->rate && !a->weight && !a->time_zone)
		return "what is to be set? --unknown-policy, --rate, --weight, --time-zone";
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

static void tell_waiting(const struct query *q)
{
	(void)printf("%s messages of this tenant are unknown now; they are looked at anew.\n",
		     query_value(q, 0, 0));
}

static bool set_policy(struct query *q, const char *words, const struct arguments *a)
{
	bool changed;

	if (!change(q, words, a, a->unknown_policy, &changed))
		return false;
	(void)printf("%s: %s, quarantine %s%s\n", a->operand, a->unknown_policy,
		     a->quarantine ? a->quarantine : "of the service", a->quarantine ? " s" : "");
	tell_waiting(q);
	return true;
}

int command_tenant_set(const struct arguments *arguments)
{
	static const char words[] = "tenant set";
	const bool rated = arguments->rate || arguments->weight;
	int status;
	struct query *q = open_for(words, check_set(arguments), arguments, &status);

	if (!q)
		return status;
	status = (!arguments->unknown_policy || set_policy(q, words, arguments)) &&
				 (!rated || rate_set(q, words, arguments, "", arguments->rate)) &&
				 (!arguments->time_zone || tenant_zone_set(q, words, arguments))
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
		if (rated)
			(void)printf("%s: rate and weight of the service again\n",
				     arguments->operand);
		(void)printf("%s: %s\n", arguments->operand,
			     changed ? "the policy of the service again"
				     : "had no policy of its own");
		tell_waiting(q);
		status = 0;
	}
	query_close(q);
	return status;
}

int command_tenant_show(const struct arguments *arguments)
{
	static const char words[] = "tenant show";
	static const char *const headings[] = { "policy", "quarantine (s)", "by", "at",
						"why",    "unknown now" };
	int status;
	bool rated;
	struct query *q = open_for(words, check_tenant(arguments), arguments, &status);

	if (!q)
		return status;
	status = 1;
	if (database_run(q, words, "tenant_show", 1, &arguments->operand)) {
		if (query_rows(q) > 0)
			database_print(q, headings);
		else
			(void)printf("%s: the policy of the service (UNKNOWN_POLICY)\n",
				     arguments->operand);
		status = rate_show(q, words, arguments, "", &rated) &&
					 tenant_zone_show(q, words, arguments)
				 ? 0
				 : 1;
	}
	query_close(q);
	return status;
}
