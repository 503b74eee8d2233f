/*
 * How long things took: counts in steps of 0.1 ms up to 60 s, longer ones as 60 s.
 */
#ifndef SIMULATOR_LATENCY_H
#define SIMULATOR_LATENCY_H

#include <stdint.h>

struct latency;

struct latency *latency_new(void);
void latency_free(struct latency *latency);
void latency_clear(struct latency *latency);
void latency_add(struct latency *latency, int64_t ns);
/* Milliseconds that a share (0 to 1) took at most; 0 when nothing was counted. */
double latency_ms(const struct latency *latency, double share);

#endif
