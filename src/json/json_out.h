/*
 * json_out - writing JSON into a str: commas, escaping and nesting are done here, so that a
 * document is valid by construction.  Keys are static names of ours and are not escaped.
 *
 * Invalid UTF-8 in a text becomes U+FFFD.  Failure of the str is seen with str_ok().
 */
#ifndef JSON_JSON_OUT_H
#define JSON_JSON_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct json_out {
	struct str *to; /* borrowed */
	bool first;     /* no comma before the next member */
};

void json_out_begin(struct json_out *o, struct str *to);
/* key is null inside an array and at the root. */
void json_out_object(struct json_out *o, const char *key);
void json_out_object_end(struct json_out *o);
void json_out_array(struct json_out *o, const char *key);
void json_out_array_end(struct json_out *o);
/* text null writes null. */
void json_out_text(struct json_out *o, const char *key, const char *text);
void json_out_int(struct json_out *o, const char *key, int64_t value);
void json_out_bool(struct json_out *o, const char *key, bool value);
void json_out_null(struct json_out *o, const char *key);
/* json is valid JSON already (a stored payload). */
void json_out_raw(struct json_out *o, const char *key, const char *json);
/* A document that was encoded elsewhere, without the blanks between its parts. */
void json_out_document(struct json_out *o, const char *json);
/* The members of such an object, with at least one; nothing stands around it. */
void json_out_members(struct json_out *o, const char *json);

#endif
