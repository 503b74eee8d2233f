/*
 * outcome - what an attempt came to, and how Meta's answer becomes one.
 *
 * The table (graph_error.h) is looked at first, the HTTP status second.  Pure.
 */
#ifndef DOMAIN_OUTCOME_H
#define DOMAIN_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

#include "domain/graph_error.h"

enum outcome {
	OUTCOME_NONE = 0, /* not known yet: the attempt is under way */
	OUTCOME_ACCEPTED, /* wamid in hand */
	OUTCOME_REFUSED,  /* Meta said no: certainly not sent */
	OUTCOME_NOT_SENT, /* never reached Meta */
	OUTCOME_LOST,     /* may or may not have been accepted */
};

/* "accepted", "refused", "not_sent", "lost", "" : as stored in SQL. */
const char *outcome_name(enum outcome outcome);
bool outcome_parse(const char *name, enum outcome *ret_outcome);

/* How the call ended, seen from below. */
enum call_end {
	CALL_ANSWERED = 0, /* a complete HTTP answer */
	CALL_NOT_SENT,     /* body never handed over */
	CALL_LOST,         /* body handed over, no complete answer */
};

/* What is known of a call, once its answer was read. */
struct call_facts {
	enum call_end end;
	int http_status;     /* when answered */
	bool has_message_id; /* messages[0].id was there */
	bool readable;       /* the body was JSON in Graph's form */
	bool has_error;      /* error.code was there */
	int error_code;
	int error_subcode; /* 0: none */
	bool is_transient; /* error.is_transient was true */
};

/* What it comes to: an outcome, and the row of the error table that says what next (never
 * null; for ACCEPTED a row of class GRAPH_NONE). */
struct verdict {
	enum outcome outcome;
	const struct graph_error *error;
};

/* ambiguous_5xx: the setting GRAPH_AMBIGUOUS_5XX=unknown. */
struct verdict outcome_decide(const struct call_facts *facts, bool ambiguous_5xx);

#endif
