#include "cli/rate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/caller.h"
#include "cli/database.h"
#include "domain/limit.h"
#include "domain/share.h"

#define TEXT(number) TEXT_OF(number)
#define TEXT_OF(number) #number

static bool is_number(const char *text, long least, long most)
{
	char *end;
	const long n = strtol(text, &end, 10);

	return *text >= '0' && *text <= '9' && !*end && n >= least && n <= most;
}

const char *rate_check(const struct arguments *a)
{
	if (a->number_rate && !is_number(a->number_rate, 1, LIMIT_NUMBER_MAX))
		return "--number-rate is no number of messages a second from 1 to 1000 (Meta's: "
		       "20, 80 or 1000)";
	if (a->rate && !is_number(a->rate, 0, LIMIT_TENANT_MAX))
		return "--rate is no number of messages a second from 1 to 100000, or 0: none";
	if (a->weight && !is_number(a->weight, 1, SHARE_WEIGHT_MAX))
		return "--weight is no number from 1 to 100";
	return NULL;
}

static void print(const struct arguments *a, const char *outlet, const char *rate,
		  const char *weight)
{
	if (*outlet) {
		(void)printf("%s/%s: its number sends %s messages a second\n", a->operand, outlet,
			     rate);
		return;
	}
	if (!rate)
		(void)printf("%s: as fast as TENANT_RATE says", a->operand);
	else if (strcmp(rate, "0") == 0)
		(void)printf("%s: no limit of its own", a->operand);
	else
		(void)printf("%s: %s messages a second", a->operand, rate);
	(void)printf(", weight %s\n", weight);
}

bool rate_set(struct query *q, const char *words, const struct arguments *a, const char *outlet,
	      const char *rate)
{
	char caller[CALLER_BYTES];
	const char *const values[] = {
		a->operand,           outlet,          rate, a->weight, a->by ? a->by : caller,
		a->why ? a->why : "", TEXT(LIMITS_MAX)
	};

	caller_name(caller, sizeof(caller));
	if (!database_run(q, words, "rate_set", 7, values))
		return false;
	if (query_rows(q) == 0) {
		(void)fprintf(
			stderr,
			"message-sender: %s: there are " TEXT(LIMITS_MAX) " rates, "
									  "which is the most\n",
			words);
		return false;
	}
	if (!a->json)
		print(a, outlet, query_value(q, 0, 0), query_value(q, 0, 1));
	return true;
}

bool rate_unset(struct query *q, const char *words, const struct arguments *a, const char *outlet,
		bool *ret_any)
{
	const char *const values[] = { a->operand, outlet };

	if (!database_run(q, words, "rate_unset", 2, values))
		return false;
	*ret_any = strcmp(query_value(q, 0, 0), "0") != 0;
	return true;
}

bool rate_show(struct query *q, const char *words, const struct arguments *a, const char *outlet,
	       bool *ret_any)
{
	const char *const values[] = { a->operand, outlet };

	if (!database_run(q, words, "rate_show", 2, values))
		return false;
	*ret_any = query_rows(q) > 0;
	if (!*ret_any)
		return true;
	print(a, outlet, query_value(q, 0, 0), query_value(q, 0, 1));
	(void)printf("  by %s at %s%s%s\n", query_value(q, 0, 2), query_value(q, 0, 3),
		     *query_value(q, 0, 4) ? ": " : "", query_value(q, 0, 4));
	return true;
}
