/*
 * pace - who may begin a call next: it gives out the places, so that Meta's limits are kept before
 * Meta refuses, and nobody is shut out by anybody's backlog.  Private to delivery.
 *
 * Objects: a ticket is one message that wants a place, or has one; a line is what waits for one
 * outlet and its number, by class; a number and a tenant have a bucket each (domain/bucket), a
 * number and a recipient an account in the ledger of pairs (domain/pair).
 *
 * Invariants
 *  P1  A place is given only while the number's and its tenant's bucket and the pair allow it; it
 *      is paid for then, which is just before the attempt is committed.
 *  P2  What is given back without having begun is paid back.
 *  P3  When there is not enough for all: classes 16 : 4 : 1 (domain/share), tenants of a class in
 *      turn by their weights, a tenant's lines in turn, a line's messages in order.  When it is
 *      not places that are short but what one number (or tenant) may send, so too among its own.
 *  P4  A message whose pair must wait holds up no other.
 *  P5  A number begins with nothing when its lane is taken; what is known of its pairs is
 *      forgotten, and they are lent nothing for pairs_cautious_ms(): what was sent before is not
 *      known here.
 *  P6  When nothing waits and all is allowed, a message costs one look-up for its line and one
 *      for its pair, and no memory.
 *  P7  Calls whose commits came late and together leave no faster than a number may send, but for
 *      what 150 ms bring: Meta counts what arrives.
 *  P8  A number's rest holds up nobody that somebody waits for, wherever he stands in line.
 *
 * Pure but for memory and counting: times are parameters, on the boot clock.
 */
#ifndef DELIVERY_PACE_H
#define DELIVERY_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/list.h"
#include "delivery/alarms.h"
#include "domain/limit.h"
#include "domain/message.h"
#include "domain/pair.h"
#include "domain/share.h"
#include "metrics/meter.h"

struct pace;
struct pace_line;

struct pace_settings {
	unsigned number_rate;    /* NUMBER_RATE; 0: no limit */
	unsigned tenant_rate;    /* TENANT_RATE; 0: no limit */
	struct pair_policy pair; /* PAIR_SECONDS, PAIR_BURST */
	unsigned max_lines;      /* with tickets; idle ones besides, for a while */
};

enum pace_state {
	PACE_NOTHING = 0,
	PACE_WAITS, /* in its line */
	PACE_APART, /* for its pair */
	PACE_GIVEN, /* has a place, and has paid */
	PACE_BEGUN, /* it may be told what came of it */
};

/* All zero at first; whoever has one calls pace_leave() before it goes. */
struct pace_ticket {
	struct list link;
	struct list urgent_link; /* besides, while it is urgent */
	struct alarm alarm;
	struct pace_line *line;
	uint64_t pair;
	int64_t paid_ms;
	uint64_t order; /* in its line */
	enum pace_state state;
	unsigned char class;
	bool urgent;
};

/* What asks for a place. */
struct pace_ask {
	const struct message *message;
	const char *number;
	bool urgent; /* somebody waits for it: it does not share in a number's rest */
};

/* What Meta has said about an attempt. */
enum pace_news {
	PACE_ACCEPTED = 0,
	PACE_TOO_FAST, /* 130429: the number is slowed */
	PACE_PAIR,     /* 131056: the pair waits */
	PACE_REST,     /* 131057, and limits of an account: the number rests */
};

/* Null: no memory. */
struct pace *pace_new(const struct pace_settings *settings, const struct meter *meter,
		      int64_t now_ms) MUST_CHECK;
void pace_free(struct pace *p);

/* The limits as they are set now; copied.  False: no memory, no change. */
bool pace_learn(struct pace *p, const struct limit_set *set, int64_t now_ms) MUST_CHECK;
/* P5 */
void pace_taken(struct pace *p, uint64_t lanes, int64_t now_ms);

/* A place is free, and is taken at once if this message may go and nobody else waits who might. */
bool pace_try(struct pace *p, struct pace_ticket *ticket, const struct pace_ask *ask,
	      int64_t now_ms) MUST_CHECK;
/* It waits for pace_next().  False: no memory for it, or too many lines. */
bool pace_wait(struct pace *p, struct pace_ticket *ticket, const struct pace_ask *ask,
	       int64_t now_ms) MUST_CHECK;
/* A place is free: who gets it.  Null: nobody, now. */
struct pace_ticket *pace_next(struct pace *p, int64_t now_ms) MUST_CHECK;
/* When pace_next() may find somebody though it has not; INT64_MAX: not by time alone. */
int64_t pace_wake_ms(const struct pace *p);

/* Its attempt begins: what it has paid is spent. */
void pace_begin(struct pace_ticket *ticket);
/* After pace_begin(): its attempt was not committed, and there is no call (P2). */
void pace_call_off(struct pace_ticket *ticket);
/* Its attempt is committed: when its call may leave, now_ms or a little later (P7). */
int64_t pace_depart_ms(struct pace_ticket *ticket, int64_t now_ms) MUST_CHECK;
/* It wants nothing any more, or gives its place back (P2). */
void pace_leave(struct pace *p, struct pace_ticket *ticket, int64_t now_ms);
/* As a place of one's own: `to` is all zero before, `from` after. */
void pace_hand_over(struct pace_ticket *from, struct pace_ticket *to);

/* After pace_begin().  wait_ms: with PACE_REST, how long at least. */
void pace_tell(struct pace *p, struct pace_ticket *ticket, enum pace_news news, int64_t wait_ms,
	       int64_t now_ms);

/* Waiting now, of a class. */
unsigned pace_waiting(const struct pace *p, unsigned class);

#endif
