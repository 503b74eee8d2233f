/*
 * type - the message types: one row and one file each (type_text.c).
 *
 * read: the members of a send request become the payload (JSON text of Meta's object of the
 * same name).  content: the plain text that the Conversation Service stores.
 */
#ifndef TYPES_TYPE_H
#define TYPES_TYPE_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/str.h"
#include "json/json_in.h"

struct type {
	const char *name;   /* "text" */
	const char *member; /* the request's member that belongs to this type: "message" */
	/* False with ret_err ("message: ..."), ret_payload then untouched. */
	bool (*read)(const struct json_value *request, struct str *ret_payload,
		     struct err *ret_err);
	/* payload is one that read() made. */
	bool (*content)(const char *payload, struct str *ret_content);
};

/* Null: no such type (yet). */
const struct type *type_find(const char *name);
/* A type has this member in the request. */
bool type_has_member(const char *member);
/* "text, image": for messages. */
const char *type_names(void);

#endif
