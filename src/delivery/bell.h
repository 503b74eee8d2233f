/*
 * bell - work items and results between the workers of a node, over the inboxes of node.h.
 *
 * A bell is only a hint: a full inbox, a worker that died or an item that does not fit into a
 * packet lose nothing but time (fallback polls of both sides).  What is rung in one round of
 * the loop travels as one packet per target, at most BELL_PACKET_BYTES.
 */
#ifndef DELIVERY_BELL_H
#define DELIVERY_BELL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/loop.h"
#include "delivery/delivery.h"
#include "delivery/node.h"
#include "delivery/result.h"

#define BELL_PACKET_BYTES 65536

/* A message by its id, for who owns its lane by now. */
struct bell_call {
	struct message_id id;
	unsigned lane;
	struct delivery_waiter waiter;
	unsigned hops;
};

/* Rows of a queue that were committed and do not travel, for who owns its lane by now. */
struct bell_ring {
	unsigned lane;
	uint64_t queue; /* message_queue() */
	uint64_t seq;   /* the first one; 0: not of a queue, but something is to be settled */
	unsigned hops;
};

enum bell_news {
	BELL_LOOK = 0, /* something happened to lanes, or to a worker: look */
	BELL_FREED,    /* these are free */
	BELL_MINE,     /* these are the sender's */
	BELL_LEAVING,  /* these are not the sender's any more, and not free yet */
	BELL_NEWS_COUNT,
};

struct bell;

/* Borrowed for the call. */
struct bell_receiver {
	void (*order)(void *arg, const struct delivery_order *order);
	/* Nobody knew where to ring: look into the store. */
	void (*look)(void *arg);
	void (*result)(void *arg, uint64_t waiter_id, const struct delivery_result *result);
	void (*learn)(void *arg, const char *tenant_id, const char *outlet_id,
		      const struct credentials *credentials);
	/* News of lanes. */
	void (*lanes)(void *arg, enum bell_news news, uint64_t lanes,
		      struct message_id incarnation);
	void (*call)(void *arg, const struct bell_call *call);
	/* Also an order that was too large for a packet. */
	void (*ring)(void *arg, const struct bell_ring *ring);
	void (*ask)(void *arg, unsigned from_slot, const char *tenant_id, const char *outlet_id);
	void *arg;
};

/* What was rung for an earlier life of this slot is thrown away. */
struct bell *bell_new(struct loop *loop, struct node *node, unsigned slot,
		      const struct bell_receiver *receiver, struct err *ret_err) MUST_CHECK;
void bell_free(struct bell *bell);

void bell_order(struct bell *bell, unsigned to_slot, const struct delivery_order *order);
/* To every running sibling: there is work that did not ring. */
void bell_look(struct bell *bell);
void bell_result(struct bell *bell, unsigned to_slot, uint64_t waiter_id,
		 const struct delivery_result *result);
/* Credentials, to one sibling. */
void bell_learn(struct bell *bell, unsigned to_slot, const char *tenant_id, const char *outlet_id,
		const struct credentials *credentials);
/* Does anybody know these credentials?  To every running sibling; how many were asked. */
unsigned bell_ask(struct bell *bell, const char *tenant_id, const char *outlet_id);

void bell_call(struct bell *bell, unsigned to_slot, const struct bell_call *call);
void bell_ring(struct bell *bell, unsigned to_slot, const struct bell_ring *ring);
/* To every running sibling.  It has left when this returns, with all that was rung before. */
void bell_lanes(struct bell *bell, enum bell_news news, uint64_t lanes,
		struct message_id incarnation);

/* The master has seen a worker die: every running worker is to look. */
void bell_death(struct node *node);

/* Packets that found a full or missing inbox so far. */
uint64_t bell_lost(const struct bell *bell);

#endif
