/*
 * dial - the addresses of one origin, looked up aside of the loop (base/resolve.h), kept for
 * a minute, the one that worked last first.
 */
#ifndef TRANSPORT_DIAL_H
#define TRANSPORT_DIAL_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/loop.h"
#include "transport/origin.h"

struct dial;

struct dial_address {
	struct sockaddr_storage at;
	socklen_t len;
};

/* A look-up ended: dial_ready() says how. */
typedef void dial_known_fn(void *arg);

/* origin is borrowed.  Null: no memory. */
struct dial *dial_new(struct loop *loop, const struct origin *origin, dial_known_fn *known,
		      void *arg) MUST_CHECK;
void dial_free(struct dial *d);

/* Addresses are at hand.  If not, a look-up runs now, or has failed: dial_failed(). */
bool dial_ready(struct dial *d);
/* A look-up failed in this round of the loop, with what it said. */
bool dial_failed(const struct dial *d, struct err *ret_err);

/* Address n to try, from 0 in the order to try them; null: there are no more. */
const struct dial_address *dial_address(const struct dial *d, unsigned n);
/* Address n led to the server. */
void dial_worked(struct dial *d, unsigned n);

#endif
