/*
 * http1_pool - calls by HTTP/1.1: one curl multi, a keep-alive connection a call.
 */
#ifndef TRANSPORT_HTTP1_POOL_H
#define TRANSPORT_HTTP1_POOL_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/err.h"
#include "transport/pool.h"

struct http1_pool;

struct http1_pool *http1_pool_new(const struct pool_rules *rules, struct err *ret_err) MUST_CHECK;
/* Calls still running end without completion. */
void http1_pool_free(struct http1_pool *p);

/* Takes the call over; it ends by rules->done, from http1_pool_run(). */
void http1_pool_add(struct http1_pool *p, struct call *c);
/* What the loop's hook does.  True: calls ended or began. */
bool http1_pool_run(struct http1_pool *p);
/* Calls added and not ended. */
unsigned http1_pool_in_flight(const struct http1_pool *p);

#endif
