/*
 * pool - what the two ways out, http1_pool and h2_pool, are given by the transport they
 * serve.  Each runs the calls it was given to one result each.
 */
#ifndef TRANSPORT_POOL_H
#define TRANSPORT_POOL_H

#include "transport/call.h"
#include "transport/transport.h"

/* Borrowed; outlives the pool. */
struct pool_rules {
	struct loop *loop;
	const struct transport_settings *settings;
	transport_done_fn *done;
	transport_gate_fn *gate; /* null: refuses */
	void *arg;               /* of both */
};

/* Ends a call that never left: NOT_SENT with err.  Frees it. */
void pool_end_unsent(const struct pool_rules *rules, struct call *c, const struct err *err);

#endif
