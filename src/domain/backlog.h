/*
 * backlog - how much may wait, and when to come again.  Pure.
 *
 * Rules:
 *  B1  Messages are taken when with them no more than the limit wait: of their tenant, and in all.
 *  B2  Who is refused comes again when a tenth of the limit has become free, at the rate at which
 *      messages have left lately, so that callers do not meet the same full house; not before
 *      BACKLOG_RETRY_MIN_S, not after BACKLOG_RETRY_MAX_S.
 *  B3  While nothing leaves, or nothing is known yet: after BACKLOG_RETRY_STUCK_S.
 */
#ifndef DOMAIN_BACKLOG_H
#define DOMAIN_BACKLOG_H

#include <stdint.h>

#define BACKLOG_RETRY_MIN_S 1
#define BACKLOG_RETRY_MAX_S 3600
#define BACKLOG_RETRY_STUCK_S 60

/* MAX_BACKLOG_PER_TENANT, MAX_BACKLOG; 1 or more. */
struct backlog_limits {
	int64_t tenant;
	int64_t all;
};

enum backlog_verdict {
	BACKLOG_ROOM = 0,
	BACKLOG_TENANT_FULL, /* said first */
	BACKLOG_ALL_FULL,
};

enum backlog_verdict backlog_decide(const struct backlog_limits *limits, int64_t tenant_waiting,
				    int64_t all_waiting, unsigned more);

/* What has left over a time; zeros: nothing is known. */
struct backlog_drain {
	int64_t messages;
	int64_t over_ms;
};

/* Adds what left in the last period; earlier ones count half as much with each one. */
void backlog_drained(struct backlog_drain *drain, int64_t messages, int64_t over_ms);

/* Seconds for Retry-After. */
unsigned backlog_retry_after_s(int64_t waiting, int64_t limit, const struct backlog_drain *drain);

#endif
