/*
 * meter - what a process counts with: its own slot of the shared page (metrics.h).
 *
 * Handed to whoever counts, like any other context; null counts nowhere.  A count is an
 * addition to memory that nobody else writes: no lock, no call into the kernel.
 *
 * The metrics are rows of rows.c: name, kind, labels, help.  `a` and `b` are the indices of a
 * row's first and second label; 0 when it has none.  An index beyond its label's values counts
 * nowhere.
 */
#ifndef METRICS_METER_H
#define METRICS_METER_H

#include <stdint.h>

enum metric {
	METRIC_REQUESTS = 0,     /* route (enum route; ROUTE_COUNT: none), class (status/100 - 2) */
	METRIC_REQUEST_SECONDS,  /* route; histogram */
	METRIC_REQUESTS_OPEN,    /* gauge */
	METRIC_ACCEPTED,         /* */
	METRIC_TOLD,             /* end (enum delivery_end) */
	METRIC_ATTEMPTS,         /* outcome (enum outcome - 1) */
	METRIC_ATTEMPT_SECONDS,  /* histogram */
	METRIC_STAGE_SECONDS,    /* stage (enum metric_stage); histogram */
	METRIC_RETRIES,          /* */
	METRIC_TOKEN_ERRORS,     /* */
	METRIC_RESENDS_REFUSED,  /* */
	METRIC_SETTLED,          /* policy (enum unknown_policy), decision (enum settle_verdict,
				  * from SETTLE_RESEND on) */
	METRIC_ITEMS,            /* gauge */
	METRIC_LANES,            /* gauge */
	METRIC_TOKEN_HOLDS,      /* gauge */
	METRIC_FALLEN_BACK,      /* gauge */
	METRIC_BOUNDS,           /* bound (enum metric_bound) */
	METRIC_BATCHES,          /* end (enum metric_batch) */
	METRIC_CONNECTIONS_LOST, /* connection (enum metric_connection) */
	METRIC_BREAKER_CHANGES,  /* scope (enum metric_scope), to (enum breaker_state) */
	METRIC_BREAKERS_OPEN,    /* scope; gauge */
	METRIC_BREAKER_WAITS,    /* scope */
	METRIC_PACE_WAITS,       /* for (enum metric_pace) */
	METRIC_PACE_WAITING,     /* class (0 high, 1 normal, 2 bulk); gauge */
	METRIC_QUEUE_DEPTH,      /* class; gauge */
	METRIC_QUEUE_LATE,       /* class; seconds; gauge */
	METRIC_LIMIT_REFUSALS,   /* limit (enum metric_limit) */
	METRIC_WEBHOOKS,         /* end (enum metric_webhook) */
	METRIC_RECEIPTS,         /* status (enum receipt_status) */
	METRIC_RECEIPTS_KEPT,    /* as (enum metric_kept) */
	METRIC_RECEIPT_ACTS,     /* act (enum store_act_kind) */
	METRIC_WEBHOOK_CHANGES,  /* field (enum webhook_field) */
	METRIC_WEBHOOK_UNKNOWN,  /* what (enum webhook_unknown) */
	METRIC_WEBHOOK_EFFECTS,  /* effect (enum store_effect) */
	METRIC_ORPHANS,          /* gauge */
	METRIC_ORPHANS_OLDEST,   /* gauge */
	METRIC_WORKERS_ENDED,    /* counted by the master */
	METRIC_COUNT,
};

/* Bounds that were reached (Law 6). */
enum metric_bound {
	BOUND_REQUESTS = 0, /* MAX_IN_FLIGHT: 503 */
	BOUND_STORE_SLOW,   /* the oldest row waits too long: 503 */
	BOUND_STORE_AWAY,   /* the database has been away too long: 503 */
	BOUND_ACCEPT_TIME,  /* an accepting commit was not known in time: 503 */
	BOUND_TENANT_FULL,  /* MAX_BACKLOG_PER_TENANT: 429 */
	BOUND_ALL_FULL,     /* MAX_BACKLOG: 429 */
	BOUND_BODY,         /* MAX_BODY_BYTES: 413 */
	BOUND_HEAD,         /* 431 */
	BOUND_RECEIVING,    /* MAX_RECEIVING_BYTES: 503 */
	BOUND_BULKS,        /* bulk calls held at once: 503 */
	BOUND_WEBHOOKS,     /* bytes of webhooks held at once: 503 */
	BOUND_CONNECTIONS,  /* listening paused */
	BOUND_READ_TIME,    /* a request not whole, or an answer not taken, in time */
	BOUND_WRITES,       /* rows waiting for the database */
	BOUND_ITEMS,        /* messages in memory: it stays in the store */
	BOUND_QUEUES,       /* queues that are known to have more in the store than is held */
	BOUND_PARKED,       /* messages known by their id only */
	BOUND_PLACES,       /* calls at once: it waits */
	BOUND_CALLS,        /* the transport took no more: not sent */
	BOUND_LOOKUPS,      /* quota checks and look-ups of credentials at once */
	BOUND_COPIES,       /* posts to the Conversation Service */
	BOUND_BELLS,        /* a full inbox of a sibling: lost */
	BOUND_FAR_BELLS,    /* targets on other nodes in one round: lost */
	BOUND_TAKEN_TIME,   /* another node did not say in time that it has a message: answered */
	BOUND_HOPS,         /* an order carried too often: left to the polls */
	BOUND_BREAKERS,     /* numbers with trouble: one more is not watched */
	BOUND_PAIRS,        /* pairs that owe something: one more is not watched */
	BOUND_LINES,        /* outlets that send at once: the message waits */
	BOUND_KEYS,         /* requests whose API key has to be looked up first: 503 */
	BOUND_MANAGING,     /* decisions by key that wait: 503 */
	BOUND_COUNT,
};

enum metric_batch {
	BATCHES_COMMITTED = 0,
	BATCHES_REPEATED, /* later: a lock, a deadlock, trouble of the server */
	BATCHES_HALVED,
	BATCHES_FENCED,   /* ours was fenced: repeated without its attempts */
	BATCHES_ASIDE,    /* one row waits for its lock by itself */
	BATCHES_REJECTED, /* one row was refused */
	BATCHES_ENDS,
};

enum metric_connection {
	CONNECTION_WRITER = 0,
	CONNECTION_READER,
	CONNECTIONS,
};

/* What requests, and then messages, go through. */
enum metric_stage {
	STAGE_KEY = 0,     /* a request: the look at its key … */
	STAGE_QUOTA,       /* … the quota check … */
	STAGE_CREDENTIALS, /* … the outlet's number and token … */
	STAGE_COMMIT,      /* … message and work are durable … */
	STAGE_DELIVER,     /* … until it is told what came of it … */
	STAGE_KEEP,        /* … its answer is kept with its key */
	STAGE_READ,        /* what a caller reads */
	STAGE_TURN,        /* a message: those to the same recipient before it … */
	STAGE_PACE,        /* … a place within the limits … */
	STAGE_BEGIN,       /* … its attempt is durable … */
	STAGE_CALL,        /* … the Graph call … */
	STAGE_RECORD,      /* … its outcome is durable … */
	STAGE_COPY,        /* … the Conversation Service's copy, as far as it is waited for */
	METRIC_STAGES,     /* none of them: not measured */
};

enum metric_pace {
	PACE_FOR_NUMBER = 0,
	PACE_FOR_TENANT,
	PACE_FOR_PAIR,
	PACE_FORS,
};

enum metric_limit {
	LIMIT_THROUGHPUT = 0, /* 130429 */
	LIMIT_PAIR,           /* 131056 */
	LIMIT_UPGRADE,        /* 131057 */
	LIMIT_OTHER,
	METRIC_LIMITS,
};

enum metric_webhook {
	WEBHOOKS_KEPT = 0,
	WEBHOOKS_BAD_SIGNATURE,
	WEBHOOKS_NOT_KEPT,
	METRIC_WEBHOOK_ENDS,
};

enum metric_kept {
	KEPT_FRESH = 0,
	KEPT_REPEATED,
	KEPT_ORPHAN,
	KEPT_REJECTED,
	METRIC_KEPTS,
};

enum metric_scope {
	SCOPE_HOST = 0,
	SCOPE_NUMBER,
	METRIC_SCOPES,
};

struct meter;

void meter_count(const struct meter *m, enum metric metric, unsigned a, unsigned b);
void meter_add(const struct meter *m, enum metric metric, unsigned a, unsigned b, uint64_t n);
/* A gauge: what it is now, in this process. */
void meter_set(const struct meter *m, enum metric metric, unsigned a, unsigned b, int64_t value);
/* A histogram of durations; below 0 is taken as 0. */
void meter_took(const struct meter *m, enum metric metric, unsigned a, int64_t ms);

static inline void meter_bound(const struct meter *m, enum metric_bound bound)
{
	meter_count(m, METRIC_BOUNDS, bound, 0);
}

#endif
