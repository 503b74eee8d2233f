/*
 * query - the parameters behind the "?" of an address: name=value pairs joined by "&", both
 * percent-encoded.  Strict: what is not known, comes twice, has no value or is not
 * percent-encoding is refused by its name.  Pure.
 */
#ifndef HTTP_QUERY_H
#define HTTP_QUERY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/err.h"

struct query_field {
	const char *name;
	char *value; /* where it goes: at least one byte, as UTF-8 without control characters */
	size_t size; /* bytes of value, with the ending 0 */
	bool given;  /* set here */
};

/* Fields that are not given keep their value.  False with ret_err: ERR_INVALID, "<name>: ...". */
bool http_query_read(const char *query, struct query_field *fields, size_t count,
		     struct err *ret_err) MUST_CHECK;

/* For addresses that others make: the value of one parameter, whatever else there is.  False: it is
 * not there, or its first value cannot be read so. */
bool http_query_find(const char *query, const char *name, char *value, size_t size) MUST_CHECK;

#endif
