/*
 * delivery - the sending half of a worker: it owns the messages of the worker's lanes from
 * their commit to their end, and does nothing else.
 *
 * Objects: an item is one message under way (item.h); a waiter is the request, in this
 * worker or a sibling, that wants to know how it ends; a bell (bell.h) carries items to the
 * owner of their lane and results back.
 *
 * Invariants
 *  D1  Only the owner of a lane begins attempts for it, while its lease holds (lanes.h); the
 *      store is the last word: an attempt begins only if its incarnation is not fenced and
 *      its row in the work table still is what the item says.
 *  D2  No Graph call before its attempt is committed (Law 2).
 *  D3  Whatever an attempt came to is recorded; a result is told only after its commit.
 *  D4  A message whose last attempt is lost is sent again only after a recorded decision.
 *  D5  An item is in the table by message id exactly as long as it lives, so a row that comes
 *      by bell and by the fallback poll becomes one item.
 *
 * One thread: the loop's.
 */
#ifndef DELIVERY_DELIVERY_H
#define DELIVERY_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "delivery/node.h"
#include "delivery/pace.h"
#include "delivery/result.h"
#include "delivery/world.h"
#include "domain/breaker.h"
#include "domain/message.h"
#include "domain/retry.h"
#include "domain/settle.h"

/* What is scheduled is loaded so long before it is due. */
#define DELIVERY_DUE_AHEAD_MS 5000

struct delivery;
struct delivery_place;

struct delivery_settings {
	struct node *node;             /* borrowed */
	unsigned slot;                 /* of this worker */
	struct message_id incarnation; /* of this worker's life */
	struct retry_policy retry;
	struct breaker_policy breaker;
	int64_t request_timeout_ms; /* REQUEST_TIMEOUT_SECONDS: one attempt */
	int64_t commit_timeout_ms;  /* longest wait for the commit that begins an attempt */
	int64_t order_hold_ms;  /* ORDER_HOLD_SECONDS: what one message may delay those behind it */
	int64_t token_probe_ms; /* TOKEN_PROBE_SECONDS */
	enum unknown_policy unknown_policy; /* of tenants without their own */
	unsigned unknown_quarantine_s;
	struct pace_settings pace;
	unsigned max_items; /* held in memory; what is beyond stays in the store */
};

/* Who wants to know.  slot and id name a request of a worker of this node; with `far`, id
 * names one of the worker of another node whose incarnation that is. */
struct delivery_waiter {
	bool waits;
	bool taken; /* only until the lane's owner has it */
	bool far;
	struct message_id incarnation; /* far */
	unsigned slot;
	uint64_t id;
	int64_t until_boot_ms; /* after that nobody waits: asynchronous rules */
};

/* A committed message, to be sent. */
struct delivery_order {
	const struct message *message;         /* borrowed; copied */
	const struct credentials *credentials; /* borrowed; copied; null: to be looked up */
	int64_t expires_wall_us;
	struct delivery_waiter waiter;
	struct delivery_place *place; /* attempt 1 was begun in the accepting commit */
	int64_t begun_wall_us;
	int64_t deadline_wall_us;
	unsigned hops; /* bells that have carried it */
};

/* Told of results for waiters of this worker; called from a loop hook. */
typedef void delivery_told_fn(void *arg, uint64_t waiter_id, const struct delivery_result *result);

struct delivery *delivery_new(struct world *world, const struct delivery_settings *settings,
			      delivery_told_fn *told, void *arg, struct err *ret_err) MUST_CHECK;
void delivery_free(struct delivery *d);

/* Ours, and our lease holds: attempts for it may begin here. */
bool delivery_owns(const struct delivery *d, unsigned lane);
/* Nobody waits for work of this lane: lanes are held, or we drain, and no worker is known that has
 * it and stays, or would go on with it. */
bool delivery_leaves(const struct delivery *d, unsigned lane);
/* The first look at the lanes has been taken. */
bool delivery_knows_lanes(const struct delivery *d);
/* Another worker has taken our lanes over for good: this life begins nothing any more. */
bool delivery_fenced(const struct delivery *d);

/* A place for one attempt, from this number, that begins in the accepting commit: the lane is
 * ours, no earlier message to the same recipient is under way, nothing holds it (waited: what
 * is for its token does not count), a call may start, and its pace allows it.  Null: not now.  It
 * is given back by delivery_take(), or by delivery_give_back() (null is allowed). */
struct delivery_place *delivery_reserve(struct delivery *d, const struct message *message,
					const char *number, bool waited) MUST_CHECK;
void delivery_give_back(struct delivery *d, struct delivery_place *place);

/* No circuit breaker holds up attempts from this number that nobody waits for. */
bool delivery_flows(const struct delivery *d, const char *number);

/* The owner of the lane is, or may be, a worker of another node: a bell to it takes its time. */
bool delivery_is_far(const struct delivery *d, unsigned lane);

/* Takes the message over, or rings the bell of its lane's owner.  When there is no room, the
 * message stays in the store and is found by the fallback poll. */
void delivery_take(struct delivery *d, const struct delivery_order *order);
/* Rings once more, by its id, for a message that delivery_take() has had. */
void delivery_ring(struct delivery *d, const struct message *message,
		   const struct delivery_waiter *waiter);

/* Messages of this queue of the lane were committed, too many to be carried, this seq the first of
 * them: the lane's owner, here or elsewhere, is to read them from the store. */
void delivery_look(struct delivery *d, unsigned lane, uint64_t queue, uint64_t seq);

/* Rings the owners of the lanes where receipts have made work: to settle, or to send again. */
void delivery_receipts(struct delivery *d, const struct store_received *received);

/* The lanes go to the next owner: whatever is not inside an attempt is released (its waiter
 * is told), what is inside is finished. */
void delivery_drain(struct delivery *d);
/* The drain takes too long, the process ends: calls under way are recorded as not sent, or, when
 * their bodies have gone, as lost; replies that come within half a second are recorded yet. */
void delivery_give_up(struct delivery *d);
/* Items that are not finished. */
unsigned delivery_busy(const struct delivery *d);
/* Draining, lanes are still to be released, and the store is there to take that. */
bool delivery_holds_lanes(const struct delivery *d);

#endif
