#include "cli/tenant_zone.h"

#include <stdio.h>

#include "cli/caller.h"
#include "cli/database.h"

bool tenant_zone_set(struct query *q, const char *words, const struct arguments *a)
{
	char caller[CALLER_BYTES];
	const char *const values[] = { a->operand, a->time_zone, a->by ? a->by : caller,
				       a->why ? a->why : "" };

	caller_name(caller, sizeof(caller));
	if (!database_run(q, words, "zone_set", 4, values))
		return false;
	if (!a->json)
		(void)printf("%s: days of %s, where it is %s\n", a->operand, a->time_zone,
			     query_value(q, 0, 0));
	return true;
}

bool tenant_zone_unset(struct query *q, const char *words, const struct arguments *a)
{
	if (!database_run(q, words, "zone_unset", 1, &a->operand))
		return false;
	if (query_rows(q) > 0 && !a->json)
		(void)printf("%s: days of UTC again\n", a->operand);
	return true;
}

bool tenant_zone_show(struct query *q, const char *words, const struct arguments *a)
{
	if (!database_run(q, words, "zone_show", 1, &a->operand))
		return false;
	if (query_rows(q) > 0)
		(void)printf("%s: days of %s\n  by %s at %s%s%s\n", a->operand,
			     query_value(q, 0, 0), query_value(q, 0, 1), query_value(q, 0, 2),
			     *query_value(q, 0, 3) ? ": " : "", query_value(q, 0, 3));
	return true;
}
