#include "http/list.h"

#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "http/query.h"

enum { TENANT = 0, STATUS, SINCE, LIMIT, CURSOR, FIELDS };

static bool refuse(struct err *ret_err, const char *text)
{
	err_set(ret_err, ERR_INVALID, 0, "%s", text);
	return false;
}

static bool is_status(const char *text)
{
	static const char *const known[] = { "queued", "sent",      "delivered", "read",
					     "failed", "scheduled", "cancelled", "expired" };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(text, known[i]) == 0)
			return true;
	return false;
}

static bool check(const struct query_field *fields, const char *tenant_id,
		  struct message_filter *filter, struct err *ret_err)
{
	uint64_t limit = FILTER_LIMIT_DEFAULT;

	if (!fields[TENANT].given && !tenant_id)
		return refuse(ret_err, "tenant_id: is missing; say whose messages are wanted");
	if (!fields[TENANT].given)
		text_copy_cut(filter->tenant_id, sizeof(filter->tenant_id), tenant_id);
	if (!text_visible_ascii(filter->tenant_id, strlen(filter->tenant_id), MESSAGE_TOKEN_MAX))
		return refuse(ret_err, "tenant_id: has characters that are not visible ASCII");
	if (fields[STATUS].given && !is_status(filter->status))
		return refuse(ret_err, "status: is none; write one of: queued, sent, delivered, "
				       "read, failed, scheduled, cancelled, expired");
	filter->has_since = fields[SINCE].given;
	if (filter->has_since && !clock_rfc3339_parse(fields[SINCE].value, &filter->since_wall_us))
		return refuse(ret_err, "since: is not a time; write it as 2025-11-04T10:30:00Z");
	if (fields[LIMIT].given && !text_to_u64(fields[LIMIT].value, 1, FILTER_LIMIT_MAX, &limit))
		return refuse(ret_err, "limit: is not a number from 1 to 200");
	filter->limit = (unsigned)limit;
	filter->has_before = fields[CURSOR].given;
	if (filter->has_before && !message_id_parse(fields[CURSOR].value, &filter->before))
		return refuse(ret_err, "cursor: is none of ours; write next_cursor of the page "
				       "before");
	return true;
}

bool http_list_read(const char *query, const char *tenant_id, struct message_filter *ret_filter,
		    struct err *ret_err)
{
	struct message_filter filter = { .limit = FILTER_LIMIT_DEFAULT };
	char since[40];
	char limit[8];
	char cursor[MESSAGE_ID_TEXT_BYTES];
	struct query_field fields[FIELDS] = {
		[TENANT] = { "tenant_id", filter.tenant_id, sizeof(filter.tenant_id), false },
		[STATUS] = { "status", filter.status, sizeof(filter.status), false },
		[SINCE] = { "since", since, sizeof(since), false },
		[LIMIT] = { "limit", limit, sizeof(limit), false },
		[CURSOR] = { "cursor", cursor, sizeof(cursor), false },
	};

	if (!http_query_read(query, fields, FIELDS, ret_err) ||
	    !check(fields, tenant_id, &filter, ret_err))
		return false;
	*ret_filter = filter;
	return true;
}
