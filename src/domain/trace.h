/*
 * trace - the id of a trace, from a traceparent header (W3C Trace Context, version 00 and the
 * known part of later ones).  Pure.
 */
#ifndef HTTP_TRACE_H
#define HTTP_TRACE_H

#include <stdbool.h>

#define TRACE_ID_BYTES 33 /* 32 hexadecimal digits */

/* False: there is none, or it is not as the standard has it; ret_id is untouched. */
bool trace_id_read(const char *traceparent, char ret_id[TRACE_ID_BYTES]);

#endif
