/*
 * pair - the ledger of pairs (a number and a recipient): Meta takes one message per 6 s from a
 * number to a user, and lends a burst of 45 that is paid back later.  Pure: time is a
 * parameter, in milliseconds of any one clock.
 *
 * Rules:
 *  A1  Each message costs a pair `every` ms, paid back by the passing of time; the next one may go
 *      while no more than `burst` - 1 of them are owed.
 *  A2  Cautious (somebody else may have sent): who owes one at most that is known of borrows none.
 *  A3  Meta has refused the pair: its burst is used up, and the next one waits 4^X s, X from 0 with
 *      each refusal until all is paid back, up to 256 s (Meta: pair rate limit, 131056).
 *  A4  Who owes nothing is not remembered.  At most `max` owe; those beyond are not watched.
 *
 * A pair is a 64-bit hash: two of one hash share what they owe, which only makes them wait.
 */
#ifndef DOMAIN_PAIR_H
#define DOMAIN_PAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct pairs;

struct pair_policy {
	int64_t every_ms; /* 0: nothing is ever owed */
	unsigned burst;   /* 1 or more */
};

/* Null: no memory. */
struct pairs *pairs_new(const struct pair_policy *policy, size_t max) MUST_CHECK;
void pairs_free(struct pairs *p);

/* When the next message of the pair may go: now_ms, or later. */
int64_t pairs_ready_ms(const struct pairs *p, uint64_t pair, bool cautious,
		       int64_t now_ms) MUST_CHECK;
/* One goes.  False: it is not watched (A4). */
bool pairs_take(struct pairs *p, uint64_t pair, int64_t now_ms);
/* It did not go. */
void pairs_give_back(struct pairs *p, uint64_t pair);
/* A3 */
void pairs_refused(struct pairs *p, uint64_t pair, int64_t now_ms);

/* How long nobody knows what a pair owes that others may have used: A2 ends then. */
int64_t pairs_cautious_ms(const struct pairs *p);
/* Bytes in use. */
size_t pairs_memory(const struct pairs *p);

#endif
