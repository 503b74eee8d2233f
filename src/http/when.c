#include "http/when.h"

#include <string.h>

#include "base/clock.h"
#include "base/text.h"

#define SECOND_US INT64_C(1000000)
#define HOW_TO_WRITE "write it with its offset, as 2025-11-04T17:30:00+07:00"

static bool refuse(struct err *ret_err, const char *text)
{
	err_set(ret_err, ERR_INVALID, 0, "%s", text);
	return false;
}

/* 0 is a moment too. */
static bool read_time(const struct json_value *root, const char *name, bool *ret_given,
		      int64_t *ret_wall_us, struct err *ret_err)
{
	const char *text;
	size_t len;

	*ret_wall_us = 0;
	*ret_given = false;
	if (!json_member_text(root, name, &text, &len, ret_err))
		return false;
	*ret_given = text != NULL;
	if (text == NULL || clock_rfc3339_parse(text, ret_wall_us))
		return true;
	err_set(ret_err, ERR_INVALID, 0, "%s: is not a time; " HOW_TO_WRITE, name);
	return false;
}

static bool is_between(int64_t us, int64_t min_s, int64_t max_s)
{
	return us >= min_s * SECOND_US && us <= max_s * SECOND_US;
}

static bool read_send_at(const struct json_value *root, int64_t now_us, struct message *m,
			 struct err *ret_err)
{
	bool given;

	if (!read_time(root, "send_at", &given, &m->send_at_wall_us, ret_err))
		return false;
	if (!given || is_between(m->send_at_wall_us - now_us, WHEN_AHEAD_MIN_S, WHEN_AHEAD_MAX_S))
		return true;
	return refuse(ret_err,
		      "send_at: is not 1 second to 365 days ahead; write a time that is, or "
		      "leave it out to send now");
}

/* Both count from when the message is to be sent. */
static bool read_validity(const struct json_value *root, int64_t now_us, struct message *m,
			  struct err *ret_err)
{
	const struct json_value *ttl = json_member(root, "ttl_seconds");
	const int64_t from_us = m->send_at_wall_us != 0 ? m->send_at_wall_us : now_us;
	int64_t seconds = 0;
	bool given;

	if (!read_time(root, "expires_at", &given, &m->valid_until_wall_us, ret_err))
		return false;
	if (json_kind(ttl) == JSON_NULL) {
		if (!given ||
		    is_between(m->valid_until_wall_us - from_us, WHEN_TTL_MIN_S, WHEN_TTL_MAX_S))
			return true;
		return refuse(ret_err, "expires_at: is not 1 second to 30 days after send_at, or "
				       "after now; write a time that is");
	}
	if (given)
		return refuse(ret_err,
			      "ttl_seconds: is given beside expires_at; write one of them");
	if (!json_int(ttl, &seconds) || seconds < WHEN_TTL_MIN_S || seconds > WHEN_TTL_MAX_S)
		return refuse(ret_err,
			      "ttl_seconds: is no whole number from 1 to 2592000 (30 days)");
	m->valid_until_wall_us = from_us + seconds * SECOND_US;
	return true;
}

static bool check_hours_member(void *arg, const char *name, UNUSED const struct json_value *value)
{
	bool *known = arg;

	*known = strcmp(name, "from") == 0 || strcmp(name, "to") == 0 ||
		 strcmp(name, "time_zone") == 0;
	return *known;
}

static bool read_minute(const struct json_value *hours, const char *name, unsigned *ret_min,
			struct err *ret_err)
{
	const char *text = json_text(json_member(hours, name), NULL);

	if (text != NULL && window_minute_parse(text, ret_min))
		return true;
	err_set(ret_err, ERR_INVALID, 0,
		"deliver_between.%s: is no time of the day; write hours and minutes, 00:00 to "
		"23:59",
		name);
	return false;
}

/* False in *ret_given: there are none. */
static bool read_hours(const struct json_value *root, struct zones *zones, bool *ret_given,
		       struct window *ret_window, struct err *ret_err)
{
	const struct json_value *hours = json_member(root, "deliver_between");
	struct window w = { .from_min = 0 };
	const char *zone;
	bool known = true;

	*ret_given = json_kind(hours) != JSON_NULL;
	if (!*ret_given)
		return true;
	if (json_kind(hours) == JSON_OBJECT)
		json_members(hours, check_hours_member, &known);
	if (json_kind(hours) != JSON_OBJECT || !known)
		return refuse(ret_err, "deliver_between: is not as it should be; write "
				       "{\"from\":\"08:00\",\"to\":\"20:00\",\"time_zone\":"
				       "\"Asia/Jakarta\"}");
	if (!read_minute(hours, "from", &w.from_min, ret_err) ||
	    !read_minute(hours, "to", &w.to_min, ret_err))
		return false;
	if (w.from_min == w.to_min)
		return refuse(ret_err,
			      "deliver_between.to: is the same as from; write another time");
	zone = json_text(json_member(hours, "time_zone"), NULL);
	if (zone == NULL || !window_zone_fits(zone) || !zones_has(zones, zone))
		return refuse(ret_err,
			      "deliver_between.time_zone: is no time zone that is known; "
			      "write a name of the IANA database, as Asia/Jakarta, or UTC");
	text_copy_cut(w.zone, sizeof(w.zone), zone);
	*ret_window = w;
	return true;
}

struct place {
	struct zones *zones;
	const char *zone;
};

static int64_t offset_there(void *arg, int64_t at_s)
{
	const struct place *place = arg;

	return zones_offset_s(place->zones, place->zone, at_s);
}

bool http_when_read(const struct json_value *root, int64_t now_wall_us, struct zones *zones,
		    struct message *m, char window[WINDOW_TEXT_BYTES], struct err *ret_err)
{
	struct window w;
	struct place place = { .zones = zones, .zone = w.zone };
	int64_t from_us;
	int64_t due_us;
	bool hours;

	if (!read_send_at(root, now_wall_us, m, ret_err) ||
	    !read_hours(root, zones, &hours, &w, ret_err) ||
	    !read_validity(root, now_wall_us, m, ret_err))
		return false;
	m->due_wall_us = m->send_at_wall_us;
	if (!hours)
		return true;
	from_us = m->send_at_wall_us != 0 ? m->send_at_wall_us : now_wall_us;
	due_us = window_next(&w, from_us, offset_there, &place);
	if (m->valid_until_wall_us != 0 && due_us >= m->valid_until_wall_us)
		return refuse(ret_err,
			      "deliver_between: begins after the validity of the message has "
			      "ended; write a later expires_at, more ttl_seconds, or other "
			      "hours");
	if (due_us > now_wall_us)
		m->due_wall_us = due_us;
	window_write(&w, window);
	m->deliver_between = window;
	return true;
}
