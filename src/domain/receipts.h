/*
 * receipts - the receipts of one webhook, in the order they came, with texts of their own.
 */
#ifndef DOMAIN_RECEIPTS_H
#define DOMAIN_RECEIPTS_H

#include "base/compiler.h"
#include "domain/receipt.h"

#define RECEIPTS_MAX 50000 /* as many as 4 MiB can hold */

struct receipts;

enum receipts_verdict {
	RECEIPTS_ADDED = 0,
	RECEIPTS_BAD,  /* it cannot be kept: see the limits in receipt.h; or a text that identifies
			* it is not UTF-8 */
	RECEIPTS_FULL, /* RECEIPTS_MAX, or no memory */
};

/* Null: no memory. */
struct receipts *receipts_new(void) MUST_CHECK;
void receipts_free(struct receipts *list); /* null is allowed */

/* Copies it; texts that are too long are cut, of what is not UTF-8 nothing is kept. */
enum receipts_verdict receipts_add(struct receipts *list, const struct receipt *receipt) MUST_CHECK;
unsigned receipts_count(const struct receipts *list);
/* at < count; valid until the list is freed; none of its texts is null. */
const struct receipt *receipts_at(const struct receipts *list, unsigned at);

#endif
