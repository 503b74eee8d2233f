/*
 * lanes - which lanes this worker owns, and who owns the others.
 *
 * Invariants (docs/internals/lanes.md)
 *  L1  A lane is ours only as a view of the store said so, and only while our lease holds:
 *      counted on CLOCK_BOOTTIME from before the renewal was sent, less a margin.
 *  L2  What is released is ours no more before the release is sent; the release is written
 *      behind everything that was to begin attempts.
 *  L3  Lanes of others are taken only when free, or in the transaction that fences their owner,
 *      or after it.
 *  L4  Once fenced, for ever: this life owns nothing any more.
 *  L5  Who owns what of the others is a hint, for bells; but it is never older than what a bell has
 *      told: a view that was asked for before that does not undo it.
 */
#ifndef DELIVERY_LANES_H
#define DELIVERY_LANES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "delivery/bell.h"
#include "delivery/node.h"
#include "delivery/world.h"
#include "domain/message.h"

struct lanes;

/* Called from the store's or a bell's callbacks; they may ask lanes, not change them. */
struct lanes_events {
	/* These are ours, newly or again. */
	void (*taken)(void *arg, uint64_t lanes);
	/* These are about to be released: what has not begun in them is to be dropped now. */
	void (*leaving)(void *arg, uint64_t lanes);
	/* Owners may have become known. */
	void (*known)(void *arg);
	/* To be told to the other workers of this node (near; it is in their inboxes when this
	 * returns), and of the others (far). */
	void (*news)(void *arg, enum bell_news news, uint64_t lanes, bool near, bool far);
	void *arg;
};

enum lane_place { LANE_UNKNOWN = 0, LANE_OURS, LANE_SIBLING, LANE_FAR };

struct lane_owner {
	enum lane_place place;
	unsigned slot;                 /* SIBLING */
	struct message_id incarnation; /* SIBLING, FAR */
	int64_t until_boot_ms;         /* its lease, as it was known last */
};

/* Starts to renew, and to take its share. */
struct lanes *lanes_new(struct world *world, const struct node *node, struct message_id incarnation,
			const struct lanes_events *events, struct err *ret_err) MUST_CHECK;
void lanes_free(struct lanes *l);

/* Our lease holds: the last gate asks this at the last moment. */
bool lanes_leased(const struct lanes *l);
/* Ours, as bits; 0 while the lease does not hold. */
uint64_t lanes_ours(const struct lanes *l);
struct lane_owner lanes_owner(const struct lanes *l, unsigned lane);
/* A view has come. */
bool lanes_known(const struct lanes *l);
bool lanes_fenced(const struct lanes *l);
/* Workers of other nodes are known. */
bool lanes_has_far(const struct lanes *l);
/* PostgreSQL was restored or failed over: nobody takes lanes until a person releases them. */
bool lanes_held(const struct lanes *l);
/* Another worker lives and does not drain: it will go on with lanes that we leave. */
bool lanes_has_others(const struct lanes *l);
/* Somebody is there for this lane: us; for a sibling's, a worker of this node that is ready (it,
 * or its successor in a reload); else another worker, of whichever node. */
bool lanes_serves(const struct lanes *l, unsigned lane);

/* Completion of store_lanes(). */
void lanes_on_view(struct lanes *l, const struct store_lanes_view *view);
void lanes_on_news(struct lanes *l, enum bell_news news, uint64_t lanes,
		   struct message_id incarnation);

/* Releases all lanes, now, and takes none any more; the lease is renewed on. */
void lanes_drain(struct lanes *l);
/* Draining, and the store still says that lanes are ours. */
bool lanes_leaving(const struct lanes *l);

#endif
