/*
 * h2_pool - calls to one origin by HTTP/2: a few connections with many streams each.
 *
 * The origin is that of the first https call it is given.
 */
#ifndef TRANSPORT_H2_POOL_H
#define TRANSPORT_H2_POOL_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/err.h"
#include "transport/pool.h"

struct h2_pool;

/* The server did not choose HTTP/2: takes over a call of which nothing has left. */
typedef void h2_pool_refused_fn(void *arg, struct call *c);

struct h2_pool *h2_pool_new(const struct pool_rules *rules, h2_pool_refused_fn *refused, void *arg,
			    struct err *ret_err) MUST_CHECK;
/* Calls still running end without completion. */
void h2_pool_free(struct h2_pool *p);

/* Takes the call over; it ends by rules->done, from h2_pool_run().  False: it is not for this
 * origin, or the server did not choose HTTP/2 within the last http2_again_ms; the call is
 * still the caller's. */
bool h2_pool_add(struct h2_pool *p, struct call *c) MUST_CHECK;
/* What the loop's hook does.  True: calls ended or began. */
bool h2_pool_run(struct h2_pool *p);
/* The server did not choose HTTP/2 when it was offered last. */
bool h2_pool_refused(const struct h2_pool *p);
/* Calls added and not ended. */
unsigned h2_pool_in_flight(const struct h2_pool *p);

#endif
