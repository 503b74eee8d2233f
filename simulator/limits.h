/*
 * Meta's limits on sending, enforced when a test says so: what a number may send in a second, and
 * what it may send to one recipient. Both are counted as debts that time pays back: a call is
 * refused when more would be owed than is lent.
 */
#ifndef SIMULATOR_LIMITS_H
#define SIMULATOR_LIMITS_H

#include <stdint.h>

struct limits_rules {
	int number_rate;  /* calls a second from a number; 0: as many as you like */
	int tolerance_ms; /* a number may be ahead of that by so long */
	int pair_seconds; /* one call in so long from a number to a recipient; 0: as you like */
	int pair_burst;   /* so many at once, paid back later */
};

/* Meta's pair rule; for a number, 250 ms. */
#define LIMITS_TOLERANCE_MS 250
#define LIMITS_PAIR_SECONDS 6
#define LIMITS_PAIR_BURST 45

struct limits;

struct limits *limits_new(void);
void limits_free(struct limits *limits);
/* What was counted is forgotten. */
void limits_set(struct limits *limits, const struct limits_rules *rules);
/* 0: the call is within its limits, and counts; else Meta's error code, and it does not. */
int limits_judge(struct limits *limits, const char *number, const char *recipient, int64_t now_ns);

#endif
