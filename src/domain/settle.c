#include "domain/settle.h"

#include <stddef.h>
#include <string.h>

#define LOOK_FIRST_MS INT64_C(1000)
#define LOOK_LAST_MS INT64_C(600000)

static const char *const names[UNKNOWN_POLICIES] = {
	[UNKNOWN_HOLD] = "hold",
	[UNKNOWN_EVIDENCE] = "evidence",
	[UNKNOWN_RESEND] = "resend",
	[UNKNOWN_FAIL] = "fail",
};

const char *unknown_policy_name(enum unknown_policy policy)
{
	return (size_t)policy < UNKNOWN_POLICIES ? names[policy] : "";
}

bool unknown_policy_parse(const char *name, enum unknown_policy *ret_policy)
{
	for (size_t i = 0; i < UNKNOWN_POLICIES; i++) {
		if (strcmp(name, names[i]) == 0) {
			*ret_policy = (enum unknown_policy)i;
			return true;
		}
	}
	return false;
}

static bool is_valid(const struct settle_case *c)
{
	return c->now_ms < c->expires_ms;
}

/* U5 */
static enum settle_verdict by_resend(const struct settle_case *c)
{
	return is_valid(c) && c->resends < c->max_resends ? SETTLE_RESEND : SETTLE_FAIL;
}

/* U7: half as long again as it has been lost for. */
static int64_t next_look(const struct settle_case *c)
{
	const int64_t half = (c->now_ms - c->lost_ms) / 2;
	const int64_t wait = half < LOOK_FIRST_MS  ? LOOK_FIRST_MS
			     : half > LOOK_LAST_MS ? LOOK_LAST_MS
						   : half;

	return c->expires_ms - c->now_ms < wait ? c->expires_ms : c->now_ms + wait;
}

/* U6, U7 */
static enum settle_verdict by_evidence(const struct settle_case *c, int64_t *ret_at_ms)
{
	if (c->resends > 0)
		return SETTLE_KEEP;
	if (c->later_receipts >= SETTLE_EVIDENCE)
		return is_valid(c) ? SETTLE_RESEND : SETTLE_FAIL;
	if (!is_valid(c))
		return SETTLE_KEEP;
	*ret_at_ms = next_look(c);
	return SETTLE_WAIT;
}

enum settle_verdict settle_decide(const struct settle_case *c, int64_t *ret_at_ms)
{
	if (c->accepted)
		return SETTLE_SENT;
	if (c->policy == UNKNOWN_HOLD || c->restored)
		return SETTLE_KEEP;
	if (c->now_ms - c->lost_ms < c->quarantine_ms) {
		*ret_at_ms = c->lost_ms + c->quarantine_ms;
		return SETTLE_WAIT;
	}
	switch (c->policy) {
	case UNKNOWN_FAIL:
		return SETTLE_FAIL;
	case UNKNOWN_RESEND:
		return by_resend(c);
	case UNKNOWN_EVIDENCE:
		return by_evidence(c, ret_at_ms);
	case UNKNOWN_HOLD:
	case UNKNOWN_POLICIES:
		break;
	}
	return SETTLE_KEEP;
}
