/*
 * facts - all that the store knows of how one message stands.  Plain values.
 */
#ifndef DOMAIN_FACTS_H
#define DOMAIN_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "domain/estimate.h"
#include "domain/outcome.h"
#include "domain/state.h"

/* Texts are borrowed and never null, times are wall-clock microseconds,
 * 0: none. */
struct message_facts {
	enum state state; /* the exact one */
	int64_t accepted_wall_us;
	int64_t sent_wall_us;
	int64_t delivered_wall_us;
	int64_t read_wall_us;
	int64_t failed_wall_us;
	const char *wamid;
	int failure_code; /* negative: a case of ours; 0: none */
	const char *failure_reason;
	/* Live work. */
	bool has_work;
	unsigned attempt; /* last begun */
	bool attempt_open;
	int64_t begun_wall_us;
	int64_t deadline_wall_us;
	int64_t due_wall_us;
	int64_t expires_wall_us;
	unsigned conversation_tries;
	const char *incarnation; /* that began the last attempt */
	const char *worker;
	const char *node;
	/* The last attempt that ended; 0: none. */
	unsigned last_attempt;
	enum outcome last_outcome;
	int64_t last_ended_wall_us;
	int last_code;
	int last_subcode;
	const char *last_title;
	/* The last decision, by hand or by policy; "": none. */
	const char *decision;
	const char *decided_by; /* a person, or "policy:" and its name */
	const char *why;
	/* While it is held: by what, whom, since when and why; "": it is not. */
	const char *hold;
	int64_t held_wall_us; /* since then the hold covers it */
	/* Put off without an attempt; no code: it is not. */
	int wait_code;
	const char *wait_reason;
	int64_t wait_wall_us; /* since then */
	/* While it is unknown. */
	const char *settle_policy;  /* in force; "": its lane's owner has yet to look at it */
	bool settle_by_tenant;      /* the tenant's own policy, not that of the service */
	int64_t quarantine_wall_us; /* its end */
	int64_t settle_wall_us;    /* the policy decides or looks again then; 0: a person decides */
	unsigned settle_resends;   /* by policy so far */
	bool placed;               /* it waits in its lane, and these were counted: */
	int64_t ahead;             /* messages before it in its queue; above 10,000 about */
	int64_t ahead_recipient;   /* those to its recipient, of the nearest 1,000 */
	struct estimate_line line; /* while placed */
};

#endif
