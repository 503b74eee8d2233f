#include "json/json_out.h"

#include <string.h>

#include "base/text.h"

void json_out_begin(struct json_out *o, struct str *to)
{
	o->to = to;
	o->first = true;
}

static void append_plain(struct str *to, const char *text)
{
	(void)str_append_text(to, text); /* a failed str stays failed: str_ok() tells */
}

/* Comma and key: what stands before a value. */
static void lead_in(struct json_out *o, const char *key)
{
	if (!o->first)
		append_plain(o->to, ",");
	o->first = false;
	if (key != NULL) {
		append_plain(o->to, "\"");
		append_plain(o->to, key);
		append_plain(o->to, "\":");
	}
}

/* Bytes of the valid UTF-8 sequence beyond ASCII at text; 0 when it is none. */
static size_t sequence_len(const char *text)
{
	unsigned char lead = (unsigned char)*text;
	size_t len = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
	size_t code_points;

	return text_utf8_valid(text, strnlen(text, len), &code_points) && code_points == 1 ? len
											   : 0;
}

/* Bytes from text on that need no change. */
static size_t clean_len(const char *text)
{
	const char *at = text;

	for (;;) {
		unsigned char c = (unsigned char)*at;
		size_t len = 1;

		if (c < 0x20 || c == '"' || c == '\\')
			break;
		if (c >= 0x80)
			len = sequence_len(at);
		if (len == 0)
			break;
		at += len;
	}
	return (size_t)(at - text);
}

static void append_changed(struct str *to, unsigned char c)
{
	switch (c) {
	case '"':
		append_plain(to, "\\\"");
		return;
	case '\\':
		append_plain(to, "\\\\");
		return;
	case '\n':
		append_plain(to, "\\n");
		return;
	case '\r':
		append_plain(to, "\\r");
		return;
	case '\t':
		append_plain(to, "\\t");
		return;
	default:
		break;
	}
	if (c < 0x20)
		(void)str_append_format(to, "\\u%04x", c);
	else
		append_plain(to, "\xef\xbf\xbd"); /* U+FFFD */
}

static void append_text(struct str *to, const char *text)
{
	append_plain(to, "\"");
	for (;;) {
		size_t len = clean_len(text);

		(void)str_append(to, text, len);
		text += len;
		if (*text == '\0')
			break;
		append_changed(to, (unsigned char)*text);
		text++;
	}
	append_plain(to, "\"");
}

void json_out_object(struct json_out *o, const char *key)
{
	lead_in(o, key);
	append_plain(o->to, "{");
	o->first = true;
}

void json_out_object_end(struct json_out *o)
{
	append_plain(o->to, "}");
	o->first = false;
}

void json_out_array(struct json_out *o, const char *key)
{
	lead_in(o, key);
	append_plain(o->to, "[");
	o->first = true;
}

void json_out_array_end(struct json_out *o)
{
	append_plain(o->to, "]");
	o->first = false;
}

void json_out_text(struct json_out *o, const char *key, const char *text)
{
	if (text == NULL) {
		json_out_null(o, key);
		return;
	}
	lead_in(o, key);
	append_text(o->to, text);
}

void json_out_int(struct json_out *o, const char *key, int64_t value)
{
	lead_in(o, key);
	(void)str_append_format(o->to, "%lld", (long long)value);
}

void json_out_bool(struct json_out *o, const char *key, bool value)
{
	json_out_raw(o, key, value ? "true" : "false");
}

void json_out_null(struct json_out *o, const char *key)
{
	json_out_raw(o, key, "null");
}

void json_out_raw(struct json_out *o, const char *key, const char *json)
{
	lead_in(o, key);
	append_plain(o->to, json);
}

/* Valid JSON has blanks within texts, which stay, and between its parts. */
static void append_compact(struct str *to, const char *json, size_t len)
{
	const char *const end = json + len;
	const char *from = json;
	bool in_text = false;

	for (const char *at = json; at < end; at++) {
		if (in_text && *at == '\\') {
			at++;
		} else if (*at == '"') {
			in_text = !in_text;
		} else if (!in_text && strchr(" \t\r\n", *at)) {
			(void)str_append(to, from, (size_t)(at - from));
			from = at + 1;
		}
	}
	(void)str_append(to, from, (size_t)(end - from));
}

void json_out_document(struct json_out *o, const char *json)
{
	lead_in(o, NULL);
	append_compact(o->to, json, strlen(json));
}

void json_out_members(struct json_out *o, const char *json)
{
	lead_in(o, NULL);
	append_compact(o->to, json + 1, strlen(json) - 2);
}
