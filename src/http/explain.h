/*
 * explain - what holds a message now, or why it ended as it did, in sentences.
 */
#ifndef HTTP_EXPLAIN_H
#define HTTP_EXPLAIN_H

#include <stdint.h>

#include "domain/facts.h"
#include "domain/graph_error.h"

struct explanation {
	char summary[640];
	char next[320];            /* what happens next; "": nothing */
	int64_t since_wall_us;     /* it stands so since; 0: not known */
	int64_t until_wall_us;     /* it stands so until then at least; 0: not known */
	int64_t estimated_wall_us; /* its next attempt begins about then; 0: not known */
	int code;                  /* Meta's code behind it; 0: none */
	const char *title;         /* "" unless an error is behind it; borrowed from the facts or
				  * static */
	const char *action;        /* what a person should do; ""; static */
};

/* rates: where none are set for the message's outlet. */
void explain_message(const struct message_facts *facts, const struct estimate_rates *rates,
		     int64_t now_wall_us, struct explanation *ret_explanation);

/* The row of the error table for a stored code, Meta's or a case of ours; null for 0. */
const struct graph_error *explain_error(int code, int subcode);

#endif
