/*
 * writer_private - the writer from within: what its files share.
 */
#ifndef STORE_WRITER_PRIVATE_H
#define STORE_WRITER_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "base/loop.h"
#include "store/array.h"
#include "store/aside.h"
#include "store/batch.h"
#include "store/linger.h"
#include "store/queue.h"
#include "store/session.h"
#include "store/upkeep.h"
#include "store/writer.h"

enum flight { FLIGHT_NONE = 0, FLIGHT_BATCH, FLIGHT_LOAD };

struct writer {
	struct loop *loop;
	struct session session;
	int64_t accept_timeout_ms;
	struct connection *connection;
	struct list *completed;

	struct queue queue;
	struct batch batch;
	struct aside aside;
	struct list loads;
	struct list lanes;      /* changes of lanes: nothing that only waits holds them up */
	struct op *flying_load; /* a load, a change of lanes, or upkeep */
	struct list timed;      /* accepts and receipts, in order of submission */
	unsigned pending;
	enum flight flight;
	bool between;    /* what was sent last was no batch, but a load or one from aside */
	bool aside_next; /* and a load */
	int64_t sent_ms;

	int64_t repeat_ms; /* the wait before the next repetition; 0: none yet */
	int64_t not_before_ms;
	struct upkeep upkeep;
	uint64_t wake_timer;
	struct linger linger;
	uint64_t tick_timer;
	bool in_trouble;    /* by an error no repetition has cured yet */
	int64_t trouble_ms; /* when it came last */
	struct err trouble;
	struct array memory;
};

static inline int64_t writer_now_ms(const struct writer *w)
{
	return loop_now_ms(w->loop);
}

/* The op is settled: its caller will be told, what waited behind it goes on. */
void writer_complete(struct writer *w, struct op *op, enum store_verdict verdict,
		     const struct err *err);
/* Completes what has waited too long. */
void writer_time_out(struct writer *w);

#endif
