#include "webhook/value.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "webhook/status.h"

void webhook_value_text(const struct json_value *v, char text[WEBHOOK_TEXT_BYTES])
{
	const char *said = json_text(v, NULL);
	int64_t number;

	text[0] = '\0';
	if (said)
		text_copy_cut(text, WEBHOOK_TEXT_BYTES, said);
	else if (json_int(v, &number))
		(void)snprintf(text, WEBHOOK_TEXT_BYTES, "%lld", (long long)number);
}

static void member_text(const struct json_value *v, const char *name, char text[WEBHOOK_TEXT_BYTES])
{
	webhook_value_text(json_member(v, name), text);
}

void webhook_value_inbound(const struct webhook_listener *listener,
			   const struct webhook_change *change, const struct json_value *v)
{
	struct webhook_change c = *change;
	char wamid[WEBHOOK_TEXT_BYTES], phone[WEBHOOK_TEXT_BYTES], user[WEBHOOK_TEXT_BYTES];
	char type[WEBHOOK_TEXT_BYTES];

	member_text(v, "id", wamid);
	member_text(v, "from", phone);
	member_text(v, "from_user_id", user);
	member_text(v, "type", type);
	if (!*wamid || (!*phone && !*user)) {
		listener->unknown(listener->arg, WEBHOOK_UNKNOWN_SHAPE);
		return;
	}
	c.kind = WEBHOOK_INBOUND;
	c.wamid = wamid;
	c.phone = phone;
	c.user = user;
	c.type = type;
	c.at_wall_us = webhook_time_us(json_member(v, "timestamp"));
	listener->change(listener->arg, &c);
}

void webhook_value_preference(const struct webhook_listener *listener,
			      const struct webhook_change *change, const struct json_value *v)
{
	struct webhook_change c = *change;
	char phone[WEBHOOK_TEXT_BYTES], user[WEBHOOK_TEXT_BYTES], type[WEBHOOK_TEXT_BYTES];
	char said[WEBHOOK_TEXT_BYTES];

	member_text(v, "wa_id", phone);
	member_text(v, "user_id", user);
	member_text(v, "category", type);
	member_text(v, "value", said);
	c.stop = strcmp(said, "stop") == 0;
	if ((!*phone && !*user) || (!c.stop && strcmp(said, "resume") != 0)) {
		listener->unknown(listener->arg, WEBHOOK_UNKNOWN_SHAPE);
		return;
	}
	c.kind = WEBHOOK_PREFERENCE;
	c.phone = phone;
	c.user = user;
	c.type = type;
	c.at_wall_us = webhook_time_us(json_member(v, "timestamp"));
	listener->change(listener->arg, &c);
}

void webhook_value_quality(const struct webhook_listener *listener,
			   const struct webhook_change *change, const struct json_value *v)
{
	/* current_limit and old_limit are being taken away. */
	static const char *const limits[] = { "max_daily_conversations_per_business",
					      "current_limit" };
	struct webhook_change c = *change;
	char display[WEBHOOK_TEXT_BYTES], event[WEBHOOK_TEXT_BYTES], limit[WEBHOOK_TEXT_BYTES];

	member_text(v, "display_phone_number", display);
	member_text(v, "event", event);
	limit[0] = '\0';
	for (unsigned i = 0; i < 2 && !*limit; i++)
		member_text(v, limits[i], limit);
	if (!*display) {
		listener->unknown(listener->arg, WEBHOOK_UNKNOWN_SHAPE);
		return;
	}
	c.kind = WEBHOOK_QUALITY;
	c.display = display;
	c.event = event;
	c.limit = limit;
	listener->change(listener->arg, &c);
}

void webhook_value_account(const struct webhook_listener *listener,
			   const struct webhook_change *change, const struct json_value *v)
{
	const struct json_value *all = json_member(v, "restriction_info");
	const size_t count = json_array_count(all);
	struct webhook_change c = *change;
	char event[WEBHOOK_TEXT_BYTES], limit[WEBHOOK_TEXT_BYTES];

	member_text(v, "event", event);
	if (!*event) {
		listener->unknown(listener->arg, WEBHOOK_UNKNOWN_SHAPE);
		return;
	}
	c.kind = WEBHOOK_RESTRICTION;
	c.event = event;
	c.limit = limit;
	for (size_t i = 0; i < count; i++) {
		member_text(json_array_at(all, i), "restriction_type", limit);
		c.until_wall_us = webhook_time_us(json_member(json_array_at(all, i), "expiration"));
		listener->change(listener->arg, &c);
	}
	if (count > 0)
		return;
	member_text(json_member(v, "ban_info"), "waba_ban_state", limit);
	listener->change(listener->arg, &c);
}
