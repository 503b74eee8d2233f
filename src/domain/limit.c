#include "domain/limit.h"

#include <stdlib.h>
#include <string.h>

struct subject {
	const char *tenant_id;
	const char *outlet_id;
};

static int compare(const struct subject *a, const struct limit *b)
{
	const int order = strcmp(a->tenant_id, b->tenant_id);

	return order ? order : strcmp(a->outlet_id, b->outlet_id);
}

static int by_subject(const void *key, const void *limit)
{
	return compare(key, limit);
}

static int in_order(const void *a, const void *b)
{
	const struct limit *limit = a;
	const struct subject subject = { limit->tenant_id, limit->outlet_id };

	return compare(&subject, b);
}

void limit_sort(struct limit_set *set)
{
	if (set->count)
		qsort(set->limits, set->count, sizeof(*set->limits), in_order);
}

const struct limit *limit_find(const struct limit_set *set, const char *tenant_id,
			       const char *outlet_id)
{
	const struct subject subject = { tenant_id, outlet_id };

	return set->count ? bsearch(&subject, set->limits, set->count, sizeof(*set->limits),
				    by_subject)
			  : NULL;
}
