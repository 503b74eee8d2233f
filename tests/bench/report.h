#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "tests/bench/hist.h"
#include "tests/bench/options.h"

#include <stdint.h>

/* How a request ended without an answer. */
enum failure {
	FAILURE_CONNECT, /* no connection */
	FAILURE_CLOSED,  /* closed or reset before the whole answer was there */
	FAILURE_TIMEOUT,
	FAILURE_PROTOCOL,    /* not an answer we can read */
	FAILURE_NOT_STARTED, /* found no free connection until the end */
	FAILURES
};

enum { STATUS_MAX = 600 };

/* What became of a set of requests. */
struct tally {
	uint64_t due;
	uint64_t status[STATUS_MAX];
	uint64_t failure[FAILURES];
};

struct results {
	struct tally all; /* with ramp and warm-up: what the servers saw */
	struct tally measured;
	struct hist ok;        /* latency of measured 2xx answers */
	struct hist refused;   /* of all other measured answers */
	uint64_t ok_in_window; /* 2xx answers that came during the measured seconds */
	uint64_t waited;       /* measured, and found no free connection when due */
	uint64_t late;         /* measured, and started over a tick and 1 ms late by our fault */
	uint64_t latest_us;    /* the worst of those */
	uint64_t in_flight_max;
	uint64_t connects;
	double cpu_seconds; /* our own, ramp and warm-up included */
};

/* Prints to stdout, as text or as one JSON object. */
void report_print(const struct results *r, const struct options *o);

#endif
