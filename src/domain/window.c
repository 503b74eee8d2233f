#include "domain/window.h"

#include <string.h>

#define DAY_S 86400
#define SECOND_US 1000000
#define CHANGES_MAX 16 /* of the offset, before a moment inside; a day has one */

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

bool window_minute_parse(const char *text, unsigned *ret_min)
{
	unsigned hour;
	unsigned minute;

	if (strlen(text) != 5 || !digit(text[0]) || !digit(text[1]) || text[2] != ':' ||
	    !digit(text[3]) || !digit(text[4]))
		return false;
	hour = (unsigned)(text[0] - '0') * 10 + (unsigned)(text[1] - '0');
	minute = (unsigned)(text[3] - '0') * 10 + (unsigned)(text[4] - '0');
	if (hour > 23 || minute > 59)
		return false;
	*ret_min = hour * 60 + minute;
	return true;
}

/* Copies of the database with leap seconds, or without, are no areas. */
bool window_zone_fits(const char *name)
{
	static const char known[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789_+-/";
	const size_t len = strlen(name);

	if (strcmp(name, "UTC") == 0)
		return true;
	return len < WINDOW_ZONE_BYTES && strspn(name, known) == len && name[0] >= 'A' &&
	       name[0] <= 'Z' && strchr(name, '/') != NULL && strstr(name, "//") == NULL &&
	       name[len - 1] != '/';
}

static char *put_text(char *at, const char *text)
{
	const size_t len = strlen(text);

	return (char *)memcpy(at, text, len + 1) + len;
}

static char *put_minute(char *at, unsigned minute)
{
	const char text[] = { (char)('0' + minute / 600),     (char)('0' + minute / 60 % 10), ':',
			      (char)('0' + minute % 60 / 10), (char)('0' + minute % 10),      0 };

	return put_text(at, text);
}

#define FROM "{\"from\":\""
#define TO "\",\"to\":\""
#define ZONE "\",\"time_zone\":\""
#define END "\"}"

void window_write(const struct window *w, char text[WINDOW_TEXT_BYTES])
{
	text = put_minute(put_text(text, FROM), w->from_min);
	text = put_minute(put_text(text, TO), w->to_min);
	text = put_text(put_text(text, ZONE), w->zone);
	(void)put_text(text, END);
}

/* Behind `part`; null: something else is there. */
static const char *skip(const char *at, const char *part)
{
	const size_t len = strlen(part);

	return at && strncmp(at, part, len) == 0 ? at + len : NULL;
}

static const char *skip_minute(const char *at, unsigned *ret_min)
{
	char text[6] = "";

	if (at)
		memcpy(text, at, strnlen(at, 5));
	return window_minute_parse(text, ret_min) ? at + 5 : NULL;
}

bool window_read(const char *text, struct window *ret_window)
{
	struct window w = { .from_min = 0 };
	const char *at = skip(skip_minute(skip(text, FROM), &w.from_min), TO);
	size_t len;

	at = skip(skip_minute(at, &w.to_min), ZONE);
	len = at ? strcspn(at, "\"") : 0;
	if (!at || len >= sizeof(w.zone) || strcmp(at + len, END) != 0)
		return false;
	memcpy(w.zone, at, len);
	if (w.from_min == w.to_min || !window_zone_fits(w.zone))
		return false;
	*ret_window = w;
	return true;
}

static int64_t second_of_day(int64_t local_s)
{
	return (local_s % DAY_S + DAY_S) % DAY_S;
}

static bool is_inside(const struct window *w, int64_t local_s)
{
	const int64_t minute = second_of_day(local_s) / 60;

	if (w->from_min < w->to_min)
		return minute >= w->from_min && minute < w->to_min;
	return minute >= w->from_min || minute < w->to_min;
}

/* The first moment after at_s, up to until_s, from which on the offset is another. */
static int64_t change_after(int64_t at_s, int64_t until_s, window_offset_fn *offset, void *arg)
{
	const int64_t before = offset(arg, at_s);

	while (until_s - at_s > 1) {
		const int64_t middle = at_s + (until_s - at_s) / 2;

		if (offset(arg, middle) == before)
			at_s = middle;
		else
			until_s = middle;
	}
	return until_s;
}

int64_t window_next(const struct window *w, int64_t at_us, window_offset_fn *offset, void *arg)
{
	int64_t at_s = at_us / SECOND_US;

	if (is_inside(w, at_s + offset(arg, at_s)))
		return at_us;
	for (int i = 0; i < CHANGES_MAX; i++) {
		const int64_t ahead_s = offset(arg, at_s);
		const int64_t wait_s = second_of_day((int64_t)w->from_min * 60 - at_s - ahead_s);
		const int64_t next_s = at_s + wait_s;

		if (offset(arg, next_s) == ahead_s)
			return next_s * SECOND_US;
		/* Clocks are changed before that. */
		at_s = change_after(at_s, next_s, offset, arg);
		if (is_inside(w, at_s + offset(arg, at_s)))
			return at_s * SECOND_US;
	}
	return at_s * SECOND_US;
}
