#include "http/report.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "http/query.h"

enum { TENANT = 0, SINCE, UNTIL, LIMIT, FIELDS };

/* As message_sender.report_json() knows them. */
static const char *const names[] = { "daily", "failure", "latency", "cost" };

bool http_report_is(const char *name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static bool refuse(struct err *ret_err, const char *text)
{
	err_set(ret_err, ERR_INVALID, 0, "%s", text);
	return false;
}

static bool is_day(const char *text)
{
	char midnight[40];
	int64_t wall_us;

	(void)snprintf(midnight, sizeof(midnight), "%sT00:00:00Z", text);
	return strlen(text) == REPORT_DAY_BYTES - 1 && clock_rfc3339_parse(midnight, &wall_us);
}

bool http_report_read(const char *name, const char *query, const char *tenant_id,
		      struct report_filter *ret_filter, struct err *ret_err)
{
	struct report_filter filter = { .limit = REPORT_LIMIT_DEFAULT };
	uint64_t limit = REPORT_LIMIT_DEFAULT;
	char limit_text[8];
	struct query_field fields[FIELDS] = {
		[TENANT] = { "tenant_id", filter.tenant_id, sizeof(filter.tenant_id), false },
		[SINCE] = { "since", filter.since, sizeof(filter.since), false },
		[UNTIL] = { "until", filter.until, sizeof(filter.until), false },
		[LIMIT] = { "limit", limit_text, sizeof(limit_text), false },
	};

	if (!http_query_read(query, fields, FIELDS, ret_err))
		return false;
	if (!fields[TENANT].given && tenant_id)
		text_copy_cut(filter.tenant_id, sizeof(filter.tenant_id), tenant_id);
	else if (!fields[TENANT].given)
		return refuse(ret_err, "tenant_id: is missing; say whose report is wanted");
	if (!text_visible_ascii(filter.tenant_id, strlen(filter.tenant_id), MESSAGE_TOKEN_MAX))
		return refuse(ret_err, "tenant_id: has characters that are not visible ASCII");
	if (fields[SINCE].given && !is_day(filter.since))
		return refuse(ret_err, "since: is not a day; write it as 2026-11-23");
	if (fields[UNTIL].given && !is_day(filter.until))
		return refuse(ret_err, "until: is not a day; write it as 2026-11-23");
	if (fields[LIMIT].given && !text_to_u64(limit_text, 1, REPORT_LIMIT_MAX, &limit))
		return refuse(ret_err, "limit: is not a number from 1 to 10000");
	filter.limit = (unsigned)limit;
	text_copy_cut(filter.name, sizeof(filter.name), name);
	*ret_filter = filter;
	return true;
}
