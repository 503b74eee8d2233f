/*
 * settle - what becomes of a message whose last attempt's reply was lost: the four policies.
 * Pure.
 *
 * Rules, the first that applies (docs/decisions/0013-unknown-policies.md):
 *   U1  One attempt known to be accepted makes it sent, whatever the policy, at any time.
 *   U2  hold, or lost before PostgreSQL was restored (whatever was decided and sent after the
 *       moment it went back to is gone): it is kept for a person.
 *   U3  Nothing else is decided within the quarantine after the lost attempt's end.
 *   U4  fail: it has failed.
 *   U5  resend: sent again, at most max_resends times by policy and while it is valid; then
 *       it has failed.
 *   U6  evidence: with SETTLE_EVIDENCE later attempts of the same number that have their receipts,
 *       while it has none, it was not taken: sent again, or failed when its validity is over.
 *       Once a message; a second lost reply is kept for a person.
 *   U7  evidence that is missing is looked for again, at growing intervals, until the validity
 *       is over; then it is kept for a person.
 */
#ifndef DOMAIN_SETTLE_H
#define DOMAIN_SETTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

#define SETTLE_EVIDENCE 3

/* The order of the choices of UNKNOWN_POLICY. */
enum unknown_policy {
	UNKNOWN_HOLD = 0,
	UNKNOWN_EVIDENCE,
	UNKNOWN_RESEND,
	UNKNOWN_FAIL,
	UNKNOWN_POLICIES,
};

/* "hold", "evidence"...: as in the settings and in SQL; "": no policy. */
const char *unknown_policy_name(enum unknown_policy policy);
bool unknown_policy_parse(const char *name, enum unknown_policy *ret_policy) MUST_CHECK;

/* One clock for all times. */
struct settle_case {
	enum unknown_policy policy;
	int64_t quarantine_ms;
	unsigned max_resends; /* MAX_RETRIES */
	int64_t now_ms;
	int64_t lost_ms;         /* when the lost attempt was known to be lost */
	int64_t expires_ms;      /* end of the message's validity */
	bool accepted;           /* a receipt of one of its attempts has come */
	unsigned later_receipts; /* attempts of the number, begun after that end, with receipts */
	unsigned resends;        /* of this message, decided by policy so far */
	bool restored;           /* lost before PostgreSQL was restored */
};

enum settle_verdict {
	SETTLE_WAIT = 0, /* decided at ret_at_ms at the earliest */
	SETTLE_KEEP,     /* a person decides */
	SETTLE_RESEND,
	SETTLE_FAIL,
	SETTLE_SENT,
};

/* ret_at_ms: with WAIT, later than now. */
enum settle_verdict settle_decide(const struct settle_case *c, int64_t *ret_at_ms) MUST_CHECK;

#endif
