/*
 * resolve - a host name's addresses, without ever blocking the loop: getaddrinfo() runs in
 * a detached thread that shares nothing with us but one end of a pipe.
 *
 * A look-up cannot be stopped, only forgotten; who wants to bound the threads waits for one
 * look-up before starting the next.
 */
#ifndef BASE_RESOLVE_H
#define BASE_RESOLVE_H

#include "base/compiler.h"
#include "base/err.h"
#include "base/loop.h"

#define RESOLVE_ADDRESSES_MAX 16
#define RESOLVE_ADDRESS_BYTES 64 /* IPv6 with scope */

struct resolve_answer {
	unsigned count; /* 0: failed, and why says how */
	char addresses[RESOLVE_ADDRESSES_MAX][RESOLVE_ADDRESS_BYTES]; /* numeric */
	char why[128];
};

struct resolve;

/* Called once, from the loop; the resolve is gone then. */
typedef void resolve_done_fn(void *arg, const struct resolve_answer *answer);

/* Null with ret_err: no thread or descriptor to be had. */
struct resolve *resolve_start(struct loop *loop, const char *host, resolve_done_fn *done, void *arg,
			      struct err *ret_err) MUST_CHECK;
/* Forgets it: done is not called.  Null is allowed. */
void resolve_forget(struct resolve *r);

#endif
