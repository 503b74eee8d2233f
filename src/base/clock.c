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
