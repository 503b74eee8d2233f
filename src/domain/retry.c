#include "domain/retry.h"

#include <stddef.h>

#define WAIT_MAX_MS INT64_C(604800000) /* 7 days: no server may hold a message longer */

/* Row waits that go on as long as the message is valid: rate limits, and credentials that
 * cannot be had (the message is kept: docs/ARCHITECTURE.md). */
static bool is_held(const struct graph_error *error)
{
	return error->class == GRAPH_RATE_LIMITED || error->first_code == GRAPH_CASE_CREDENTIALS;
}

/* The other side is away as a whole; the message has nothing to do with it. */
static bool is_outage(const struct graph_error *error)
{
	switch (error->first_code) {
	case GRAPH_CASE_NET_BEFORE:
	case GRAPH_CASE_HTTP_500:
	case 2:      /* API service */
	case 131016: /* service unavailable */
		return true;
	default:
		return false;
	}
}

bool retry_counts(const struct verdict *verdict, bool caller_waits)
{
	return caller_waits || (!is_held(verdict->error) && !is_outage(verdict->error));
}

unsigned retry_uncounted(int codes[RETRY_UNCOUNTED_MAX])
{
	unsigned count = 0;
	size_t all;
	const struct graph_error *rows = graph_error_rows(&all);

	for (size_t i = 0; i < all && count < RETRY_UNCOUNTED_MAX; i++) {
		const struct verdict verdict = { .outcome = OUTCOME_REFUSED, .error = &rows[i] };

		if (!retry_counts(&verdict, false))
			codes[count++] = rows[i].first_code;
	}
	return count;
}

/* first * factor^(n - 1), at most last; n from 1 (0 is taken as 1). */
static int64_t grow(int64_t first, int64_t factor, int64_t last, unsigned n)
{
	int64_t wait = first;

	while (n-- > 1 && wait > 0 && wait < last)
		wait *= factor;
	return wait < last ? wait : last;
}

int64_t retry_wait_ms(const struct retry_policy *policy, unsigned n)
{
	return grow(policy->initial_ms, 2, policy->cap_ms, n);
}

static int64_t row_wait_ms(const struct graph_error *error, unsigned n)
{
	int64_t first_ms = (int64_t)error->first_wait_s * 1000;
	int64_t last_ms = (int64_t)error->last_wait_s * 1000;

	switch (error->wait) {
	case GRAPH_WAIT_NONE:
		break; /* excluded by R1 */
	case GRAPH_WAIT_DOUBLE:
		return grow(first_ms, 2, last_ms, n);
	case GRAPH_WAIT_POWER4:
		return grow(first_ms, 4, last_ms, n);
	case GRAPH_WAIT_FIXED:
		return first_ms;
	}
	return WAIT_MAX_MS;
}

static bool is_retryable(const struct verdict *verdict)
{
	if (verdict->outcome != OUTCOME_REFUSED && verdict->outcome != OUTCOME_NOT_SENT)
		return false;
	if (verdict->error->class != GRAPH_TRANSIENT && verdict->error->class != GRAPH_RATE_LIMITED)
		return false;
	return verdict->error->wait != GRAPH_WAIT_NONE;
}

/* Lengthens by 0 to 10 %, so that one outage does not end in one stampede. */
static int64_t with_jitter(int64_t wait_ms, uint32_t random)
{
	return wait_ms + ((wait_ms / 10 * (int64_t)random) >> 32);
}

enum retry_verdict retry_decide(const struct retry_policy *policy, const struct retry_case *c,
				int64_t *ret_at_ms)
{
	int64_t wait_ms;

	if (!is_retryable(&c->verdict))
		return RETRY_FORBIDDEN;
	if (c->attempts >= RETRY_ATTEMPTS_MAX)
		return RETRY_EXHAUSTED;
	if (retry_counts(&c->verdict, c->caller_waits)) {
		if (c->counted > policy->max_retries)
			return RETRY_EXHAUSTED;
		wait_ms = retry_wait_ms(policy, c->counted);
	} else if (is_outage(c->verdict.error)) {
		wait_ms = retry_wait_ms(policy, c->throttled);
	} else {
		wait_ms = row_wait_ms(c->verdict.error, c->throttled);
	}
	if (!c->caller_waits && c->server_wait_ms > wait_ms)
		wait_ms = c->server_wait_ms < WAIT_MAX_MS ? c->server_wait_ms : WAIT_MAX_MS;
	wait_ms = with_jitter(wait_ms < 1 ? 1 : wait_ms, c->random);
	if (wait_ms >= c->expires_ms - c->now_ms)
		return RETRY_EXPIRED;
	*ret_at_ms = c->now_ms + wait_ms;
	return RETRY_AT;
}
