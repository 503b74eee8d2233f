#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdbool.h>

/* What to send, how fast and for how long.  Times in seconds unless named otherwise. */
struct options {
	int port;
	double rate;     /* requests a second once the ramp is over */
	double seconds;  /* the measured part */
	double warmup;   /* at full rate, before the measured part */
	double ramp;     /* rate rising from 0, before the warm-up */
	double timeout;  /* for an answer, from the start of its request */
	double max_idle; /* a connection idle for longer is not used again */
	double tick_ms;  /* events are looked at once a tick */
	int tenants;
	int first_tenant;
	int connections; /* cap of the pool */
	const char *path;
	const char *priority; /* of every message; NULL leaves the field out */
	bool async;           /* Prefer: respond-async */
	bool json;
};

/* Reads argv; a wrong one ends the program with status 2 and says why on stderr. */
void options_parse(struct options *ret_options, int argc, char **argv);

#endif
