/*
 * json_walk - a long document, read in portions: the members of its one object, and the elements
 * of members that are arrays, told one after the other as places in the text.
 *
 * Everything is checked by the rules of json_in.h as it is passed, and nothing is kept: a value
 * that was told is read by itself with json_doc_parse().  A single value may have
 * JSON_WALK_VALUE_MAX bytes, and a step passes JSON_WALK_SPACE_MAX bytes of white space in one
 * place, so that none takes long.  Members given twice are the
 * caller's to see.
 */
#ifndef JSON_JSON_WALK_H
#define JSON_JSON_WALK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/err.h"

#define JSON_WALK_VALUE_MAX ((size_t)256 * 1024)
#define JSON_WALK_SPACE_MAX ((size_t)64 * 1024)

enum json_walk_step {
	JSON_WALK_MEMBER = 0, /* name and value; an array's elements follow */
	JSON_WALK_ELEMENT,    /* of the array that the last member is */
	JSON_WALK_MORE,       /* nothing yet: white space was passed */
	JSON_WALK_END,        /* the document is whole */
	JSON_WALK_FAULT,      /* ret_err: ERR_INVALID, "body: not valid JSON: ... at byte N" */
};

/* Bytes of the text, quotes and brackets included. */
struct json_place {
	size_t at;
	size_t len; /* of an array: 0 */
};

struct json_walk {
	const char *text; /* borrowed */
	size_t len;
	size_t at; /* how far it has come */
	enum {
		WALK_BEGIN,
		WALK_MEMBERS, /* a comma, or the end, is next */
		WALK_NAME,
		WALK_COLON,
		WALK_VALUE,
		WALK_ELEMENTS, /* so too */
		WALK_ELEMENT,
		WALK_OVER,
	} where;
	bool first;             /* no comma before the next one */
	bool is_array;          /* the last member is */
	struct json_place name; /* of the last member */
};

void json_walk_init(struct json_walk *w, const char *text, size_t len);
/* May not be called again after END or FAULT. */
enum json_walk_step json_walk_next(struct json_walk *w, struct json_place *ret_value,
				   struct err *ret_err) MUST_CHECK;

#endif
