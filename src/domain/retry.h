/*
 * retry - whether and when a message is tried again.  Pure: time and chance are parameters.
 *
 * Rules:
 *  R1  Only outcomes REFUSED and NOT_SENT are tried again, and only when the error's class is
 *      transient or rate limited.  LOST never: the recipient may have it (Law 2).
 *  R2  A caller that waits: MAX_RETRIES tries more, waits base * 2^(n-1) up to the cap:
 *      1, 2, 4 s; jitter only lengthens, by at most 10 % (contract).
 *  R3  Nobody waits: transient errors as R2; rate limits wait as their row says (doubling,
 *      4^X, fixed) and do not count against MAX_RETRIES; a wait the server asked for is the
 *      least.
 *  R4  No try at or after the end of validity.
 *  R5  Nobody waits, and the other side is away as a whole (no connection, a bare 500 or 503,
 *      codes 2 and 131016): waits as R2 up to the cap, and does not count against MAX_RETRIES: an
 *      outage uses up no message (docs/decisions).
 *  R6  No more than RETRY_ATTEMPTS_MAX attempts, whatever they came to.
 */
#ifndef DOMAIN_RETRY_H
#define DOMAIN_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "domain/outcome.h"

#define RETRY_ATTEMPTS_MAX 30000 /* the store counts up to 32767 */

struct retry_policy {
	unsigned max_retries; /* MAX_RETRIES, 0 to 20 */
	int64_t initial_ms;   /* INITIAL_BACKOFF_SECONDS */
	int64_t cap_ms;       /* MAX_BACKOFF_SECONDS */
};

struct retry_case {
	struct verdict verdict;
	bool caller_waits;
	unsigned counted;       /* attempts so far that count against max_retries, this one
	                         * included when it counts; see retry_counts() */
	unsigned throttled;     /* attempts in a row that do not count, this one included */
	unsigned attempts;      /* in all, this one included */
	int64_t server_wait_ms; /* Retry-After or usage header; 0: not asked */
	int64_t now_ms;
	int64_t expires_ms; /* same clock as now_ms; INT64_MAX: none */
	uint32_t random;
};

enum retry_verdict {
	RETRY_AT = 0,    /* *ret_at_ms is set */
	RETRY_FORBIDDEN, /* R1: permanent, or lost */
	RETRY_EXHAUSTED, /* R2, R6 */
	RETRY_EXPIRED,   /* R4 */
};

/* The wait, ms, after the n-th attempt (from 1) that counts. */
int64_t retry_wait_ms(const struct retry_policy *policy, unsigned n);

/* The codes of refusals that do not count when nobody waits, as far as they are in the error table
 * one by one.  Returns how many. */
#define RETRY_UNCOUNTED_MAX 64
unsigned retry_uncounted(int codes[RETRY_UNCOUNTED_MAX]);

/* Does this attempt count against MAX_RETRIES? */
bool retry_counts(const struct verdict *verdict, bool caller_waits);

enum retry_verdict retry_decide(const struct retry_policy *policy, const struct retry_case *c,
				int64_t *ret_at_ms) MUST_CHECK;

#endif
