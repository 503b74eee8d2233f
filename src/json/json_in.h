/*
 * json_in - reading JSON from strangers: strict, bounded, with errors that name the member.
 *
 * The only reader of json-c.  A document is parsed whole (RFC 8259, UTF-8 checked, no
 * trailing bytes, no member twice in an object, containers nested at most 32 deep).  Objects are
 * borrowed from their document.  Getters never convert: a number is not a string.
 * One thread per document.
 */
#ifndef JSON_JSON_IN_H
#define JSON_JSON_IN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"

#define JSON_DEPTH_MAX 32

struct json_doc;
struct json_value; /* borrowed; a value inside a document */

/* Null with ret_err ("body: not valid JSON: ... at byte N"; "to: is given twice...").  Free
 * with json_doc_free(). */
struct json_doc *json_doc_parse(const char *text, size_t len, struct err *ret_err) MUST_CHECK;
void json_doc_free(struct json_doc *doc);
const struct json_value *json_doc_root(const struct json_doc *doc);

/* Changes the root, which is an object: takes the members of another object that it lacks (null
 * is no lack); lets a member go.  The other document must not be changed afterwards.  False: no
 * memory. */
bool json_doc_complete(struct json_doc *doc, const struct json_value *with) MUST_CHECK;
void json_doc_drop(struct json_doc *doc, const char *name);

enum json_kind { JSON_NULL = 0, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };
enum json_kind json_kind(const struct json_value *v); /* null pointer: JSON_NULL */
const char *json_kind_name(enum json_kind kind);      /* "a string"... */

/* Null when v is no object or has no such member. */
const struct json_value *json_member(const struct json_value *v, const char *name);
/* So it has, even if it is null. */
bool json_has_member(const struct json_value *v, const char *name);
size_t json_array_count(const struct json_value *v);
const struct json_value *json_array_at(const struct json_value *v, size_t index);
/* Visits the members in order; stops when the visitor says false. */
typedef bool json_member_fn(void *arg, const char *name, const struct json_value *v);
void json_members(const struct json_value *v, json_member_fn *fn, void *arg);

/* Borrowed, ends with 0; null when v is not a string, or one that holds \u0000 (json_kind
 * tells them apart).  ret_len may be null. */
const char *json_text(const struct json_value *v, size_t *ret_len);
/* The same for a member: *ret_text is null when it is absent or null.  False with ret_err
 * ("to: is a number; write a string") when it is there and no text. */
bool json_member_text(const struct json_value *v, const char *name, const char **ret_text,
		      size_t *ret_len, struct err *ret_err) MUST_CHECK;
/* False: not a number, one with fraction or exponent, or beyond +-(2^63 - 2). */
bool json_int(const struct json_value *v, int64_t *ret);
bool json_bool(const struct json_value *v, bool *ret);

#endif
