/*
 * crew - the workers of a master: born, watched, replaced, drained, buried.
 *
 * Worker number n (0 to W - 1) has at most two processes: the one that serves and one that
 * drains.  Each lives in a slot of the node's page (node.h).
 *
 * The master opens no database and no client: everything a worker needs is opened after the
 * fork, by the function given here.
 */
#ifndef PROCESS_CREW_H
#define PROCESS_CREW_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "delivery/node.h"

/* A worker that ends with this before it was ready cannot work with these settings or this
 * schema; the master gives up instead of trying again. */
#define CREW_EXIT_CONFIG 78

/* What a worker is born with. */
struct crew_birth {
	unsigned number;
	unsigned slot;
	struct message_id incarnation;
	int ready_fd;    /* one byte written: ready */
	int lifeline_fd; /* end of file: the master is gone */
};

/* Runs in the child and returns its exit status.  Must close the master's descriptors. */
typedef int crew_worker_fn(void *arg, const struct crew_birth *birth);

struct crew_events {
	/* All workers are ready (again). */
	void (*ready)(void *arg);
	/* What crew_roll() began has ended: all workers are replaced, or the new one failed. */
	void (*rolled)(void *arg);
	/* A worker ended with CREW_EXIT_CONFIG before it was ready. */
	void (*hopeless)(void *arg);
	/* The process of this slot has ended. */
	void (*buried)(void *arg, unsigned slot);
	/* No process is left. */
	void (*empty)(void *arg);
	crew_worker_fn *worker;
	void *arg;
};

struct crew;

struct crew *crew_new(struct loop *loop, const struct log *log, struct node *node,
		      const struct crew_events *events, struct err *ret_err) MUST_CHECK;
void crew_free(struct crew *crew);

/* Starts every worker. */
void crew_start(struct crew *crew);
/* Replaces every worker, one after the other; asked again meanwhile: once more afterwards. */
void crew_roll(struct crew *crew);
/* Some worker serves, and each that does has said since then (clock_boot_ms()) that its loop
 * turns. */
bool crew_answers(const struct crew *crew, int64_t since_ms);
/* SIGTERM to all, nobody is replaced any more. */
void crew_stop(struct crew *crew);
/* SIGKILL to all that are left. */
void crew_kill(struct crew *crew);
/* SIGCHLD came. */
void crew_reap(struct crew *crew);

#endif
