/*
 * signals - signals as events of the loop: blocked, and read from a signalfd, so that no
 * handler does work.
 */
#ifndef PROCESS_SIGNALS_H
#define PROCESS_SIGNALS_H

#include "base/compiler.h"
#include "base/err.h"
#include "base/loop.h"

struct signals {
	int fd;
	uint64_t watch;
	void (*fn)(void *arg, int signal);
	void *arg;
};

/* Blocks the signals of the 0-ended list, ignores SIGPIPE, and calls fn for each that
 * arrives. */
int signals_open(struct signals *s, struct loop *loop, const int *list,
		 void (*fn)(void *arg, int signal), void *arg, struct err *ret_err) MUST_CHECK;
void signals_close(struct signals *s, struct loop *loop);

#endif
