/*
 * percent - percent-decoding as RFC 3986, section 2.1, has it: strict.  Pure.
 */
#ifndef HTTP_PERCENT_H
#define HTTP_PERCENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

enum percent_result {
	PERCENT_OK = 0,
	PERCENT_MALFORMED, /* "%" without two hexadecimal digits, or an encoded 0 */
	PERCENT_TOO_LONG,  /* size has no room for it and its ending 0 */
};

/* "+" stays "+".  text is written even when it does not end well. */
enum percent_result percent_decode(const char *raw, size_t len, char *text, size_t size) MUST_CHECK;

#endif
