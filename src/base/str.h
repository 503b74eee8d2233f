/*
 * str - an owned, growing byte string, born with a maximum (Law 6).
 *
 * Invariants: data is never null and data[len] is always 0, so it can be passed to
 * anything that wants a C string; len <= max, space <= max + 1.  An append that would pass
 * the maximum, or for which there is no memory, fails, frees the content and leaves the
 * string empty with `failed` set: a half-built string cannot leak out.  Every later append
 * fails too, so a builder may check once at the end with str_ok().
 *
 * Init with STR_INIT(max) or str_init(); end with str_fini(), which may be called twice.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

struct str {
	char *data;   /* owned unless it is the shared empty string */
	size_t len;   /* bytes, without the ending 0 */
	size_t space; /* bytes allocated; 0: data is the shared empty string */
	size_t max;   /* most bytes len may have */
	bool failed;
};

/* The shared empty string; read-only memory. */
extern const char str_empty[1];
#define STR_INIT(limit) ((struct str){ .data = (char *)str_empty, .max = (limit) })

void str_init(struct str *s, size_t max);
void str_fini(struct str *s);
/* Empties it and forgets a failure; keeps the memory. */
void str_reset(struct str *s);
static inline bool str_ok(const struct str *s)
{
	return !s->failed;
}

/* False: passed the maximum or no memory. */
bool str_append(struct str *s, const char *data, size_t len);
bool str_append_text(struct str *s, const char *text);
bool str_append_char(struct str *s, char c);
bool str_append_format(struct str *s, const char *format, ...) PRINTF_LIKE(2, 3);
/* Percent-encodes everything but RFC 3986 "unreserved", for one path segment; "." and ".." too,
 * so that they stay a segment. */
bool str_append_url_segment(struct str *s, const char *text);

/* Hands the memory over to the caller, who frees it with free(); s is empty after.
 * Null if it had failed, or for want of memory. */
char *str_detach(struct str *s) MUST_CHECK;

#endif
