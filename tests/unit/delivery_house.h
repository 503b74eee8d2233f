/*
 * delivery_house - a delivery in a world that the test plays (fake_world.h), with what it
 * tells its waiters, and a sibling worker of which only the bell is real.
 */
#ifndef TESTS_UNIT_DELIVERY_HOUSE_H
#define TESTS_UNIT_DELIVERY_HOUSE_H

#include <stdbool.h>
#include <stdint.h>

#include "delivery/bell.h"
#include "delivery/delivery.h"
#include "delivery/node.h"
#include "fake_world.h"

#define WAITER 4711
/* Ours, of two workers: the even ones. */
#define HOUSE_LANES UINT64_C(0x5555555555555555)

/* What was told, to the waiters of this worker or (sibling) over the bell. */
struct told {
	unsigned count;
	uint64_t waiter_id;
	struct delivery_result result; /* action and detail: the copies below */
	char action[256];
	char detail[32];
};

struct house {
	struct loop *loop;
	struct node *node;
	struct world *world;
	struct delivery *d;
	struct told told;
	struct bell *sibling; /* lives in slot 1 */
	struct told sibling_told;
	unsigned sibling_orders;
	unsigned sibling_asks;
	unsigned sibling_looks;
	unsigned sibling_news[BELL_NEWS_COUNT];
	uint64_t sibling_lanes;
	unsigned sibling_calls;
	struct bell_call sibling_call;
};

extern struct house house;
extern struct delivery_settings house_settings;
extern bool house_knows_holds; /* a house to be opened: there are none; else not told yet */
extern int64_t house_hold_ms;  /* ORDER_HOLD_SECONDS of houses to be opened: 300 */

/* Check fixtures: a node of one worker, in slot 0; two workers, the other one a bell. */
void house_open(void);
void house_open_two(void);
/* Two workers; look-ups are answered at once, and the first load has been asked for. */
void house_open_adopting(void);
/* The same, and that load has been answered: nothing waited. */
void house_open_looked(void);
void house_close(void);
/* Anew, with house_settings as they are now. */
void house_reopen(void);

/* The view in which these lanes are ours, and the others the sibling's, if there is one; and
 * the same as the store's answer. */
struct store_lanes_view view_of(uint64_t lanes);
void house_lanes(uint64_t lanes);

/* The loop works for a millisecond or two; for so long; until the counter is n. */
void turn(void);
void turn_for(int64_t ms);
void turn_until(const unsigned *counter, unsigned n);

/* Number n of a tenant whose lane belongs to worker 0 (of two), to recipient n. */
struct message message_of(unsigned n);
struct message_id incarnation_of(unsigned n);
/* With credentials and a waiter of this worker, for a minute. */
struct delivery_order order_of(const struct message *m);
/* Its attempt 1 began so long ago, with its accept. */
void begin_with_accept(struct delivery_order *order, int64_t ago_us);
void take(const struct delivery_order *order);

/* A row of message n, in this state and due now; its message is in *m. */
struct store_work row_of(unsigned n, enum state state, struct message *m);
/* The store's whole answer to the last load: this row, or null for none. */
void load(const struct store_work *row);

/* The world answers the last thing asked; then the loop turns. */
void commit_begin(void);
void commit_outcome(void);
void commit_defer(void);
void commit_note(void);
void answer_accepted(void);
void answer_code(int http_status, int code);
void answer_lost(void);
void answer_posted(bool stored);
void answer_lookup(void);

/* Message n as an order, up to the call. */
void take_and_call(unsigned n);

/* How often the words are in the log of this house. */
unsigned house_logged(const char *words);

const struct fake_outcome *last_outcome(void);
/* Exactly one result was told since the last look, and it was this. */
void expect_told(enum delivery_end end);
void expect_not_told(void);
/* A place for message_of(n); null: none to be had. */
struct delivery_place *house_reserve(unsigned n);
/* Nothing is held and every place is free. */
void expect_over(void);
/* The store is asked how it stands, and has it no more: told to look elsewhere, and over. */
void expect_gone(void);

#endif
