/*
 * restart - when a dead worker is replaced.  Pure: times are parameters.
 *
 * A death before the worker was ready, or within RESTART_CRASH_MS of that, is a crash;
 * crashes in a row are backed off, 50 ms doubling to 10 s.  Any other death is replaced at
 * once, however often it happens, and ends the row.
 */
#ifndef PROCESS_RESTART_H
#define PROCESS_RESTART_H

#include <stdbool.h>
#include <stdint.h>

#define RESTART_CRASH_MS 1000

struct restart {
	unsigned crashes; /* in a row */
};

/* How long to wait from the death to the next birth, ms.  ready_ms: when it was ready, 0 if
 * never; both on one clock. */
int64_t restart_delay_ms(struct restart *r, int64_t ready_ms, int64_t death_ms);

#endif
