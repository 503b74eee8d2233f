/*
 * management - what an operator reads from a worker, on a socket of its own (FastCGI too):
 *
 *   GET /metrics   the whole node's, Prometheus text
 *   GET /livez     200: the loop of this worker turns
 *   GET /readyz    200, or 503 with the reason: it would serve a message now
 *
 * Any worker may answer.  Nothing of the API is served here, and nothing of this there.
 */
#ifndef PROCESS_MANAGEMENT_H
#define PROCESS_MANAGEMENT_H

#include "base/compiler.h"
#include "base/err.h"
#include "base/loop.h"
#include "metrics/metrics.h"

struct management;

/* Why it is not ready; null: it is.  Static text. */
typedef const char *management_ready_fn(void *arg);

/* listen_fd, metrics: borrowed. */
struct management *management_new(struct loop *loop, int listen_fd, const struct metrics *metrics,
				  management_ready_fn *not_ready, void *arg,
				  struct err *ret_err) MUST_CHECK;
void management_free(struct management *m);
/* Listens no more; null is allowed. */
void management_close(struct management *m);

#endif
