/*
 * json_scan - is this text one JSON document (RFC 8259), and if not, where not?
 *
 * Private to the folder.  Looks before json-c builds: json-c accepts more than JSON (NaN,
 * lone surrogates), merges members of the same name, and cuts names at a NUL.  No memory.
 */
#ifndef JSON_JSON_SCAN_H
#define JSON_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

/* Told of every object (name null: one begins) and of every member of it in order; name is
 * raw, with its quotes and escapes.  depth: 1 for the outermost container.  False stops. */
typedef bool json_scan_fn(void *arg, unsigned depth, const char *name, size_t name_len);

struct json_scan {
	/* Of the whole, when it was valid: */
	size_t members;    /* of all objects together */
	size_t values;     /* that are not null, objects and arrays included */
	size_t text_bytes; /* of all strings and names, without escapes */
	size_t at;         /* byte offset of the fault */
	const char *why;   /* static; null when the visitor stopped it */
};

/* True: UTF-8, whole, valid, nested at most max_depth.  visit may be null. */
bool json_scan(const char *text, size_t len, unsigned max_depth, json_scan_fn *visit, void *arg,
	       struct json_scan *ret_scan) MUST_CHECK;

/* The same of one value that stands at the beginning, whatever follows it: at is where it ends.
 * is_name: it is a string that names a member. */
bool json_scan_value(const char *text, size_t len, unsigned max_depth, bool is_name,
		     struct json_scan *ret_scan) MUST_CHECK;

#endif
