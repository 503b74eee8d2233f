#include "config/value.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

#define HOST_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"
#define IPV6_CHARACTERS "0123456789abcdefABCDEF:.%"

static unsigned *number_field(const struct settings_row *row, struct settings *settings)
{
	return (unsigned *)(void *)((char *)settings + row->offset);
}

static char *text_field(const struct settings_row *row, struct settings *settings)
{
	return (char *)settings + row->offset;
}

static bool has_control(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return true;
	return false;
}

static const char *check_text(const char *text)
{
	size_t points;

	if (has_control(text))
		return "holds a control character";
	return text_utf8_valid(text, strlen(text), &points) ? NULL : "is not UTF-8";
}

/* Behind "http://": host or [IPv6 address], perhaps a port. Returns what is left, or null. */
static const char *skip_host(const char *at)
{
	uint64_t port;
	char digits[8];
	size_t len;

	if (*at == '[') {
		len = strspn(at + 1, IPV6_CHARACTERS);
		if (len == 0 || at[1 + len] != ']')
			return NULL;
		at += len + 2;
	} else {
		len = strspn(at, HOST_CHARACTERS);
		if (len == 0)
			return NULL;
		at += len;
	}
	if (*at != ':')
		return at;
	at++;
	len = strspn(at, "0123456789");
	if (len >= sizeof(digits))
		return NULL;
	memcpy(digits, at, len);
	digits[len] = '\0';
	return text_to_u64(digits, 1, 65535, &port) ? at + len : NULL;
}

static const char *check_url(const char *text)
{
	const char *at;

	if (strncmp(text, "http://", 7) == 0)
		at = text + 7;
	else if (strncmp(text, "https://", 8) == 0)
		at = text + 8;
	else
		return "does not begin with http:// or https://";
	if (!text_visible_ascii(text, strlen(text), SETTINGS_URL_BYTES - 1))
		return "is too long or holds spaces or other than ASCII";
	if (strchr(at, '@'))
		return "holds a user name or password, which it must not";
	at = skip_host(at);
	if (!at)
		return "has no valid host and port";
	if (*at != '\0' && *at != '/')
		return "has something other than a path behind the host";
	if (strpbrk(at, "?#\"\\"))
		return "has more than a path behind the host";
	return NULL;
}

/* Meta's versions: v18.0, v25.0. */
static const char *check_version(const char *text)
{
	const size_t digits = text[0] == 'v' ? strspn(text + 1, "0123456789") : 0;

	if (digits == 0 || digits > 3 || text[1] == '0' || strcmp(text + 1 + digits, ".0") != 0)
		return "is not a version of the Graph API";
	return NULL;
}

static const char *check_words(const char *text)
{
	unsigned words = 0;

	for (; words < SETTINGS_WORDS_MAX; words++) {
		const size_t len = strcspn(text, ",");

		if (!text_visible_ascii(text, len, SETTINGS_WORDS_BYTES - 1))
			return "holds an empty word, a space, or other than ASCII";
		text += len;
		if (*text == '\0')
			return NULL;
		text++;
	}
	return "holds more words than that";
}

static const char *check_file(const char *text)
{
	return access(text, R_OK) == 0 ? NULL : "cannot be read";
}

static bool read_text(const struct settings_row *row, const char *text, struct settings *settings,
		      const char **ret_wrong)
{
	char *field = text_field(row, settings);
	const char *wrong = NULL;

	if (*text == '\0' && row->example && !row->optional)
		wrong = "is empty";
	else if (*text != '\0')
		wrong = check_text(text);
	if (!wrong && *text != '\0') {
		if (row->kind == ROW_URL)
			wrong = check_url(text);
		else if (row->kind == ROW_VERSION)
			wrong = check_version(text);
		else if (row->kind == ROW_WORDS)
			wrong = check_words(text);
		else if (row->kind == ROW_FILE)
			wrong = check_file(text);
	}
	if (!wrong && !text_copy(field, row->size, text))
		wrong = "is too long";
	if (wrong) {
		*ret_wrong = wrong;
		return false;
	}
	if (row->kind == ROW_URL)
		for (size_t len = strlen(field); len > 0 && field[len - 1] == '/'; len--)
			field[len - 1] = '\0';
	return true;
}

static bool read_octal(const struct settings_row *row, const char *text, unsigned *ret)
{
	unsigned value = 0;
	const size_t len = strlen(text);

	if (len == 0 || len > 5 || strspn(text, "01234567") != len)
		return false;
	for (; *text; text++)
		value = value * 8 + (unsigned)(*text - '0');
	if (value < row->min || value > row->max)
		return false;
	*ret = value;
	return true;
}

bool value_choice(const struct settings_row *row, unsigned index, char *word, size_t size)
{
	const char *at = row->choices;

	for (; index > 0; index--) {
		at = strchr(at, '|');
		if (!at)
			return false;
		at++;
	}
	(void)snprintf(word, size, "%.*s", (int)strcspn(at, "|"), at);
	return true;
}

static bool read_choice(const struct settings_row *row, const char *text, unsigned *ret)
{
	char word[32];

	for (unsigned i = 0; value_choice(row, i, word, sizeof(word)); i++) {
		if (strcmp(word, text) == 0) {
			*ret = i;
			return true;
		}
	}
	return false;
}

static bool read_number(const struct settings_row *row, const char *text, unsigned *ret)
{
	uint64_t value;

	if (row->kind == ROW_OCTAL)
		return read_octal(row, text, ret);
	if (row->kind == ROW_CHOICE)
		return read_choice(row, text, ret);
	if (!text_to_u64(text, row->min, row->max, &value))
		return false;
	*ret = (unsigned)value;
	return true;
}

static bool is_text(const struct settings_row *row)
{
	return row->size > 0;
}

bool value_read(const struct settings_row *row, const char *text, struct settings *settings,
		const char **ret_wrong)
{
	if (is_text(row))
		return read_text(row, text, settings, ret_wrong);
	if (read_number(row, text, number_field(row, settings)))
		return true;
	*ret_wrong = *text == '\0' ? "is empty" : "is not one of its values";
	return false;
}

static void url_rule(const struct settings_row *row, char *rule)
{
	(void)snprintf(rule, VALUE_RULE_BYTES, "an http:// or https:// URL, such as %s",
		       row->example);
}

static void text_rule(const struct settings_row *row, char *rule)
{
	(void)snprintf(rule, VALUE_RULE_BYTES, "a text of %s to %zu bytes%s%s",
		       row->example ? "1" : "0", row->size - 1, row->example ? ", such as " : "",
		       row->example ? row->example : "");
}

static void choice_rule(const struct settings_row *row, char *rule)
{
	char word[32];
	size_t len = 0;

	rule[0] = '\0';
	for (unsigned i = 0; value_choice(row, i, word, sizeof(word)); i++)
		len += (size_t)snprintf(rule + len, VALUE_RULE_BYTES - len, "%s%s",
					i > 0 ? " or " : "", word);
}

void value_rule(const struct settings_row *row, char *rule)
{
	switch (row->kind) {
	case ROW_TEXT:
		text_rule(row, rule);
		break;
	case ROW_PATH:
		(void)snprintf(rule, VALUE_RULE_BYTES, "a file name of at most %zu bytes",
			       row->size - 1);
		break;
	case ROW_FILE:
		(void)snprintf(rule, VALUE_RULE_BYTES, "the name of a file that can be read");
		break;
	case ROW_URL:
		url_rule(row, rule);
		break;
	case ROW_WORDS:
		(void)snprintf(rule, VALUE_RULE_BYTES,
			       "up to %d words without spaces, separated by commas, at most %zu "
			       "bytes in all",
			       SETTINGS_WORDS_MAX, row->size - 1);
		break;
	case ROW_VERSION:
		(void)snprintf(rule, VALUE_RULE_BYTES, "v, a number and .0, such as %s",
			       row->example);
		break;
	case ROW_INTEGER:
		(void)snprintf(rule, VALUE_RULE_BYTES, "a whole number from %u to %u%s%s", row->min,
			       row->max, *row->unit ? ", " : "", row->unit);
		break;
	case ROW_OCTAL:
		(void)snprintf(rule, VALUE_RULE_BYTES, "an octal number from %04o to %04o",
			       row->min, row->max);
		break;
	case ROW_CHOICE:
		choice_rule(row, rule);
		break;
	}
}

void value_write(const struct settings_row *row, const struct settings *settings, char *text,
		 size_t size)
{
	const char *field = (const char *)settings + row->offset;
	unsigned number;

	if (is_text(row)) {
		(void)snprintf(text, size, "%s", field);
		return;
	}
	memcpy(&number, field, sizeof(number));
	if (row->kind == ROW_CHOICE)
		(void)value_choice(row, number, text, size);
	else
		(void)snprintf(text, size, row->kind == ROW_OCTAL ? "%04o" : "%u", number);
}
