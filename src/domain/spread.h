/*
 * spread - how 64 lanes lie over the workers that live, and what one of them does about it.
 * Pure.
 *
 * Every worker plans for itself from its own view; the database arbitrates.  Shares differ
 * by at most one lane, those that hold more keep more, so few lanes move and a view that
 * does not change moves none.
 */
#ifndef DOMAIN_SPREAD_H
#define DOMAIN_SPREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "domain/message_id.h"

struct spread_worker {
	struct message_id id;
	uint64_t lanes; /* it holds: bits */
	bool wants;     /* a share: it lives and does not drain */
};

struct spread_plan {
	uint64_t release; /* of ours: more than our share */
	uint64_t take;    /* of those that nobody holds: each worker its own part of them */
	bool short_of;    /* after that our share is not full: others hold too much */
};

/* self: index into workers. */
struct spread_plan spread_plan(const struct spread_worker *workers, unsigned count, unsigned self);

/* A lease that was renewed for lease_ms by a request sent at sent_ms counts until here: from
 * before it was sent, less a margin for clocks that do not run alike (DESIGN section 3). */
#define SPREAD_MARGIN_MS 2000
int64_t spread_lease_until_ms(int64_t sent_ms, int64_t lease_ms);

#endif
