/*
 * upkeep - what a writer does for the tables beside its work: partitions for the months to
 * come, once a day; what has expired (keys, old history of waits and lanes), every hour, a batch
 * at a time; the beacon, every second or two; receipts of unknown messages, every second; holds
 * whose time is over, and how many such receipts there are, for the metrics, every few seconds;
 * what is unknown after a restore, a batch at a time.
 * Ops that nobody is told of.
 */
#ifndef STORE_UPKEEP_H
#define STORE_UPKEEP_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/list.h"
#include "metrics/meter.h"
#include "store/op.h"

/* Zeros: all is due. */
struct upkeep {
	unsigned webhook_days; /* webhooks are kept so long; 0: 7 */
	const struct meter *meter;
	bool counts_orphans;
	int64_t count_at_ms;
	int64_t over_at_ms;
	int64_t partitions_at_ms;
	int64_t expire_at_ms;
	int64_t tick_at_ms;
	int64_t orphans_at_ms;
	int64_t mark_at_ms; /* only when a tick says so */
	bool mark;
};

/* Ops for what is due, at the end of `ops`; each is due again when it is known how it ended. */
void upkeep_submit(struct upkeep *u, struct list *ops, int64_t now_ms);
bool upkeep_is(const struct op *op);
/* -1: libpq failed. */
int upkeep_send(const struct upkeep *u, const struct op *op, PGconn *handle) MUST_CHECK;
/* Whether the metrics of orphans are this writer's. */
void upkeep_count_orphans(struct upkeep *u, bool counts);
/* How often the beacon of op's connection has ticked, committed; 0: op does not tell.  (What an
 * earlier connection told may be of another database.) */
int64_t upkeep_ended(struct upkeep *u, const struct op *op, enum store_verdict verdict,
		     int64_t now_ms);

#endif
