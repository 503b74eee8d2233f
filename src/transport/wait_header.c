#include "transport/wait_header.h"

#include <string.h>

#define REGAIN "\"estimated_time_to_regain_access\""

static const char *skip_blanks(const char *p)
{
	return p + strspn(p, " \t");
}

/* Digits at p, as much as a day of them; what follows is left to the caller. */
static const char *read_number(const char *p, int64_t *ret)
{
	int64_t value = 0;

	for (; *p >= '0' && *p <= '9'; p++)
		if (value <= WAIT_HEADER_MAX_MS)
			value = value * 10 + (*p - '0');
	*ret = value;
	return p;
}

static int64_t bounded(int64_t value, int64_t unit_ms)
{
	return value > WAIT_HEADER_MAX_MS / unit_ms ? WAIT_HEADER_MAX_MS : value * unit_ms;
}

static int64_t read_usage(const char *usage)
{
	int64_t longest = 0;

	while ((usage = strstr(usage, REGAIN)) != NULL) {
		int64_t minutes;

		usage = skip_blanks(usage + strlen(REGAIN));
		if (*usage != ':')
			continue;
		usage = read_number(skip_blanks(usage + 1), &minutes);
		if (minutes > longest)
			longest = minutes;
	}
	return bounded(longest, 60000);
}

int64_t wait_header_read(const char *retry_after, const char *business_usage)
{
	int64_t seconds;

	if (retry_after != NULL) {
		const char *begin = skip_blanks(retry_after);
		const char *end = read_number(begin, &seconds);

		if (end != begin && *skip_blanks(end) == 0)
			return bounded(seconds, 1000);
	}
	return business_usage != NULL ? read_usage(business_usage) : 0;
}
