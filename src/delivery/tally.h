/*
 * tally - how much work waits, as far as this worker knows: the last count, which one worker
 * of all makes for everybody (docs/internals/backlog.md), and what this worker has accepted
 * and finished since.
 *
 * Invariants
 *  T1  Nothing is let in before the work has been counted once in this life.
 *  T2  What has been let in counts until it leaves, or has become work.
 *  T3  After a count of this worker's own the tally of its messages is exact; after another
 *      worker's it is off by what was accepted and finished within two seconds of it.
 *  T4  A message costs two look-ups in memory, never a statement.
 *
 * One thread: the loop's.
 */
#ifndef DELIVERY_TALLY_H
#define DELIVERY_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/loop.h"
#include "domain/backlog.h"
#include "store/store.h"

struct tally;

/* Who is refused, and why. */
struct tally_full {
	enum backlog_verdict verdict;
	int64_t limit;
	int64_t waiting;
	unsigned retry_after_s;
};

/* Counts for the first time at once.  The store is asked once a second.  Null: no memory. */
struct tally *tally_new(struct loop *loop, const struct backlog_limits *limits) MUST_CHECK;
/* The store comes after its callbacks; asked from now on. */
void tally_start(struct tally *t, struct store *store);
void tally_free(struct tally *t);
/* Completion of store_backlog(); null: the store could not tell. */
void tally_on_count(struct tally *t, const struct store_backlog *backlog);

/* This worker counts for all, now and then; or leaves it to another. */
void tally_lead(struct tally *t, bool lead);

/* The work has been counted. */
bool tally_known(const struct tally *t);
/* What is to be sent of a class, as it was counted last, and how long the one due longest has been
 * due, in seconds; 0 unless this worker counts for all. */
int64_t tally_depth(const struct tally *t, enum message_class class);
int64_t tally_late_s(const struct tally *t, enum message_class class);
/* So many messages more of this tenant are let in, all or none: true, and tally_leave() is owed for
 * each; else ret_full. */
bool tally_enter(struct tally *t, const char *tenant_id, unsigned count,
		 struct tally_full *ret_full) MUST_CHECK;
/* became_work: they are committed (or may be), else nothing came of them. */
void tally_leave(struct tally *t, const char *tenant_id, unsigned count, bool became_work);
/* The last write about a message is committed: its work is gone. */
void tally_finished(struct tally *t, const char *tenant_id);

#endif
