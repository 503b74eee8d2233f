#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* One line whatever a library put into it (libpq ends its messages with a newline). */
static void one_line(char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			text[i] = ' ';
	while (len > 0 && text[len - 1] == ' ')
		text[--len] = '\0';
}

/* Everything is built aside first: the arguments may point into err->text. */
static void set_text(struct err *err, const char *text)
{
	text_copy_cut(err->text, sizeof(err->text), text);
	one_line(err->text);
}

void err_set(struct err *err, enum err_class class, int code, const char *format, ...)
{
	char text[ERR_TEXT_BYTES + 4]; /* 4 more, so that the cut sees a whole UTF-8 sequence */
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	err->class = class;
	err->code = code;
	set_text(err, text);
}

void err_prefix(struct err *err, const char *format, ...)
{
	char text[2 * ERR_TEXT_BYTES + 2];
	va_list args;
	size_t len;

	va_start(args, format);
	(void)vsnprintf(text, ERR_TEXT_BYTES, format, args);
	va_end(args);
	len = strlen(text);
	(void)snprintf(text + len, sizeof(text) - len, ": %s", err->text);
	set_text(err, text);
}

const char *err_class_name(enum err_class class)
{
	switch (class) {
	case ERR_NONE:
		return "none";
	case ERR_INVALID:
		return "invalid";
	case ERR_TEMPORARY:
		return "temporary";
	case ERR_PERMANENT:
		return "permanent";
	case ERR_LIMIT:
		return "limit";
	case ERR_UNCERTAIN:
		return "uncertain";
	case ERR_INTERNAL:
		return "internal";
	}
	return "unknown";
}
