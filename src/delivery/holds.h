/*
 * holds - what must not begin for now: the worker's copy of the holds in force, and the gate
 * that every attempt passes.  Private to delivery.
 *
 * Invariants
 *  H1  No attempt begins before the holds are known, nor for what one of them covers; attempts
 *      under way are finished and recorded.
 *  H2  A held message nobody waits for is written down as held and leaves memory; it costs
 *      nothing until its hold is released or its validity is over.
 *  H3  What was released goes before what came later: until all of it is back in memory,
 *      others that the hold covered wait.
 *
 * A change is learnt from a bell, else by a look every second; which is the change's version
 * and nothing more as long as there is none.
 */
#ifndef DELIVERY_HOLDS_H
#define DELIVERY_HOLDS_H

#include <stdbool.h>

#include "base/compiler.h"
#include "delivery/world.h"
#include "domain/hold.h"
#include "domain/message.h"

struct delivery;
struct holds;
struct item;

/* Begins to look.  Null: no memory. */
struct holds *holds_new(struct delivery *d) MUST_CHECK;
void holds_free(struct holds *h);
/* Looks no more: the worker drains. */
void holds_stop(struct holds *h);

/* There was a change, by a bell. */
void holds_look_now(struct holds *h);
/* Lanes have become ours: what they hold may be held no more. */
void holds_taken(struct holds *h);
/* Completion of store_holds(). */
void holds_on_holds(struct holds *h, enum store_verdict verdict, const struct store_holds *found);
/* The end of a load of what is held no more; rows come to adopt.c.  more: than one page. */
void holds_on_loaded(struct holds *h, bool loaded, bool more);

/* Attempts of this message may begin; number: "" while it is not known.  token: though its
 * token is known to be refused, as somebody waits for it. */
bool holds_allow(const struct holds *h, const struct message *message, const char *number,
		 bool token);

#endif
