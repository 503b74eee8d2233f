/*
 * state - the states of a message and the status a client sees for each.
 *
 * Stored in SQL by name; a status never goes backwards (state_may_become and state_status, and the
 * same rules in SQL, compared by tests).  Pure.
 */
#ifndef DOMAIN_STATE_H
#define DOMAIN_STATE_H

#include <stdbool.h>

enum state {
	STATE_QUEUED = 0, /* accepted, no attempt under way */
	STATE_SCHEDULED,  /* due later, as its caller said; no attempt was made */
	STATE_SENDING,    /* an attempt is under way */
	STATE_RETRYING,   /* waits for its next attempt */
	STATE_UNKNOWN,    /* last attempt's reply was lost */
	STATE_SENT,       /* accepted by WhatsApp */
	STATE_DELIVERED,
	STATE_READ,
	STATE_FAILED,
	STATE_CANCELLED, /* called off; or, without that code, its caller was told 503 */
	STATE_EXPIRED,   /* the validity that its caller gave ran out unsent */
	STATE_HELD,      /* of work only: until a hold is released; its message stays what it was */
	STATE_COUNT,
};

/* "queued", "sending"...: as in SQL. */
const char *state_name(enum state state);
bool state_parse(const char *name, enum state *ret_state);
/* The contract's words: queued, sent, delivered, read, failed; and scheduled, cancelled and
 * expired, for messages only whose callers asked for that.  failure_code: of the message, 0:
 * none.  was_sent: an attempt was accepted once: it stays sent, whatever it waits for. */
const char *state_status(enum state state, int failure_code, bool was_sent);
/* The exact state for people: "queued", "sending", "retrying", "outcome_unknown"... */
const char *state_detail(enum state state, int failure_code);
bool state_may_become(enum state from, enum state to);
/* No attempt will follow. */
bool state_is_final(enum state state);

#endif
