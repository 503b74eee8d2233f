/*
 * Requests that the simulator makes itself: HTTP/1.1 without TLS, to one address, over a few
 * connections that are kept. An errand waits in line until a connection is free.
 */
#ifndef SIMULATOR_ERRAND_H
#define SIMULATOR_ERRAND_H

#include "simulator/buf.h"
#include "simulator/loop.h"

enum {
	ERRAND_CONNECTIONS_MAX = 64,
	ERRAND_ANSWER_MAX = 64 * 1024, /* an answer with its head; a longer one counts as none */
};

struct errand {
	struct buf request; /* all of it, head and body */
	/* What came back; status 0: no whole answer (refused, cut, too late). */
	int status;
	char type[64]; /* Content-Type */
	struct buf body;
	/* Called once, when the answer is there or none will come; may free the errand. */
	void (*done)(struct errand *errand);
	struct errand *next;
};

struct errands;

struct errands *errands_new(struct loop *loop);
/* Errands under way are given up without a word to anybody: who made them frees them. */
void errands_free(struct errands *errands);
/* Where to, by how many connections, and how long an answer may take. Errands under way end as
 * they began. `connections` is 1 to ERRAND_CONNECTIONS_MAX. */
void errands_set(struct errands *errands, int port, int connections, int timeout_ms);
/* Not to be touched until `done`, which is never called before this returns. */
void errands_run(struct errands *errands, struct errand *errand);

#endif
