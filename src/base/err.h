/*
 * err - a failure as a value: its class decides what the caller may do about it,
 * its text says what went wrong in words a person can act on.
 *
 * Plain value, no allocation, any thread.  Functions that can fail take a
 * `struct err *ret_err` (never null) and write it only when they fail.
 * Lower layers report; the one place that can act decides and logs (Law 8).
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/compiler.h"

#define ERR_TEXT_BYTES 240

enum err_class {
	ERR_NONE = 0,
	ERR_INVALID,   /* the input is wrong; repeating it is pointless */
	ERR_TEMPORARY, /* the world is wrong for now; the same call may work later */
	ERR_PERMANENT, /* refused for good by somebody else */
	ERR_LIMIT,     /* a bound of ours was reached */
	ERR_UNCERTAIN, /* it may or may not have happened */
	ERR_INTERNAL,  /* our own fault */
};

struct err {
	enum err_class class;
	int code;                  /* errno, SQLSTATE as base 36, HTTP status...: 0 if none */
	char text[ERR_TEXT_BYTES]; /* UTF-8, one line, without secrets */
};

/* Sets all fields; the text is cut at ERR_TEXT_BYTES - 1 bytes. */
void err_set(struct err *err, enum err_class class, int code, const char *format, ...)
	PRINTF_LIKE(4, 5);

/* Puts "prefix: " before the text that is there. */
void err_prefix(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);

/* "invalid", "temporary"...: static. */
const char *err_class_name(enum err_class class);

#endif
