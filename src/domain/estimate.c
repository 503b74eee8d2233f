#include "domain/estimate.h"

#include "domain/bucket.h"

/* E1; 0: no limit. */
static int64_t rate_of(const struct estimate_line *line, const struct estimate_rates *rates)
{
	const int64_t number = line->number_rate < 0 ? (int64_t)rates->number : line->number_rate;
	const int64_t tenant = line->tenant_rate < 0 ? (int64_t)rates->tenant : line->tenant_rate;

	if (number == 0 || (tenant != 0 && tenant < number))
		return tenant;
	return number;
}

static int64_t less(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* How many go before it, in whole rounds of the shares: a class that is dry leaves the others
 * alone (E2). */
static int64_t before_it(const struct estimate_line *line)
{
	int64_t waiting[SHARE_CLASSES];
	int64_t gone = 0;

	for (unsigned i = 0; i < SHARE_CLASSES; i++)
		waiting[i] = line->waiting[i];
	while (waiting[line->class] > 0) {
		int64_t rounds = INT64_MAX; /* until one of them is dry */

		for (unsigned i = 0; i < SHARE_CLASSES; i++)
			if (waiting[i] > 0)
				rounds = less(rounds, (waiting[i] - 1) / share_weight(i) + 1);
		for (unsigned i = 0; i < SHARE_CLASSES; i++) {
			const int64_t part = less(waiting[i], rounds * share_weight(i));

			gone += part;
			waiting[i] -= part;
		}
	}
	return gone;
}

int64_t estimate_wait_ms(const struct estimate_line *line, const struct estimate_rates *rates)
{
	const int64_t rate = rate_of(line, rates);

	if (rate == 0)
		return -1;
	return before_it(line) * 1000000 / (rate * BUCKET_FILLS);
}
