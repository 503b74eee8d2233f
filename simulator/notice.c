#include "simulator/notice.h"

#include "simulator/graph_error.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACCOUNT "210987654321098"
#define DAY_S 86400

static char *copy(const char *text)
{
	char *to = strdup(text ? text : "");

	if (!to)
		abort();
	return to;
}

struct subject *subject_new(const struct subject *from)
{
	struct subject *subject = buf_alloc(1, sizeof(*subject));

	*subject = *from;
	subject->users = 1;
	subject->wamid = copy(from->wamid);
	subject->callback = copy(from->callback);
	subject->number = copy(from->number);
	subject->recipient = copy(from->recipient);
	return subject;
}

void subject_free(struct subject *subject)
{
	if (--subject->users > 0)
		return;
	free(subject->wamid);
	free(subject->callback);
	free(subject->number);
	free(subject->recipient);
	free(subject);
}

static uint64_t hash(const char *text, uint64_t seed)
{
	uint64_t h = UINT64_C(14695981039346656037) ^ seed;

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * UINT64_C(1099511628211);
	return h ^ h >> 29;
}

/* Business-scoped: the same for every message to the recipient. */
static const char *user_id(const struct subject *subject, char made[USER_ID_SIZE])
{
	if (subject->is_user_id)
		return subject->recipient;
	snprintf(made, USER_ID_SIZE, "ID.%020" PRIu64, hash(subject->recipient, 0));
	return made;
}

static bool is_status(const struct notice *notice, const char *status)
{
	return strcmp(notice->status, status) == 0;
}

static bool shows_phone(const struct subject *subject)
{
	return !subject->is_user_id &&
	       (subject->style.legacy || subject->style.identity != IDENTITY_USER);
}

static bool shows_user(const struct subject *subject)
{
	return !subject->is_group && !subject->style.legacy &&
	       (subject->is_user_id || subject->style.identity != IDENTITY_PHONE);
}

static void write_text(struct buf *to, const char *before, const char *text)
{
	buf_text(to, before);
	buf_json(to, text, strlen(text));
}

/* Only whom a user id is shown of; not of what failed. */
static bool write_contact(struct buf *to, const struct subject *subject, bool is_first)
{
	char made[USER_ID_SIZE];

	if (!shows_user(subject))
		return false;
	buf_text(to, is_first ? ",\"contacts\":[{" : ",{");
	if (shows_phone(subject))
		buf_printf(to, "\"wa_id\":\"%s\",", subject->recipient);
	else
		buf_text(to, "\"profile\":{\"name\":\"Andr\u00e9 \U0001f642\"},");
	write_text(to, "\"user_id\":", user_id(subject, made));
	buf_text(to, "}");
	return true;
}

static void write_contacts(struct buf *to, const struct notice *const notices[], size_t n)
{
	const char *last = "";
	bool some = false;

	for (size_t i = 0; i < n; i++) {
		const struct subject *subject = notices[i]->subject;

		if (is_status(notices[i], "failed") || strcmp(last, subject->recipient) == 0)
			continue;
		some |= write_contact(to, subject, !some);
		last = subject->recipient;
	}
	if (some)
		buf_text(to, "]");
}

static void write_recipient(struct buf *to, const struct notice *notice)
{
	const struct subject *subject = notice->subject;
	char made[USER_ID_SIZE];

	if (subject->is_group) {
		write_text(to, ",\"recipient_id\":", subject->recipient);
		buf_text(to, ",\"recipient_type\":\"group\","
			     "\"recipient_participant_id\":\"628110000001\"");
		return;
	}
	if (shows_phone(subject))
		write_text(to, ",\"recipient_id\":", subject->recipient);
	/* What failed names the user only if it was sent to a user's id. */
	if (shows_user(subject) && (!shows_phone(subject) || !is_status(notice, "failed")))
		write_text(to, ",\"recipient_user_id\":", user_id(subject, made));
}

static void write_price(struct buf *to, const struct notice *notice)
{
	const struct subject *subject = notice->subject;
	const struct receipts_style *style = &subject->style;
	bool is_sent = is_status(notice, "sent");

	if (!is_sent && !is_status(notice, "delivered") &&
	    !(subject->price_on_read && is_status(notice, "read")))
		return;
	if (style->legacy) {
		buf_printf(to, ",\"conversation\":{\"id\":\"%016" PRIx64 "%016" PRIx64 "\"",
			   hash(subject->recipient, 1), hash(subject->number, 2));
		if (is_sent)
			buf_printf(to, ",\"expiration_timestamp\":\"%" PRId64 "\"",
				   notice->happened_s + DAY_S);
		write_text(to, ",\"origin\":{\"type\":", style->category);
		buf_text(to, "}},\"pricing\":{\"billable\":true,\"pricing_model\":\"CBP\"");
	} else {
		buf_text(to, ",\"pricing\":{\"billable\":true,\"pricing_model\":\"PMP\","
			     "\"type\":\"regular\"");
	}
	write_text(to, ",\"category\":", style->category);
	buf_text(to, "}");
}

static void write_errors(struct buf *to, int code)
{
	struct graph_error spare;
	const struct graph_error *error = graph_error_find(code, -1, &spare);
	const char *title = error->message;

	if (title[0] == '(' && strstr(title, ") "))
		title = strstr(title, ") ") + 2;
	buf_printf(to, ",\"errors\":[{\"code\":%d", code);
	write_text(to, ",\"title\":", title);
	write_text(to, ",\"message\":", title);
	write_text(to, ",\"error_data\":{\"details\":", error->details ? error->details : title);
	buf_text(to, "},\"href\":\"/documentation/business-messaging/whatsapp/support/"
		     "error-codes\"}]");
}

static void write_status(struct buf *to, const struct notice *notice)
{
	const struct subject *subject = notice->subject;
	bool failed = is_status(notice, "failed");
	bool has_callback = subject->style.callback == CALLBACK_ALWAYS ||
			    (subject->style.callback == CALLBACK_NOT_FAILED && !failed);

	write_text(to, "{\"id\":", subject->wamid);
	write_text(to, ",\"status\":", notice->status);
	buf_printf(to, ",\"timestamp\":\"%" PRId64 "\"", notice->happened_s);
	write_recipient(to, notice);
	write_price(to, notice);
	if (failed)
		write_errors(to, subject->style.code);
	if (has_callback && *subject->callback)
		write_text(to, ",\"biz_opaque_callback_data\":", subject->callback);
	buf_text(to, "}");
}

static void begin_change(struct buf *to, const char *number)
{
	size_t len = strlen(number);
	const char *last = number + (len > 4 ? len - 4 : 0);

	buf_printf(to,
		   "{\"value\":{\"messaging_product\":\"whatsapp\",\"metadata\":{"
		   "\"display_phone_number\":\"628110000%s\",\"phone_number_id\":\"%s\"}",
		   last, number);
}

static void begin_body(struct buf *to)
{
	buf_text(to, "{\"object\":\"whatsapp_business_account\",\"entry\":[{\"id\":\"" ACCOUNT
		     "\",\"changes\":[");
}

/* Takes the plain text in `plain`, too. */
static void end_body(struct buf *to, struct buf *plain)
{
	buf_text(plain, "]}]}");
	notice_escape(to, plain->at, plain->len);
	buf_free(plain);
}

void notice_write(struct buf *to, const struct notice *const notices[], size_t n)
{
	struct buf plain = { 0 };

	begin_body(&plain);
	for (size_t i = 0, same; i < n; i += same) {
		const char *number = notices[i]->subject->number;

		for (same = 1; i + same < n; same++)
			if (strcmp(notices[i + same]->subject->number, number) != 0)
				break;
		if (i)
			buf_text(&plain, ",");
		begin_change(&plain, number);
		write_contacts(&plain, notices + i, same);
		for (size_t k = 0; k < same; k++) {
			buf_text(&plain, k ? "," : ",\"statuses\":[");
			write_status(&plain, notices[i + k]);
		}
		buf_text(&plain, "]},\"field\":\"messages\"}");
	}
	end_body(to, &plain);
}

void notice_write_inbound(struct buf *to, const struct subject *subject, const char *message,
			  int64_t happened_s)
{
	struct buf plain = { 0 };
	char made[USER_ID_SIZE];

	begin_body(&plain);
	begin_change(&plain, subject->number);
	buf_text(&plain, ",\"contacts\":[{\"profile\":{\"name\":\"Andr\u00e9 \U0001f642\"}");
	if (shows_phone(subject))
		write_text(&plain, ",\"wa_id\":", subject->recipient);
	if (shows_user(subject))
		write_text(&plain, ",\"user_id\":", user_id(subject, made));
	write_text(&plain, "}],\"messages\":[{\"id\":", subject->wamid);
	if (shows_phone(subject))
		write_text(&plain, ",\"from\":", subject->recipient);
	if (shows_user(subject))
		write_text(&plain, ",\"from_user_id\":", user_id(subject, made));
	buf_printf(&plain, ",\"timestamp\":\"%" PRId64 "\"", happened_s);
	if (strcmp(message, "{}") != 0)
		buf_printf(&plain, ",%.*s", (int)strlen(message) - 2, message + 1);
	buf_text(&plain, "}]},\"field\":\"messages\"}");
	end_body(to, &plain);
}

/* The character at `at`, and how many bytes it has; the text is UTF-8. */
static size_t read_utf8(const unsigned char *at, uint32_t *ret_character)
{
	size_t n = *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : 4;
	uint32_t c = *at & (0xffu >> (n + 1));

	for (size_t i = 1; i < n; i++)
		c = c << 6 | (at[i] & 0x3fu);
	*ret_character = c;
	return n;
}

void notice_escape(struct buf *to, const char *json, size_t n)
{
	size_t start = 0;

	for (size_t i = 0; i < n;) {
		unsigned char byte = (unsigned char)json[i];
		uint32_t c = byte;
		size_t len = 1;

		if (byte < 0x80 && byte != '/') {
			i++;
			continue;
		}
		buf_append(to, json + start, i - start);
		if (byte >= 0x80)
			len = read_utf8((const unsigned char *)json + i, &c);
		if (c == '/')
			buf_text(to, "\\/");
		else if (c < 0x10000)
			buf_printf(to, "\\u%04x", c);
		else
			buf_printf(to, "\\u%04x\\u%04x", 0xd7c0 + (c >> 10), 0xdc00 + (c & 0x3ff));
		i += len;
		start = i;
	}
	buf_append(to, json + start, n - start);
}
