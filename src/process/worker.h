/*
 * worker - one pre-forked process: one thread, one loop, which owns everything it uses.
 * Opens its clients, its store and its FastCGI side, serves, drains, ends.
 */
#ifndef PROCESS_WORKER_H
#define PROCESS_WORKER_H

#include "base/compiler.h"
#include "config/settings.h"
#include "delivery/node.h"
#include "metrics/metrics.h"
#include "process/crew.h"

struct worker_options {
	const struct settings *settings;
	const struct crew_birth *birth;
	struct node *node;
	const struct metrics *metrics;
	int listen_fd;
	int management_fd; /* -1: none */
	const char *version;
};

/* Returns the exit status: 0 after a drain, CREW_EXIT_CONFIG when it can never work. */
int worker_run(const struct worker_options *options) MUST_CHECK;

#endif
