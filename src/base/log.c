/*
 * A line grows in the caller's buffer.  A field is written as a whole or not at all; room
 * for TAIL is kept until log_end(), so the line's end always fits.
 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

#define TAIL " cut=1\n"
#define TAIL_BYTES (sizeof(TAIL) - 1)
#define ROOM (LOG_LINE_BYTES - TAIL_BYTES)

const char *log_level_name(enum log_level level)
{
	switch (level) {
	case LOG_DEBUG:
		return "debug";
	case LOG_INFO:
		return "info";
	case LOG_WARNING:
		return "warning";
	case LOG_ERROR:
		return "error";
	}
	return "unknown";
}

/* False when it does not fit. */
static bool put(struct log_line *line, const char *data, size_t len)
{
	if (len > ROOM - line->len)
		return false;
	memcpy(line->text + line->len, data, len);
	line->len += (unsigned)len;
	return true;
}

static bool put_text(struct log_line *line, const char *text)
{
	return put(line, text, strlen(text));
}

static bool plain(const char *value, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (value[i] <= ' ' || value[i] > '~' || value[i] == '"' || value[i] == '\\' ||
		    value[i] == '=')
			return false;
	return len > 0;
}

static bool put_escaped_byte(struct log_line *line, unsigned char byte)
{
	static const char digits[] = "0123456789abcdef";
	const char hex[4] = { '\\', 'x', digits[byte >> 4], digits[byte & 15] };

	switch (byte) {
	case '"':
		return put(line, "\\\"", 2);
	case '\\':
		return put(line, "\\\\", 2);
	case '\n':
		return put(line, "\\n", 2);
	case '\r':
		return put(line, "\\r", 2);
	case '\t':
		return put(line, "\\t", 2);
	default:
		return put(line, hex, sizeof(hex));
	}
}

/* Bytes at p that may be shown as they are: one printable character, else 0.  Of the
 * characters beyond ASCII, terminals obey U+0080 to U+009F and some readers end a line at
 * U+2028 and U+2029: they count as control characters. */
static size_t printable_len(const char *p, size_t left)
{
	unsigned char byte = (unsigned char)p[0];
	size_t len = byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
	size_t code_points;

	if (len == 1)
		return byte >= ' ' && byte <= '~' && byte != '"' && byte != '\\';
	if (len > left || !text_utf8_valid(p, len, &code_points) || code_points != 1)
		return 0;
	if (byte == 0xc2 && (unsigned char)p[1] < 0xa0)
		return 0;
	if (memcmp(p, "\xe2\x80\xa8", len) == 0 || memcmp(p, "\xe2\x80\xa9", len) == 0)
		return 0;
	return len;
}

static bool put_quoted(struct log_line *line, const char *value, size_t len)
{
	if (!put(line, "\"", 1))
		return false;
	for (size_t i = 0; i < len;) {
		size_t n = printable_len(value + i, len - i);

		if (n > 0 ? !put(line, value + i, n)
			  : !put_escaped_byte(line, (unsigned char)value[i]))
			return false;
		i += n > 0 ? n : 1;
	}
	return put(line, "\"", 1);
}

static void put_field(struct log_line *line, const char *key, const char *value, size_t len)
{
	unsigned start = line->len;

	if ((start == 0 || put(line, " ", 1)) && put_text(line, key) && put(line, "=", 1) &&
	    (plain(value, len) ? put(line, value, len) : put_quoted(line, value, len)))
		return;
	line->len = start;
	line->cut = true;
}

void log_begin(struct log_line *line, const struct log *log, enum log_level level,
	       const char *event)
{
	char now[CLOCK_RFC3339_BYTES];

	line->log = log;
	line->level = level;
	line->len = 0;
	line->cut = false;
	line->dropped = level < log->level;
	if (line->dropped)
		return;
	clock_rfc3339_us(clock_wall_us(), now);
	log_str(line, "time", now);
	log_str(line, "level", log_level_name(level));
	log_str(line, "event", event);
	log_str(line, "worker", log->role);
}

void log_str(struct log_line *line, const char *key, const char *value)
{
	char text[LOG_VALUE_BYTES + 1];
	size_t len;

	if (line->dropped)
		return;
	if (value == NULL)
		value = "";
	len = strnlen(value, LOG_VALUE_BYTES + 1);
	if (len > LOG_VALUE_BYTES) {
		text_copy_cut(text, sizeof(text), value);
		value = text;
		len = strlen(text);
		line->cut = true;
	}
	put_field(line, key, value, len);
}

void log_int(struct log_line *line, const char *key, int64_t value)
{
	char text[24];

	if (line->dropped)
		return;
	(void)snprintf(text, sizeof(text), "%lld", (long long)value);
	log_str(line, key, text);
}

void log_phone(struct log_line *line, const char *key, const char *phone)
{
	char text[LOG_VALUE_BYTES + 1];
	size_t from = phone != NULL && phone[0] == '+';
	size_t len;
	size_t head;
	size_t tail;

	if (line->dropped)
		return;
	text_copy_cut(text, sizeof(text), phone != NULL ? phone : "");
	len = strlen(text) - from;
	tail = len >= 7 ? 2 : 0;
	head = len < 7 ? 0 : len - 7 < 5 ? len - 7 : 5;
	memset(text + from + head, '*', len - head - tail);
	log_str(line, key, text);
}

/* A write may take a part only; the rest of the lines is not to be lost with it. */
static void write_text(const struct log *log, const char *text, size_t len)
{
	while (len > 0) {
		const ssize_t written = write(log->fd, text, len);

		if (written > 0) {
			text += written;
			len -= (size_t)written;
		} else if (written == 0 || errno != EINTR) {
			return;
		}
	}
}

void log_flush(const struct log *log)
{
	struct log_held *held = log->held;

	if (held == NULL || held->len == 0)
		return;
	write_text(log, held->text, held->len);
	held->len = 0;
}

/* A line longer than all that may wait leaves at once, behind those that did. */
static void hold(const struct log *log, const char *text, size_t len)
{
	struct log_held *held = log->held;

	if (len > sizeof(held->text) - held->len)
		log_flush(log);
	if (len > sizeof(held->text)) {
		write_text(log, text, len);
		return;
	}
	memcpy(held->text + held->len, text, len);
	held->len += (unsigned)len;
}

void log_end(struct log_line *line)
{
	const char *tail = line->cut ? TAIL : "\n";

	if (line->dropped)
		return;
	memcpy(line->text + line->len, tail, strlen(tail));
	line->len += (unsigned)strlen(tail);
	line->dropped = true; /* a second end writes nothing */
	if (line->log->held == NULL) {
		write_text(line->log, line->text, line->len);
		return;
	}
	hold(line->log, line->text, line->len);
	if (line->level >= LOG_WARNING)
		log_flush(line->log);
}

void log_text(const struct log *log, enum log_level level, const char *event, const char *format,
	      ...)
{
	char text[LOG_VALUE_BYTES + 2]; /* one byte over the bound, so that log_str() sees it */
	struct log_line line;
	va_list args;

	log_begin(&line, log, level, event);
	if (line.dropped)
		return;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_str(&line, "message", text);
	log_end(&line);
}

bool log_rate_allows(struct log_rate *rate, int64_t boot_ms, uint64_t *ret_suppressed)
{
	if (boot_ms < rate->next_boot_ms) {
		rate->suppressed++;
		return false;
	}
	*ret_suppressed = rate->suppressed;
	rate->suppressed = 0;
	rate->next_boot_ms = boot_ms + 1000;
	return true;
}
