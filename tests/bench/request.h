#ifndef BENCH_REQUEST_H
#define BENCH_REQUEST_H

#include "tests/bench/options.h"

#include <stddef.h>
#include <stdint.h>

enum {
	REQUEST_BODY = 390, /* bytes of every body */
	REQUEST_MAX = 1024  /* bytes of headers and body */
};

/*
 * One request as bytes, all of them alike but for a few digits that are written over:
 * which tenant and outlet, which conversation, which recipient.
 */
struct request {
	char bytes[REQUEST_MAX];
	size_t len;
	size_t tenant, outlet, conversation, order, to; /* where the digits are */
	uint64_t tenants, first_tenant;
	uint64_t first; /* recipient of request 0 */
};

/*
 * Prepares the bytes.  `first` (any number) is the first recipient; with each request it
 * goes up by one and comes around after 10^10, so no recipient is met twice in a run.
 * Exits with status 2 when the path does not fit.
 */
void request_init(struct request *r, const struct options *o, uint64_t first);

/* Makes r->bytes request number `seq`; the same number gives the same bytes. */
void request_number(struct request *r, uint64_t seq);

#endif
