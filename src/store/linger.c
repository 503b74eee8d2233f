#include "store/linger.h"

#define LINGER_MS 2       /* the oldest row waits at most so long for company … */
#define LINGER_BUSY_MS 14 /* … and so long when much company is to be expected */
#define BUSY_ROWS 8       /* expected within LINGER_BUSY_MS: worth waiting for */
#define RATE_MS 100

void linger_count(struct linger *l)
{
	l->counting++;
}

int64_t linger_ms(struct linger *l, int64_t now_ms)
{
	if (now_ms - l->since_ms >= RATE_MS) {
		l->rows = now_ms - l->since_ms < 2 * RATE_MS ? l->counting : 0;
		l->counting = 0;
		l->since_ms = now_ms;
	}
	return l->rows * LINGER_BUSY_MS >= BUSY_ROWS * RATE_MS ? LINGER_BUSY_MS : LINGER_MS;
}
