#include "json/json_scan.h"

#include <string.h>

#include "base/text.h"

struct scanner {
	const char *text;
	size_t len;
	size_t at;
	size_t members;
	size_t values;
	size_t text_bytes;
	unsigned depth;
	unsigned max_depth;
	json_scan_fn *visit;
	void *arg;
	const char *why;
};

static bool scan_value(struct scanner *s);

static bool fail(struct scanner *s, const char *why)
{
	s->why = why;
	return false;
}

/* The next byte, or -1 at the end. */
static int peek(const struct scanner *s)
{
	return s->at < s->len ? (unsigned char)s->text[s->at] : -1;
}

/* The next byte that is no white space, or -1. */
static int skip_space(struct scanner *s)
{
	int c = peek(s);

	while (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
		s->at++;
		c = peek(s);
	}
	return c;
}

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static bool scan_word(struct scanner *s, const char *word)
{
	size_t len = strlen(word);

	if (s->len - s->at < len || memcmp(s->text + s->at, word, len) != 0)
		return fail(s, "a value is expected");
	s->at += len;
	return true;
}

static bool scan_digits(struct scanner *s)
{
	if (!is_digit(peek(s)))
		return fail(s, "a digit is expected");
	while (is_digit(peek(s)))
		s->at++;
	return true;
}

static bool scan_number(struct scanner *s)
{
	if (peek(s) == '-')
		s->at++;
	if (peek(s) == '0') {
		s->at++;
		if (is_digit(peek(s)))
			return fail(s, "a number must not begin with 0");
	} else if (!scan_digits(s)) {
		return false;
	}
	if (peek(s) == '.') {
		s->at++;
		if (!scan_digits(s))
			return false;
	}
	if (peek(s) == 'e' || peek(s) == 'E') {
		s->at++;
		if (peek(s) == '+' || peek(s) == '-')
			s->at++;
		return scan_digits(s);
	}
	return true;
}

/* Four hexadecimal digits; at stands on the first. */
static bool scan_hex4(struct scanner *s, unsigned *ret_unit)
{
	unsigned unit = 0;

	for (int i = 0; i < 4; i++) {
		int c = peek(s);

		if (is_digit(c))
			unit = unit << 4 | (unsigned)(c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			unit = unit << 4 | (unsigned)((c | 0x20) - 'a' + 10);
		else
			return fail(s, "\\u needs four hexadecimal digits");
		s->at++;
	}
	*ret_unit = unit;
	return true;
}

/* at stands behind "\u". */
static bool scan_unicode(struct scanner *s, bool is_name)
{
	unsigned unit;
	unsigned low;

	if (!scan_hex4(s, &unit))
		return false;
	if (unit == 0 && is_name)
		return fail(s, "the name of a member must not hold \\u0000");
	if (unit >= 0xdc00 && unit <= 0xdfff)
		return fail(s, "a low surrogate without a high one before it");
	s->text_bytes += unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3;
	if (unit < 0xd800 || unit > 0xdbff)
		return true;
	s->text_bytes++; /* a pair of them has 4 */
	if (peek(s) != '\\' || s->at + 1 >= s->len || s->text[s->at + 1] != 'u')
		return fail(s, "a high surrogate without a low one behind it");
	s->at += 2;
	if (!scan_hex4(s, &low))
		return false;
	if (low < 0xdc00 || low > 0xdfff)
		return fail(s, "a high surrogate without a low one behind it");
	return true;
}

static bool scan_escape(struct scanner *s, bool is_name)
{
	int c;

	s->at++;
	c = peek(s);
	if (c <= 0 || strchr("\"\\/bfnrtu", c) == NULL)
		return fail(s, "no such escape in a string");
	s->at++;
	if (c == 'u')
		return scan_unicode(s, is_name);
	s->text_bytes++;
	return true;
}

static bool scan_string(struct scanner *s, bool is_name)
{
	size_t start = ++s->at;
	size_t code_points;
	bool ascii = true;
	int c;

	while ((c = peek(s)) != '"') {
		if (c < 0)
			return fail(s, "the string does not end");
		if (c < 0x20)
			return fail(s, "a control character in a string must be escaped");
		if (c == '\\') {
			if (!scan_escape(s, is_name))
				return false;
			continue;
		}
		ascii = ascii && c < 0x80;
		s->text_bytes++;
		s->at++;
	}
	if (!ascii && !text_utf8_valid(s->text + start, s->at - start, &code_points)) {
		s->at = start;
		return fail(s, "not UTF-8 in the string");
	}
	s->at++;
	return true;
}

static bool scan_member(struct scanner *s)
{
	size_t start = s->at;

	if (peek(s) != '"')
		return fail(s, "the name of a member in quotes is expected");
	if (!scan_string(s, true))
		return false;
	if (s->visit != NULL && !s->visit(s->arg, s->depth, s->text + start, s->at - start))
		return fail(s, NULL);
	s->members++;
	if (skip_space(s) != ':')
		return fail(s, "a colon is expected");
	s->at++;
	return scan_value(s);
}

/* What stands between the brackets of an object or array. */
static bool scan_items(struct scanner *s, char end)
{
	s->at++;
	if (skip_space(s) == end) {
		s->at++;
		return true;
	}
	for (;;) {
		int c;

		(void)skip_space(s);
		if (!(end == '}' ? scan_member(s) : scan_value(s)))
			return false;
		c = skip_space(s);
		if (c != end && c != ',')
			return fail(s, end == '}' ? "a comma or } is expected"
						  : "a comma or ] is expected");
		s->at++;
		if (c == end)
			return true;
	}
}

static bool scan_container(struct scanner *s, char end)
{
	bool ok;

	if (s->depth == s->max_depth)
		return fail(s, "nested too deep");
	s->depth++;
	if (end == '}' && s->visit != NULL && !s->visit(s->arg, s->depth, NULL, 0))
		return fail(s, NULL);
	ok = scan_items(s, end);
	s->depth--;
	return ok;
}

static bool scan_value(struct scanner *s)
{
	int c = skip_space(s);

	s->values += c != 'n';
	switch (c) {
	case '{':
		return scan_container(s, '}');
	case '[':
		return scan_container(s, ']');
	case '"':
		return scan_string(s, false);
	case 't':
		return scan_word(s, "true");
	case 'f':
		return scan_word(s, "false");
	case 'n':
		return scan_word(s, "null");
	default:
		if (c == '-' || is_digit(c))
			return scan_number(s);
		return fail(s, "a value is expected");
	}
}

static struct json_scan result(const struct scanner *s)
{
	return (struct json_scan){
		.members = s->members,
		.values = s->values,
		.text_bytes = s->text_bytes,
		.at = s->at,
		.why = s->why,
	};
}

bool json_scan(const char *text, size_t len, unsigned max_depth, json_scan_fn *visit, void *arg,
	       struct json_scan *ret_scan)
{
	struct scanner s = {
		.text = text,
		.len = len,
		.max_depth = max_depth,
		.visit = visit,
		.arg = arg,
	};
	bool ok = scan_value(&s);

	if (ok && skip_space(&s) >= 0)
		ok = fail(&s, "nothing may follow the document");
	*ret_scan = result(&s);
	return ok;
}

bool json_scan_value(const char *text, size_t len, unsigned max_depth, bool is_name,
		     struct json_scan *ret_scan)
{
	struct scanner s = { .text = text, .len = len, .max_depth = max_depth };
	const bool ok = is_name ? scan_string(&s, true) : scan_value(&s);

	*ret_scan = result(&s);
	return ok;
}
