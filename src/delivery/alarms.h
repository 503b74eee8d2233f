/*
 * alarms - times at which something is to be looked at again, the earliest first.  No memory of
 * their own: an alarm lives in what it is for.  (A pairing heap: M. Fredman and others, 1986.)
 */
#ifndef DELIVERY_ALARMS_H
#define DELIVERY_ALARMS_H

#include <stdbool.h>
#include <stdint.h>

/* All zero: not set. */
struct alarm {
	struct alarm *child;
	struct alarm *next;
	struct alarm *before; /* the sibling before it, or its parent */
	int64_t at_ms;
	bool set;
	unsigned char kind; /* its owner's */
};

/* All zero: none. */
struct alarms {
	struct alarm *first;
};

/* Set to another time when it is set. */
void alarms_set(struct alarms *a, struct alarm *alarm, int64_t at_ms);
/* Harmless when it is not set. */
void alarms_clear(struct alarms *a, struct alarm *alarm);
/* The earliest, when its time has come: taken out.  Null: none. */
struct alarm *alarms_take(struct alarms *a, int64_t now_ms);
/* INT64_MAX: none is set. */
int64_t alarms_next_ms(const struct alarms *a);

#endif
