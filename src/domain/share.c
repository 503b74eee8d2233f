#include "domain/share.h"

static const int weights[SHARE_CLASSES] = { 16, 4, 1 };

int share_weight(unsigned class)
{
	return weights[class];
}

unsigned share_next(const struct share *s, unsigned wanting)
{
	unsigned best = SHARE_CLASSES;

	for (unsigned i = 0; i < SHARE_CLASSES; i++) {
		if (!(wanting >> i & 1))
			continue;
		if (best == SHARE_CLASSES ||
		    s->credit[i] + weights[i] > s->credit[best] + weights[best])
			best = i;
	}
	return best;
}

void share_take(struct share *s, unsigned wanting, unsigned class)
{
	for (unsigned i = 0; i < SHARE_CLASSES; i++) {
		if (!(wanting >> i & 1))
			continue;
		s->credit[i] += weights[i];
		s->credit[class] -= weights[i];
	}
}

bool share_turn_over(unsigned *left, unsigned weight)
{
	if (!*left)
		*left = weight;
	return --*left == 0;
}
