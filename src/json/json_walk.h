/*
 * json_walk - a long document, read in portions: it stops before every value of the objects and
 * arrays that were entered, and whoever walks says what becomes of the value: it is entered as
 * well, taken whole, or passed.
 *
 * Everything is checked by the rules of json_in.h as it is passed, and nothing is kept: a value
 * is told as a place in the text, and read by itself with json_doc_parse().  No step takes long: a
 * value that is taken may have JSON_WALK_VALUE_MAX bytes, longer ones are passed in portions of
 * that, and JSON_WALK_SPACE_MAX bytes of white space are passed in one place.  Members given twice
 * are the caller's to see.
 */
#ifndef JSON_JSON_WALK_H
#define JSON_JSON_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"

#define JSON_WALK_VALUE_MAX ((size_t)256 * 1024)
#define JSON_WALK_SPACE_MAX ((size_t)64 * 1024)
#define JSON_WALK_DEPTH_MAX 32 /* entered at once; what is taken there may be as deep again */

enum json_walk_step {
	JSON_WALK_MEMBER = 0, /* it stands before the value of a member, its name is passed … */
	JSON_WALK_ELEMENT,    /* … or before an element: enter, take, or pass it */
	JSON_WALK_LEFT,       /* what was entered last is at its end */
	JSON_WALK_PASSED,     /* what was to be passed is */
	JSON_WALK_MORE,       /* nothing yet */
	JSON_WALK_END,        /* the document is whole */
	JSON_WALK_FAULT,      /* ret_err: ERR_INVALID, "body: not valid JSON: ... at byte N" */
};

/* Bytes of the text, quotes and brackets included. */
struct json_place {
	size_t at;
	size_t len;
};

struct json_walk {
	const char *text; /* borrowed */
	size_t len;
	size_t at; /* how far it has come */
	enum {
		WALK_BEGIN,
		WALK_NEXT, /* a comma, or the end, is next */
		WALK_NAME,
		WALK_COLON,
		WALK_VALUE,
		WALK_HERE, /* what becomes of it is to be said */
		WALK_OVER,
	} where;
	bool first;             /* no comma before the next one */
	char opens;             /* the first byte of the value that it stands before */
	unsigned depth;         /* objects and arrays entered */
	uint64_t arrays;        /* bit n: the nth of them is an array */
	unsigned pass_depth;    /* what began at this depth is passed; 0: nothing */
	size_t pass_at;         /* where that began */
	struct json_place name; /* of the last member */
};

/* The document is one object, which is entered. */
void json_walk_init(struct json_walk *w, const char *text, size_t len);
/* May not be called again after END or FAULT. */
enum json_walk_step json_walk_next(struct json_walk *w, struct err *ret_err) MUST_CHECK;

/* Behind MEMBER or ELEMENT one of the three: */
/* It is an object or array (see opens), and not too deep: JSON_WALK_DEPTH_MAX.  False: it is not,
 * and nothing was done. */
bool json_walk_enter(struct json_walk *w) MUST_CHECK;
/* False with ret_err, as FAULT: also one that is too long. */
bool json_walk_take(struct json_walk *w, struct json_place *ret_value,
		    struct err *ret_err) MUST_CHECK;
/* Whatever its length: PASSED comes when it is over, and tells of it in passed. */
void json_walk_pass(struct json_walk *w);
/* Behind PASSED. */
struct json_place json_walk_passed(const struct json_walk *w);

#endif
