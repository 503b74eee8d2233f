/*
 * far - bells between nodes: NOTIFY through the store, rung and heard by incarnation.
 *
 * They carry ids only: what was rung for one worker in one round of the loop travels as one
 * NOTIFY of at most STORE_RING_BYTES (more: as several).  Hints, as all bells are.
 *
 *   o <sender> <message id><waiter><lane><ms it waits><1: only until it is taken>...
 *                                                           messages, for the owner
 *   r <sender> <message id><waiter>...                      their results are in the store
 *   l <sender> <news><lanes>                                news of lanes; to everybody
 *   q <sender> <queue><first seq><lane><hops>...            rows were committed, for the owner
 *   m <sender>                                              its bells may be lost; to everybody
 *
 * All numbers hexadecimal, of fixed width.
 */
#ifndef DELIVERY_FAR_H
#define DELIVERY_FAR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "delivery/bell.h"
#include "store/store.h"

struct far;

/* Borrowed for the call. */
struct far_receiver {
	void (*call)(void *arg, const struct bell_call *call);
	void (*ring)(void *arg, const struct bell_ring *ring);
	void (*result)(void *arg, uint64_t waiter_id, struct message_id id);
	void (*lanes)(void *arg, enum bell_news news, uint64_t lanes,
		      struct message_id incarnation);
	/* Bells of another worker may not have come. */
	void (*missed)(void *arg);
	void *arg;
};

/* Null: no memory. */
struct far *far_new(struct store *store, struct message_id self,
		    const struct far_receiver *receiver) MUST_CHECK;
void far_free(struct far *far);

void far_call(struct far *far, struct message_id to, const struct bell_call *call);
void far_ring(struct far *far, struct message_id to, const struct bell_ring *ring);
void far_result(struct far *far, struct message_id to, uint64_t waiter_id, struct message_id id);
void far_lanes(struct far *far, enum bell_news news, uint64_t lanes);
/* To everybody: what we rang may be lost. */
void far_missed(struct far *far);

/* Rings what was gathered.  True: something was. */
bool far_flush(struct far *far);
/* Entries that were too many targets late; polls make up for them. */
uint64_t far_lost(const struct far *far);

/* A bell came. */
void far_take(struct far *far, const char *text);

#endif
