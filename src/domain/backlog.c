#include "domain/backlog.h"

enum backlog_verdict backlog_decide(const struct backlog_limits *limits, int64_t tenant_waiting,
				    int64_t all_waiting, unsigned more)
{
	if (tenant_waiting > limits->tenant - (int64_t)more)
		return BACKLOG_TENANT_FULL;
	return all_waiting > limits->all - (int64_t)more ? BACKLOG_ALL_FULL : BACKLOG_ROOM;
}

void backlog_drained(struct backlog_drain *drain, int64_t messages, int64_t over_ms)
{
	if (over_ms <= 0)
		return;
	drain->messages = drain->messages / 2 + (messages > 0 ? messages : 0);
	drain->over_ms = drain->over_ms / 2 + over_ms;
}

unsigned backlog_retry_after_s(int64_t waiting, int64_t limit, const struct backlog_drain *drain)
{
	const int64_t surplus = waiting - (limit - limit / 10);
	const int64_t leave = surplus < 1 ? 1 : surplus;
	int64_t wait_s;

	if (drain->messages <= 0 || drain->over_ms <= 0)
		return BACKLOG_RETRY_STUCK_S;
	/* More than the maximum, however large the numbers are. */
	if (leave / drain->messages > INT64_C(1000) * BACKLOG_RETRY_MAX_S)
		return BACKLOG_RETRY_MAX_S;
	wait_s = (leave * drain->over_ms / drain->messages + 999) / 1000;
	if (wait_s < BACKLOG_RETRY_MIN_S)
		return BACKLOG_RETRY_MIN_S;
	return wait_s > BACKLOG_RETRY_MAX_S ? BACKLOG_RETRY_MAX_S : (unsigned)wait_s;
}
