#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/database.h"
#include "cli/rate.h"

static const char *check(const struct arguments *a)
{
	if (!text_visible_ascii(a->operand, strlen(a->operand), MESSAGE_TOKEN_MAX) ||
	    !text_visible_ascii(a->second, strlen(a->second), MESSAGE_TOKEN_MAX))
		return "TENANT and OUTLET have 1 to 128 visible ASCII characters";
	if ((a->why && strlen(a->why) > 500) || (a->by && strlen(a->by) > 100))
		return "--why has at most 500 bytes, --by 100";
	return rate_check(a);
}

static struct query *open_for(const char *words, const struct arguments *a, int *ret_status)
{
	const char *fault = check(a);

	if (!fault)
		return database_open(words, a, ret_status);
	(void)fprintf(stderr, "message-sender: %s: %s\n", words, fault);
	*ret_status = EXIT_USAGE;
	return NULL;
}

int command_outlet_set(const struct arguments *a)
{
	int status;
	struct query *q = open_for("outlet set", a, &status);

	if (!q)
		return status;
	status = rate_set(q, "outlet set", a, a->second, a->number_rate) ? 0 : 1;
	query_close(q);
	return status;
}

int command_outlet_unset(const struct arguments *a)
{
	int status;
	struct query *q = open_for("outlet unset", a, &status);
	bool any;

	if (!q)
		return status;
	status = 1;
	if (rate_unset(q, "outlet unset", a, a->second, &any)) {
		(void)printf("%s/%s: %s\n", a->operand, a->second,
			     any ? "as fast as NUMBER_RATE says again" : "had no rate of its own");
		status = 0;
	}
	query_close(q);
	return status;
}

int command_outlet_show(const struct arguments *a)
{
	int status;
	struct query *q = open_for("outlet show", a, &status);
	bool any;

	if (!q)
		return status;
	status = 1;
	if (rate_show(q, "outlet show", a, a->second, &any)) {
		if (!any)
			(void)printf("%s/%s: its number sends as fast as NUMBER_RATE says\n",
				     a->operand, a->second);
		status = 0;
	}
	query_close(q);
	return status;
}
