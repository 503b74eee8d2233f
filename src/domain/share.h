/*
 * share - whose turn it is when there is not enough for all.  Pure.
 *
 * Rules:
 *  S1  Classes share 16 : 4 : 1 (high, normal, bulk), evenly mixed, among those that want
 *      something: none starves, and what one does not want the others get.
 *  S2  Within a class tenants go round; one with weight w takes w in its turn.
 */
#ifndef DOMAIN_SHARE_H
#define DOMAIN_SHARE_H

#include <stdbool.h>

#include "base/compiler.h"

#define SHARE_CLASSES 3
#define SHARE_WEIGHT_MAX 100

/* All zero: nobody has had anything. */
struct share {
	int credit[SHARE_CLASSES];
};

/* S1 */
int share_weight(unsigned class) MUST_CHECK;
/* The class whose turn it is among those of `wanting` (bit i: class i; not 0). */
unsigned share_next(const struct share *s, unsigned wanting) MUST_CHECK;
/* It has had one, while these wanted. */
void share_take(struct share *s, unsigned wanting, unsigned class);

/* S2: one was taken in a turn that has *left (0: it has just begun).  True: the turn is over. */
bool share_turn_over(unsigned *left, unsigned weight) MUST_CHECK;

#endif
