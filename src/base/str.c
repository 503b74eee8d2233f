#include "base/str.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SPACE 64

const char str_empty[1] = "";

void str_init(struct str *s, size_t max)
{
	*s = STR_INIT(max);
}

void str_fini(struct str *s)
{
	if (s->space > 0)
		free(s->data);
	*s = STR_INIT(s->max);
}

void str_reset(struct str *s)
{
	if (s->space > 0)
		s->data[0] = '\0';
	s->len = 0;
	s->failed = false;
}

static bool fail(struct str *s)
{
	str_fini(s);
	s->failed = true;
	return false;
}

/* Makes room for len more bytes and the ending 0; fails the string when it cannot. */
static bool reserve(struct str *s, size_t len)
{
	size_t need;
	size_t space;
	char *data;

	if (s->failed)
		return false;
	/* No object is larger than PTRDIFF_MAX (C11 6.5.6): no use asking for one. */
	if (len > s->max - s->len || len >= PTRDIFF_MAX - s->len)
		return fail(s);
	need = s->len + len + 1;
	if (need <= s->space)
		return true;
	space = s->space == 0 ? FIRST_SPACE : s->space;
	while (space < need)
		space = space > PTRDIFF_MAX / 2 ? need : space * 2;
	if (space - 1 > s->max)
		space = s->max + 1;
	data = realloc(s->space > 0 ? s->data : NULL, space);
	if (data == NULL)
		return fail(s);
	s->data = data;
	s->space = space;
	return true;
}

bool str_append(struct str *s, const char *data, size_t len)
{
	if (len == 0)
		return !s->failed;
	if (!reserve(s, len))
		return false;
	memcpy(s->data + s->len, data, len);
	s->len += len;
	s->data[s->len] = '\0';
	return true;
}

bool str_append_text(struct str *s, const char *text)
{
	return str_append(s, text, strlen(text));
}

bool str_append_char(struct str *s, char c)
{
	return str_append(s, &c, 1);
}

bool str_append_format(struct str *s, const char *format, ...)
{
	va_list args;
	size_t space = s->space > 0 ? s->space - s->len : 0;
	int len;

	if (s->failed)
		return false;
	va_start(args, format);
	len = vsnprintf(space > 0 ? s->data + s->len : NULL, space, format, args);
	va_end(args);
	if (len < 0)
		return fail(s);
	if ((size_t)len >= space) {
		if (!reserve(s, (size_t)len))
			return false;
		va_start(args, format);
		(void)vsnprintf(s->data + s->len, (size_t)len + 1, format, args);
		va_end(args);
	}
	s->len += (size_t)len;
	return true;
}

/* RFC 3986, 2.3.  Not isalnum(): that depends on the locale. */
static bool unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

bool str_append_url_segment(struct str *s, const char *text)
{
	static const char digits[] = "0123456789ABCDEF";
	/* "." and ".." would lead to another resource (RFC 3986, section 5.2.4). */
	const bool dots = strcmp(text, ".") == 0 || strcmp(text, "..") == 0;

	for (; *text != '\0'; text++) {
		unsigned char byte = (unsigned char)*text;
		char encoded[3] = { '%', digits[byte >> 4], digits[byte & 15] };

		if (unreserved(*text) && !dots)
			str_append_char(s, *text);
		else
			str_append(s, encoded, sizeof(encoded));
	}
	return str_ok(s);
}

char *str_detach(struct str *s)
{
	char *data;

	if (s->failed)
		return NULL;
	data = s->space > 0 ? s->data : calloc(1, 1);
	*s = STR_INIT(s->max);
	return data;
}
