/*
 * hold - what must not be sent for now, and the set of all that are in force.
 *
 * A hold covers everything, a tenant, an outlet of a tenant, or a number (whichever tenant's);
 * one for a token what its outlet sends from one number: others that send from it are not
 * covered, as any outlet's record can name any number.  No attempt begins for what a hold
 * covers; attempts under way are not its business.  Pure.
 */
#ifndef DOMAIN_HOLD_H
#define DOMAIN_HOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "domain/message.h"

#define HOLD_NUMBER_BYTES 32
#define HOLDS_MAX 10000      /* in force at a time */
#define HOLDS_CALLER_MAX 200 /* so by one tenant itself */

enum hold_scope { HOLD_ALL = 0, HOLD_TENANT, HOLD_OUTLET, HOLD_NUMBER, HOLD_SCOPES };

enum hold_reason {
	HOLD_PAUSED = 0, /* by a person */
	HOLD_CALLER,     /* by a tenant itself, with a key of its own */
	HOLD_TOKEN,      /* Meta refuses the outlet's token for its number */
	HOLD_RESTORE,    /* the database was restored from a backup, or failed over */
	HOLD_RESTRICTED, /* Meta restricts the account of the number */
	HOLD_DISABLED,   /* Meta has disabled it */
	HOLD_REASONS,
};

struct hold {
	int id; /* 1 or more */
	enum hold_scope scope;
	enum hold_reason reason;
	/* "" unless the scope has it; for a token all three. */
	char tenant_id[MESSAGE_TOKEN_MAX + 1];
	char outlet_id[MESSAGE_TOKEN_MAX + 1];
	char number[HOLD_NUMBER_BYTES];
	int64_t set_wall_us;
};

/* In order of what they cover: see hold_sort(). */
struct hold_set {
	struct hold *holds; /* owned by whoever made the set */
	unsigned count;
};

/* "all", "tenant", "outlet", "number"; "paused", "caller", "token", "restore", "restricted",
 * "disabled": as in SQL. */
const char *hold_scope_name(enum hold_scope scope);
bool hold_scope_parse(const char *name, enum hold_scope *ret_scope) MUST_CHECK;
const char *hold_reason_name(enum hold_reason reason);
bool hold_reason_parse(const char *name, enum hold_reason *ret_reason) MUST_CHECK;

/* Meta's phone_number_id: 1 to 31 digits. */
bool hold_number_fits(const char *text) MUST_CHECK;

void hold_sort(struct hold_set *set);
/* A hold of a sorted set that covers a message of this tenant, outlet and number ("": not
 * known yet, and no hold of a number covers it), those for a token apart; null: none.  The
 * widest comes first. */
const struct hold *hold_find(const struct hold_set *set, const char *tenant_id,
			     const char *outlet_id, const char *number);
/* The hold for the token with which this outlet sends from this number; null: none. */
const struct hold *hold_find_token(const struct hold_set *set, const char *tenant_id,
				   const char *outlet_id, const char *number);
/* This very hold is in the sorted set. */
bool hold_is_in(const struct hold_set *set, const struct hold *hold);

#endif
