/*
 * beacon - is the database that answers still the one that was written to?  Pure.
 *
 * The database holds a row that says on which server it was written (system identifier and
 * timeline, which a restore into another cluster, a recovery to a point in time and a failover
 * change) and how often it has ticked.  Workers remember the ticks outside the database: a
 * copy put back in its place shows fewer.
 */
#ifndef DOMAIN_BEACON_H
#define DOMAIN_BEACON_H

#include <stdbool.h>
#include <stdint.h>

#include "domain/message_id.h"

/* The server that answers. */
struct beacon_server {
	int64_t system_identifier;
	int64_t timeline;
};

struct beacon {
	struct message_id id;        /* of this database, since it was served first */
	struct beacon_server server; /* that it was written on */
	int64_t ticks;
};

/* What is remembered outside the database: it ticked so far, durably. */
struct beacon_known {
	bool any; /* else nothing is */
	struct message_id id;
	int64_t ticks;
};

enum beacon_verdict {
	BEACON_SAME = 0,
	BEACON_OTHER_SYSTEM,
	BEACON_OTHER_TIMELINE,
	BEACON_BEHIND,
};

/* A database with another id is another one, whatever is remembered of ours. */
enum beacon_verdict beacon_judge(const struct beacon *row, const struct beacon_server *server,
				 const struct beacon_known *known);

/* What the row ticks on from after a restore: more than anybody can remember of the line that it
 * has left, so that each restore is noticed once. */
int64_t beacon_leap(const struct beacon *row, const struct beacon_known *known);

/* For people; "" for SAME. */
const char *beacon_why(enum beacon_verdict verdict);

#endif
