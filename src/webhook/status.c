#include "webhook/status.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define US_PER_S INT64_C(1000000)
#define TIME_MAX_S INT64_C(9999999999)

enum member {
	MEMBER_ID = 0,
	MEMBER_STATUS,
	MEMBER_TIMESTAMP,
	MEMBER_RECIPIENT,
	MEMBER_USER,
	MEMBER_CALLBACK,
	MEMBER_PRICING,
	MEMBER_ERRORS,
	MEMBER_USED,
	/* The others are known, and in the body that is kept. */
};

static const char *const members[] = {
	[MEMBER_ID] = "id",
	[MEMBER_STATUS] = "status",
	[MEMBER_TIMESTAMP] = "timestamp",
	[MEMBER_RECIPIENT] = "recipient_id",
	[MEMBER_USER] = "recipient_user_id",
	[MEMBER_CALLBACK] = "biz_opaque_callback_data",
	[MEMBER_PRICING] = "pricing",
	[MEMBER_ERRORS] = "errors",
	"conversation",
	"type",
	"message",
	"recipient_type",
	"recipient_participant_id",
	"recipient_participant_user_id",
	"recipient_parent_user_id",
	"recipient_identity_key_hash",
	"recipient_logical_id",
	"internal_1p_only_data",
};

struct found {
	const struct json_value *values[MEMBER_USED];
	unsigned strange;
};

static bool see_member(void *arg, const char *name, const struct json_value *v)
{
	struct found *found = arg;

	for (unsigned i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		if (strcmp(name, members[i]) == 0) {
			if (i < MEMBER_USED)
				found->values[i] = v;
			return true;
		}
	}
	found->strange++;
	return true;
}

int64_t webhook_time_us(const struct json_value *v)
{
	const char *text = json_text(v, NULL);
	int64_t seconds = 0;

	if (text ? !text_to_i64(text, 0, TIME_MAX_S, &seconds)
		 : !json_int(v, &seconds) || seconds < 0 || seconds > TIME_MAX_S)
		return 0;
	return seconds * US_PER_S;
}

static const char *text_of(const struct json_value *v)
{
	const char *text = json_text(v, NULL);

	return text ? text : "";
}

/* What identifies something, be it written as a number. */
static const char *name_of(const struct json_value *v, struct webhook_status *status)
{
	int64_t number;
	char *text;

	if (!json_int(v, &number) || status->text_count == 4)
		return text_of(v);
	text = status->texts[status->text_count++];
	(void)snprintf(text, sizeof(status->texts[0]), "%lld", (long long)number);
	return text;
}

static void read_pricing(const struct json_value *v, struct receipt *r)
{
	bool billable;

	r->category = text_of(json_member(v, "category"));
	r->pricing_model = text_of(json_member(v, "pricing_model"));
	r->billable = json_bool(json_member(v, "billable"), &billable) ? billable : -1;
}

/* One element has been seen only, though it is an array. */
static void read_errors(const struct json_value *v, struct receipt *r)
{
	const struct json_value *error = json_array_at(v, 0);
	const char *message = text_of(json_member(error, "message"));
	int64_t code;

	if (json_int(json_member(error, "code"), &code) && code > 0 && code <= INT_MAX)
		r->code = (int)code;
	r->title = text_of(json_member(error, "title"));
	r->details = text_of(json_member(json_member(error, "error_data"), "details"));
	if (!*r->details && strcmp(message, r->title) != 0)
		r->details = message;
}

bool webhook_status_read(const struct json_value *v, const char *number, struct webhook_status *ret)
{
	struct found found = { 0 };
	struct receipt *r = &ret->receipt;

	memset(ret, 0, sizeof(*ret));
	json_members(v, see_member, &found);
	r->wamid = name_of(found.values[MEMBER_ID], ret);
	r->status_text = text_of(found.values[MEMBER_STATUS]);
	r->at_wall_us = webhook_time_us(found.values[MEMBER_TIMESTAMP]);
	if (!*r->wamid || !*r->status_text || !r->at_wall_us)
		return false;
	r->status = receipt_status_parse(r->status_text);
	r->number = number;
	r->recipient = name_of(found.values[MEMBER_RECIPIENT], ret);
	r->user = name_of(found.values[MEMBER_USER], ret);
	r->has_callback =
		receipt_callback_parse(text_of(found.values[MEMBER_CALLBACK]), &r->id, &r->attempt);
	read_pricing(found.values[MEMBER_PRICING], r);
	read_errors(found.values[MEMBER_ERRORS], r);
	ret->strange_status = r->status == RECEIPT_OTHER;
	ret->strange_count = found.strange;
	return true;
}
