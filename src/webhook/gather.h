/*
 * gather - what a webhook tells, as the lists that are stored: receipts, and notices of all else
 * that is acted upon.
 */
#ifndef WEBHOOK_GATHER_H
#define WEBHOOK_GATHER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "domain/notice.h"
#include "domain/receipt.h"
#include "webhook/change.h"

/* False: nothing is done with it.  Texts stay borrowed. */
bool webhook_notice(const struct webhook_change *change, struct notice *ret) MUST_CHECK;
/* A receipt that tells of an opt-out tells it besides. */
bool webhook_notice_of_receipt(const struct receipt *receipt, struct notice *ret) MUST_CHECK;

/* Numbers of which webhooks have told of late, so that each is stored now and then, not with each
 * webhook.  All zero at first; what finds no room is told again. */
#define WEBHOOK_NUMBERS 512
#define WEBHOOK_NUMBERS_MS (5 * 60 * 1000)
struct webhook_numbers {
	uint64_t hashes[WEBHOOK_NUMBERS];
	int64_t until_ms; /* then all are told again */
};
/* Has it not been told of in the last five minutes? */
bool webhook_numbers_new(struct webhook_numbers *numbers, const char *number, const char *display,
			 const char *account, int64_t now_ms) MUST_CHECK;

#endif
