/*
 * graph_answer - what the end of a call to the Graph API says.  Pure.
 */
#ifndef CLIENTS_GRAPH_ANSWER_H
#define CLIENTS_GRAPH_ANSWER_H

#include "clients/graph_client.h"
#include "transport/transport.h"

/* Fills all of *ret_answer. */
void graph_answer_read(const struct transport_result *result, bool ambiguous_5xx,
		       struct graph_answer *ret_answer);

#endif
