#include "process/restart.h"

#define FIRST_MS 50
#define CAP_MS 10000

int64_t restart_delay_ms(struct restart *r, int64_t ready_ms, int64_t death_ms)
{
	int64_t wait_ms = FIRST_MS;

	if (ready_ms && death_ms - ready_ms > RESTART_CRASH_MS) {
		r->crashes = 0;
		return 0;
	}
	for (unsigned n = 0; n < r->crashes && wait_ms < CAP_MS; n++)
		wait_ms *= 2;
	r->crashes++;
	return wait_ms < CAP_MS ? wait_ms : CAP_MS;
}
