/*
 * trace - traceparent (W3C Trace Context): what a caller names is continued, and every request and
 * message has one, which our calls and log lines carry.  Pure.
 *
 * The parent id is that of what we do about the request, new for each; of the flags "sampled" and
 * "random" are kept, as the standard orders of those it does not know.
 */
#ifndef DOMAIN_TRACE_H
#define DOMAIN_TRACE_H

#include <stdint.h>

#include "domain/message_id.h"

#define TRACE_PARENT_BYTES 56 /* "00-<32 digits>-<16 digits>-<2 digits>" */
#define TRACE_RANDOM_BYTES 24

/* Of version 00, or the known part of a later one: its trace goes on.  Otherwise (there is none, or
 * not as the standard has it) a new one begins, whose flags are 00, as nobody records it. */
void trace_continue(const char *traceparent, const uint8_t random[TRACE_RANDOM_BYTES],
		    char ret_parent[TRACE_PARENT_BYTES]);

/* Of a message whose request is forgotten (it was read back from the store): its id names the
 * trace. */
void trace_of_message(struct message_id id, char ret_parent[TRACE_PARENT_BYTES]);

#endif
