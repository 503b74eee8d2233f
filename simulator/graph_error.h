/*
 * Meta's errors: one row per code, and the envelope they travel in.
 */
#ifndef SIMULATOR_GRAPH_ERROR_H
#define SIMULATOR_GRAPH_ERROR_H

#include "simulator/exchange.h"

#include <stdint.h>

struct graph_error {
	int code;
	int subcode; /* 0: none */
	int status;  /* the default one; Meta publishes none any more */
	const char *message;
	const char *details; /* NULL: no error_data */
};

/*
 * The row of this code; `subcode` <= 0 means the row without one. An unknown code gets a row of
 * its own making in `spare`.
 */
const struct graph_error *graph_error_find(int code, int subcode, struct graph_error *spare);

/*
 * Writes status, headers and body. `status` <= 0 and `details` NULL leave the row's; a negative
 * `subcode` or `is_transient` leaves what the row says. `serial` makes fbtrace_id unique.
 */
void graph_error_write(struct answer *answer, const struct graph_error *error, int status,
		       int subcode, int is_transient, const char *details, uint64_t serial);

#endif
