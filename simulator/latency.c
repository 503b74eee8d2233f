#include "simulator/latency.h"

#include "simulator/buf.h"

#include <stdlib.h>
#include <string.h>

enum { STEPS = 600000, STEP_NS = 100000 };

struct latency {
	int64_t count;
	uint32_t steps[STEPS + 1];
};

struct latency *latency_new(void)
{
	return buf_alloc(1, sizeof(struct latency));
}

void latency_free(struct latency *latency)
{
	free(latency);
}

void latency_clear(struct latency *latency)
{
	if (latency->count)
		memset(latency, 0, sizeof(*latency));
}

void latency_add(struct latency *latency, int64_t ns)
{
	int64_t step = (ns + STEP_NS - 1) / STEP_NS;

	latency->steps[step < 0 ? 0 : step > STEPS ? STEPS : step]++;
	latency->count++;
}

double latency_ms(const struct latency *latency, double share)
{
	int64_t below = 0, wanted = (int64_t)(share * (double)latency->count);
	int step = 0;

	if (wanted < 1)
		wanted = 1;
	if (!latency->count)
		return 0;
	while (step < STEPS && (below += latency->steps[step]) < wanted)
		step++;
	return step / 10.0;
}
