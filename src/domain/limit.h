/*
 * limit - what may be sent in a second, and whose share is larger, as set for single outlets and
 * tenants.  Pure.
 */
#ifndef DOMAIN_LIMIT_H
#define DOMAIN_LIMIT_H

#include <stdbool.h>

#include "base/compiler.h"
#include "domain/message.h"

#define LIMITS_MAX 10000        /* at once; setting one more is refused */
#define LIMIT_NUMBER_MAX 1000   /* messages a second: Meta's highest throughput */
#define LIMIT_TENANT_MAX 100000 /* messages a second */

/* Of an outlet: its number's rate.  Of a tenant (outlet_id ""): of all its numbers together, and
 * its weight against other tenants.  Of a number, as Meta has said (tenant_id "", the number as
 * outlet_id): its rate. */
struct limit {
	char tenant_id[MESSAGE_TOKEN_MAX + 1];
	char outlet_id[MESSAGE_TOKEN_MAX + 1];
	int rate;        /* messages a second; -1: that of the settings; of a tenant 0: none */
	unsigned weight; /* 1 to SHARE_WEIGHT_MAX */
};

/* Owned by whoever has it; sorted. */
struct limit_set {
	struct limit *limits;
	unsigned count;
};

void limit_sort(struct limit_set *set);
/* outlet_id "": of the tenant.  Null: there is none. */
const struct limit *limit_find(const struct limit_set *set, const char *tenant_id,
			       const char *outlet_id);

#endif
