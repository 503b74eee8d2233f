#include "base/clock.h"

#include <stdio.h>
#include <time.h>

#define US_PER_SECOND 1000000
#define SECONDS_PER_DAY 86400

int64_t clock_boot_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_BOOTTIME, &t); /* cannot fail for a known clock */
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_wall_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * US_PER_SECOND + t.tv_nsec / 1000;
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/*
 * Writes "YYYY-MM-DDTHH:MM:SS" and returns its length.  Own arithmetic, because gmtime_r()
 * takes the lock of the time zone on every call.  Days to a date after H. Hinnant,
 * "chrono-compatible low-level date algorithms": eras of 400 years that begin on 1 March.
 */
static int put_seconds(int64_t wall_us, char *text, size_t size)
{
	int64_t seconds = floor_div(wall_us, US_PER_SECOND);
	int64_t days = floor_div(seconds, SECONDS_PER_DAY);
	int of_day = (int)(seconds - days * SECONDS_PER_DAY);
	int64_t from_era_0 = days + 719468; /* 0000-03-01 to 1970-01-01 */
	int64_t era = floor_div(from_era_0, 146097);
	int day_of_era = (int)(from_era_0 - era * 146097);
	int year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int month_from_march = (5 * day_of_year + 2) / 153;
	int day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
	int month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
	int64_t year = year_of_era + era * 400 + (month <= 2);

	return snprintf(text, size, "%04lld-%02d-%02dT%02d:%02d:%02d", (long long)year, month, day,
			of_day / 3600, of_day / 60 % 60, of_day % 60);
}

void clock_rfc3339(int64_t wall_us, char *text)
{
	int len = put_seconds(wall_us, text, CLOCK_RFC3339_BYTES);

	(void)snprintf(text + len, CLOCK_RFC3339_BYTES - (size_t)len, "Z");
}

void clock_rfc3339_us(int64_t wall_us, char *text)
{
	int len = put_seconds(wall_us, text, CLOCK_RFC3339_BYTES);
	int us = (int)(wall_us % US_PER_SECOND);

	(void)snprintf(text + len, CLOCK_RFC3339_BYTES - (size_t)len, ".%06dZ",
		       us < 0 ? us + US_PER_SECOND : us);
}

/* Exactly `digits` digits, from min to max. */
static bool take_number(const char **at, int digits, int min, int max, int *ret)
{
	int value = 0;

	for (int i = 0; i < digits; i++) {
		if ((*at)[i] < '0' || (*at)[i] > '9')
			return false;
		value = value * 10 + ((*at)[i] - '0');
	}
	*at += digits;
	*ret = value;
	return value >= min && value <= max;
}

static bool take_char(const char **at, char upper)
{
	if (**at != upper && !(upper >= 'A' && **at == upper + ('a' - 'A')))
		return false;
	++*at;
	return true;
}

static int64_t days_of(int year, int month, int day)
{
	int64_t of_year = year - (month <= 2);
	int64_t era = floor_div(of_year, 400);
	int64_t year_of_era = of_year - era * 400;
	int day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
	       day_of_year - 719468;
}

static bool take_day(const char **at, int64_t *ret_days)
{
	static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int year;
	int month;
	int day;
	bool leap;

	if (!take_number(at, 4, 1970, 9999, &year) || !take_char(at, '-') ||
	    !take_number(at, 2, 1, 12, &month) || !take_char(at, '-') ||
	    !take_number(at, 2, 1, 31, &day))
		return false;
	leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	*ret_days = days_of(year, month, day);
	return day <= lengths[month - 1] + (month == 2 && leap);
}

/* ".123456": microseconds; nothing there: 0. */
static bool take_fraction(const char **at, int64_t *ret_us)
{
	int64_t us = 0;
	int digits = 0;

	if (**at == '.') {
		for (++*at; **at >= '0' && **at <= '9' && digits < 9; ++*at, digits++)
			if (digits < 6)
				us = us * 10 + (**at - '0');
		if (digits == 0)
			return false;
		for (; digits < 6; digits++)
			us *= 10;
	}
	*ret_us = us;
	return true;
}

static bool take_offset(const char **at, int *ret_minutes)
{
	const int sign = **at == '-' ? -1 : 1;
	int hours;
	int minutes;

	*ret_minutes = 0;
	if (take_char(at, 'Z'))
		return true;
	if (**at != '+' && **at != '-')
		return false;
	++*at;
	if (!take_number(at, 2, 0, 23, &hours) || !take_char(at, ':') ||
	    !take_number(at, 2, 0, 59, &minutes))
		return false;
	*ret_minutes = sign * (hours * 60 + minutes);
	return true;
}

bool clock_rfc3339_parse(const char *text, int64_t *ret_wall_us)
{
	int64_t days;
	int64_t us;
	int hour;
	int minute;
	int second;
	int offset;

	if (!take_day(&text, &days) || !take_char(&text, 'T') ||
	    !take_number(&text, 2, 0, 23, &hour) || !take_char(&text, ':') ||
	    !take_number(&text, 2, 0, 59, &minute) || !take_char(&text, ':') ||
	    !take_number(&text, 2, 0, 59, &second) || !take_fraction(&text, &us) ||
	    !take_offset(&text, &offset) || *text != '\0')
		return false;
	*ret_wall_us = (days * SECONDS_PER_DAY + hour * 3600 + (minute - offset) * 60 + second) *
			       US_PER_SECOND +
		       us;
	return true;
}
