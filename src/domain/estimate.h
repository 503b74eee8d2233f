/*
 * estimate - when a message that waits is likely to begin, by what waits before it and what its
 * number and its tenant may send.  Pure.
 *
 * Rules:
 *  E1  What may be sent in a second is the smaller of the number's and the tenant's limit, less the
 *      1.5 % that buckets keep clear (domain/bucket).
 *  E2  While classes wait beside each other they share as S1 (domain/share) has it; what comes
 *      meanwhile, other outlets of the tenant, pairs and Meta's refusals are not known.
 */
#ifndef DOMAIN_ESTIMATE_H
#define DOMAIN_ESTIMATE_H

#include <stdint.h>

#include "base/compiler.h"
#include "domain/share.h"

/* What holds where nothing else is set: NUMBER_RATE and TENANT_RATE, messages a second; 0: no
 * limit. */
struct estimate_rates {
	unsigned number;
	unsigned tenant;
};

/* Of one outlet. */
struct estimate_line {
	unsigned class;                 /* of the message */
	int64_t waiting[SHARE_CLASSES]; /* of its class those before it, of the others all */
	int number_rate;                /* -1: as set for all */
	int tenant_rate;
};

/* Milliseconds until it begins, about; -1: no limit that it waits for. */
int64_t estimate_wait_ms(const struct estimate_line *line,
			 const struct estimate_rates *rates) MUST_CHECK;

#endif
