#include "delivery/alarms.h"

#include <stddef.h>

static struct alarm *meld(struct alarm *a, struct alarm *b)
{
	struct alarm *first = a;
	struct alarm *second = b;

	if (!a || !b)
		return a ? a : b;
	if (b->at_ms < a->at_ms) {
		first = b;
		second = a;
	}
	second->before = first;
	second->next = first->child;
	if (second->next)
		second->next->before = second;
	first->child = second;
	first->next = NULL;
	first->before = NULL;
	return first;
}

/* All siblings from this one on become one heap: two by two, then from the last to the first. */
static struct alarm *meld_all(struct alarm *siblings)
{
	struct alarm *pairs = NULL; /* linked backwards through next */
	struct alarm *all = NULL;

	while (siblings) {
		struct alarm *one = siblings;
		struct alarm *two = one->next;

		siblings = two ? two->next : NULL;
		one = meld(one, two);
		one->next = pairs;
		pairs = one;
	}
	while (pairs) {
		struct alarm *pair = pairs;

		pairs = pair->next;
		pair->next = NULL;
		pair->before = NULL;
		all = meld(all, pair);
	}
	return all;
}

void alarms_clear(struct alarms *a, struct alarm *alarm)
{
	if (!alarm->set)
		return;
	if (a->first == alarm) {
		a->first = meld_all(alarm->child);
	} else {
		if (alarm->before->child == alarm)
			alarm->before->child = alarm->next;
		else
			alarm->before->next = alarm->next;
		if (alarm->next)
			alarm->next->before = alarm->before;
		a->first = meld(a->first, meld_all(alarm->child));
	}
	alarm->child = alarm->next = alarm->before = NULL;
	alarm->set = false;
}

void alarms_set(struct alarms *a, struct alarm *alarm, int64_t at_ms)
{
	alarms_clear(a, alarm);
	alarm->at_ms = at_ms;
	alarm->set = true;
	a->first = meld(a->first, alarm);
}

struct alarm *alarms_take(struct alarms *a, int64_t now_ms)
{
	struct alarm *first = a->first;

	if (!first || first->at_ms > now_ms)
		return NULL;
	alarms_clear(a, first);
	return first;
}

int64_t alarms_next_ms(const struct alarms *a)
{
	return a->first ? a->first->at_ms : INT64_MAX;
}
