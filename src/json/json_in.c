/*
 * A document is scanned first (json_scan.h: grammar, UTF-8, depth, where the fault is), then
 * built by json-c, which therefore only ever sees valid JSON.
 *
 * Members of the same name: json-c keeps the last one.  The scan counts members, so a tree
 * with fewer of them had a repetition; only then is the text walked again to find the name.
 *
 * Without memory json-c 0.16 may leave out members, elements, or parts of strings, and call it a
 * success.  So the tree has to weigh as much as the scan says.
 *
 * A json_value is a json_object under another name; JSON's null is json-c's null pointer.
 */
#include "json/json_in.h"

#include <stdlib.h>
#include <string.h>

/* json-c has a type of the name of one of our functions. */
#define json_bool json_c_bool
#include <json-c/json.h>
#undef json_bool

#include "base/text.h"
#include "json/json_scan.h"

#define NAME_SHOWN_BYTES 64

struct json_doc {
	struct json_object *root;
};

static struct json_object *object_of(const struct json_value *v)
{
	return (struct json_object *)(uintptr_t)v;
}

static const struct json_value *value_of(const struct json_object *o)
{
	return (const struct json_value *)o;
}

/* Valid JSON text to a tree.  False: no memory, or json-c sees it differently. */
static bool build(const char *text, size_t len, struct json_object **ret_root)
{
	/* json-c counts the scalars inside the innermost container as a level. */
	struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX + 2);
	enum json_tokener_error error;
	struct json_object *root;

	if (tokener == NULL)
		return false;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	root = json_tokener_parse_ex(tokener, text, (int)len);
	error = json_tokener_get_error(tokener);
	if (error == json_tokener_continue) { /* a number ends only with what follows it */
		root = json_tokener_parse_ex(tokener, "", 1);
		error = json_tokener_get_error(tokener);
	}
	json_tokener_free(tokener);
	if (error != json_tokener_success) {
		json_object_put(root);
		return false;
	}
	*ret_root = root;
	return true;
}

static void weigh(struct json_object *o, struct json_scan *sum)
{
	sum->values += o != NULL;
	if (json_object_is_type(o, json_type_object)) {
		json_object_object_foreach(o, name, value)
		{
			sum->members++;
			sum->text_bytes += strlen(name);
			weigh(value, sum);
		}
	} else if (json_object_is_type(o, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(o); i++)
			weigh(json_object_array_get_idx(o, i), sum);
	} else if (json_object_is_type(o, json_type_string)) {
		sum->text_bytes += (size_t)json_object_get_string_len(o);
	}
}

static bool weighs(const struct json_scan *sum, const struct json_scan *wanted)
{
	return sum->values == wanted->values && sum->text_bytes == wanted->text_bytes;
}

/* The names seen so far in the open object of each depth. */
struct repetition {
	struct json_object *seen[JSON_DEPTH_MAX + 1];
	bool found;
	char name[NAME_SHOWN_BYTES];
};

static bool see_name(void *arg, unsigned depth, const char *raw, size_t raw_len)
{
	struct repetition *r = arg;
	struct json_object *name = NULL;
	struct json_scan wanted;
	struct json_scan sum = { 0 };
	bool go_on;

	if (raw == NULL) {
		json_object_put(r->seen[depth]);
		r->seen[depth] = json_object_new_object();
		return r->seen[depth] != NULL;
	}
	if (!json_scan(raw, raw_len, 1, NULL, NULL, &wanted) || !build(raw, raw_len, &name))
		return false;
	weigh(name, &sum);
	if (!weighs(&sum, &wanted)) {
		json_object_put(name);
		return false;
	}
	r->found = json_object_object_get_ex(r->seen[depth], json_object_get_string(name), NULL);
	if (r->found)
		text_copy_cut(r->name, sizeof(r->name), json_object_get_string(name));
	go_on = !r->found &&
		json_object_object_add(r->seen[depth], json_object_get_string(name), NULL) == 0;
	json_object_put(name);
	return go_on;
}

static void name_repetition(const char *text, size_t len, struct err *ret_err)
{
	struct repetition r;
	struct json_scan scan;

	memset(&r, 0, sizeof(r));
	if (json_scan(text, len, JSON_DEPTH_MAX, see_name, &r, &scan) || !r.found)
		err_set(ret_err, ERR_INTERNAL, 0, "body: no memory to read it");
	else
		err_set(ret_err, ERR_INVALID, 0, "%s: is given twice; give it once", r.name);
	for (size_t i = 0; i < sizeof(r.seen) / sizeof(r.seen[0]); i++)
		json_object_put(r.seen[i]);
}

struct json_doc *json_doc_parse(const char *text, size_t len, struct err *ret_err)
{
	struct json_scan scan;
	struct json_scan sum = { 0 };
	struct json_doc *doc;

	if (len > INT32_MAX) {
		err_set(ret_err, ERR_LIMIT, 0, "body: too long to be read as JSON");
		return NULL;
	}
	if (!json_scan(text, len, JSON_DEPTH_MAX, NULL, NULL, &scan)) {
		err_set(ret_err, ERR_INVALID, 0, "body: not valid JSON: %s at byte %zu", scan.why,
			scan.at);
		return NULL;
	}
	doc = calloc(1, sizeof(*doc));
	if (doc == NULL || !build(text, len, &doc->root)) {
		free(doc);
		err_set(ret_err, ERR_INTERNAL, 0, "body: no memory to read it");
		return NULL;
	}
	weigh(doc->root, &sum);
	if (sum.members == scan.members && weighs(&sum, &scan))
		return doc;
	json_doc_free(doc);
	if (sum.members != scan.members)
		name_repetition(text, len, ret_err);
	else
		err_set(ret_err, ERR_INTERNAL, 0, "body: no memory to read it");
	return NULL;
}

void json_doc_free(struct json_doc *doc)
{
	if (doc == NULL)
		return;
	json_object_put(doc->root);
	free(doc);
}

const struct json_value *json_doc_root(const struct json_doc *doc)
{
	return value_of(doc->root);
}

bool json_doc_complete(struct json_doc *doc, const struct json_value *with)
{
	json_object_object_foreach(object_of(with), name, value)
	{
		if (json_object_object_get_ex(doc->root, name, NULL))
			continue;
		if (json_object_object_add(doc->root, name, json_object_get(value)) != 0) {
			json_object_put(value);
			return false;
		}
	}
	return true;
}

void json_doc_drop(struct json_doc *doc, const char *name)
{
	json_object_object_del(doc->root, name);
}

enum json_kind json_kind(const struct json_value *v)
{
	switch (json_object_get_type(object_of(v))) {
	case json_type_null:
		return JSON_NULL;
	case json_type_boolean:
		return JSON_BOOL;
	case json_type_double:
	case json_type_int:
		return JSON_NUMBER;
	case json_type_string:
		return JSON_STRING;
	case json_type_array:
		return JSON_ARRAY;
	case json_type_object:
		return JSON_OBJECT;
	}
	return JSON_NULL;
}

const char *json_kind_name(enum json_kind kind)
{
	switch (kind) {
	case JSON_NULL:
		return "null";
	case JSON_BOOL:
		return "a boolean";
	case JSON_NUMBER:
		return "a number";
	case JSON_STRING:
		return "a string";
	case JSON_ARRAY:
		return "an array";
	case JSON_OBJECT:
		return "an object";
	}
	return "";
}

const struct json_value *json_member(const struct json_value *v, const char *name)
{
	struct json_object *found = NULL;

	if (json_kind(v) != JSON_OBJECT)
		return NULL;
	(void)json_object_object_get_ex(object_of(v), name, &found); /* absent: null */
	return value_of(found);
}

bool json_has_member(const struct json_value *v, const char *name)
{
	return json_kind(v) == JSON_OBJECT && json_object_object_get_ex(object_of(v), name, NULL);
}

size_t json_array_count(const struct json_value *v)
{
	return json_kind(v) == JSON_ARRAY ? json_object_array_length(object_of(v)) : 0;
}

const struct json_value *json_array_at(const struct json_value *v, size_t index)
{
	if (index >= json_array_count(v))
		return NULL;
	return value_of(json_object_array_get_idx(object_of(v), index));
}

void json_members(const struct json_value *v, json_member_fn *fn, void *arg)
{
	if (json_kind(v) != JSON_OBJECT)
		return;
	json_object_object_foreach(object_of(v), name, value)
	{
		if (!fn(arg, name, value_of(value)))
			return;
	}
}

const char *json_text(const struct json_value *v, size_t *ret_len)
{
	const char *text;
	size_t len;

	if (json_kind(v) != JSON_STRING)
		return NULL;
	text = json_object_get_string(object_of(v));
	len = (size_t)json_object_get_string_len(object_of(v));
	if (memchr(text, '\0', len) != NULL)
		return NULL;
	if (ret_len != NULL)
		*ret_len = len;
	return text;
}

bool json_member_text(const struct json_value *v, const char *name, const char **ret_text,
		      size_t *ret_len, struct err *ret_err)
{
	const struct json_value *member = json_member(v, name);
	enum json_kind kind = json_kind(member);
	const char *text = NULL;
	size_t len = 0;

	if (kind != JSON_NULL) {
		text = json_text(member, &len);
		if (text == NULL && kind == JSON_STRING) {
			err_set(ret_err, ERR_INVALID, 0, "%s: holds \\u0000; leave it out", name);
			return false;
		}
		if (text == NULL) {
			err_set(ret_err, ERR_INVALID, 0, "%s: is %s; write a string", name,
				json_kind_name(kind));
			return false;
		}
	}
	*ret_text = text;
	*ret_len = len;
	return true;
}

bool json_int(const struct json_value *v, int64_t *ret)
{
	int64_t value;

	if (!json_object_is_type(object_of(v), json_type_int))
		return false;
	/* json-c holds what is out of range at the ends of the range. */
	value = json_object_get_int64(object_of(v));
	if (value == INT64_MAX || value == INT64_MIN)
		return false;
	*ret = value;
	return true;
}

bool json_bool(const struct json_value *v, bool *ret)
{
	if (json_kind(v) != JSON_BOOL)
		return false;
	*ret = json_object_get_boolean(object_of(v)) != 0;
	return true;
}
