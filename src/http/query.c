#include "http/query.h"

#include <string.h>

#include "base/str.h"
#include "base/text.h"
#include "http/percent.h"

#define NAME_SHOWN_BYTES 40

static void refuse_unknown(const char *name, const struct query_field *fields, size_t count,
			   struct err *ret_err)
{
	struct str known = STR_INIT(ERR_TEXT_BYTES);

	for (size_t i = 0; i < count; i++)
		str_append_format(&known, "%s%s", i == 0 ? "" : ", ", fields[i].name);
	err_set(ret_err, ERR_INVALID, 0, "%s: is not a parameter of this request; known are %s",
		name, known.data);
	str_fini(&known);
}

/* UTF-8 that prints: nothing below a blank, no DEL. */
static bool is_clean(const char *text)
{
	size_t code_points;

	for (const char *at = text; *at != '\0'; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			return false;
	return text_utf8_valid(text, strlen(text), &code_points);
}

static bool read_value(struct query_field *field, const char *raw, size_t len, struct err *ret_err)
{
	if (field->given) {
		err_set(ret_err, ERR_INVALID, 0, "%s: is there twice; give it once", field->name);
		return false;
	}
	if (len == 0) {
		err_set(ret_err, ERR_INVALID, 0, "%s: has no value; give it one or leave it out",
			field->name);
		return false;
	}
	switch (percent_decode(raw, len, field->value, field->size)) {
	case PERCENT_OK:
		break;
	case PERCENT_MALFORMED:
		err_set(ret_err, ERR_INVALID, 0,
			"%s: is not percent-encoded; write %% and two hexadecimal digits, %%25 "
			"for %% itself",
			field->name);
		return false;
	case PERCENT_TOO_LONG:
		err_set(ret_err, ERR_INVALID, 0,
			"%s: is longer than %zu bytes; write a shorter one", field->name,
			field->size - 1);
		return false;
	}
	if (!is_clean(field->value)) {
		err_set(ret_err, ERR_INVALID, 0,
			"%s: has characters that do not print, or is not UTF-8", field->name);
		return false;
	}
	field->given = true;
	return true;
}

static bool read_pair(const char *pair, size_t len, struct query_field *fields, size_t count,
		      struct err *ret_err)
{
	const char *equals = memchr(pair, '=', len);
	const size_t name_len = equals != NULL ? (size_t)(equals - pair) : len;
	const char *value = equals != NULL ? equals + 1 : pair + len;
	char name[NAME_SHOWN_BYTES];

	if (percent_decode(pair, name_len, name, sizeof(name)) != PERCENT_OK || !is_clean(name)) {
		err_set(ret_err, ERR_INVALID, 0,
			"query: has a parameter whose name is too long or not percent-encoded");
		return false;
	}
	for (size_t i = 0; i < count; i++)
		if (strcmp(fields[i].name, name) == 0)
			return read_value(&fields[i], value, (size_t)(pair + len - value), ret_err);
	refuse_unknown(name, fields, count, ret_err);
	return false;
}

bool http_query_read(const char *query, struct query_field *fields, size_t count,
		     struct err *ret_err)
{
	while (*query != '\0') {
		const size_t len = strcspn(query, "&");

		if (len != 0 && !read_pair(query, len, fields, count, ret_err))
			return false;
		query += len;
		query += *query == '&';
	}
	return true;
}

bool http_query_find(const char *query, const char *name, char *value, size_t size)
{
	while (*query != '\0') {
		const size_t len = strcspn(query, "&");
		const char *equals = memchr(query, '=', len);
		char its[NAME_SHOWN_BYTES];

		if (equals != NULL &&
		    percent_decode(query, (size_t)(equals - query), its, sizeof(its)) ==
			    PERCENT_OK &&
		    strcmp(its, name) == 0)
			return percent_decode(equals + 1, (size_t)(query + len - equals - 1), value,
					      size) == PERCENT_OK &&
			       is_clean(value);
		query += len;
		query += *query == '&';
	}
	return false;
}
