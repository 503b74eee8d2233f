/* The body of a webhook; the first byte says in which portions it is read. */
#include "fuzz.h"

#include <stdbool.h>
#include <string.h>

#include "base/text.h"
#include "domain/receipts.h"
#include "webhook/body.h"
#include "webhook/gather.h"

struct heard {
	const char *text;
	size_t len;
	struct receipts *receipts;
	struct notices *notices;
	unsigned json; /* times that it was said to be none */
};

static void check_text(const char *text)
{
	size_t points;

	MUST_HOLD(text_utf8_valid(text, strlen(text), &points));
}

static void on_receipt(void *arg, const struct receipt *r)
{
	struct heard *heard = arg;

	MUST_HOLD(*r->wamid && *r->status_text && r->at_wall_us > 0);
	MUST_HOLD(r->status == receipt_status_parse(r->status_text));
	MUST_HOLD(r->billable >= -1 && r->billable <= 1 && r->code >= 0);
	MUST_HOLD(!r->has_callback || r->attempt >= 1);
	check_text(r->recipient);
	check_text(r->title);
	check_text(r->details);
	if (receipts_add(heard->receipts, r) == RECEIPTS_ADDED)
		check_text(
			receipts_at(heard->receipts, receipts_count(heard->receipts) - 1)->wamid);
}

static void check_notice(const struct notice *n)
{
	const char *const texts[] = { n->number, n->display, n->account, n->phone,
				      n->user,   n->wamid,   n->type,    n->event };

	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		MUST_HOLD(strlen(texts[i]) <= NOTICE_TEXT_MAX);
		check_text(texts[i]);
	}
	MUST_HOLD(n->kind < NOTICE_KINDS && *notice_kind_name(n->kind));
}

static void on_change(void *arg, const struct webhook_change *c)
{
	const char *const texts[] = { c->field_text, c->account, c->number, c->display, c->phone,
				      c->user,       c->wamid,   c->type,   c->event,   c->limit };
	const struct heard *heard = arg;
	struct notice notice;

	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		MUST_HOLD(strlen(texts[i]) < WEBHOOK_TEXT_BYTES);
		check_text(texts[i]);
	}
	MUST_HOLD(c->field < WEBHOOK_FIELDS && c->at_wall_us >= 0);
	MUST_HOLD(c->json >= heard->text && c->json_len >= 2 &&
		  c->json + c->json_len <= heard->text + heard->len);
	MUST_HOLD(c->json[0] == '{' && c->json[c->json_len - 1] == '}');
	MUST_HOLD(c->kind != WEBHOOK_INBOUND || *c->wamid);
	if (webhook_notice(c, &notice) && notices_add(heard->notices, &notice) == NOTICES_ADDED)
		check_notice(notices_at(heard->notices, notices_count(heard->notices) - 1));
}

static void on_number(void *arg, const char *number, const char *display, const char *account)
{
	(void)arg;
	check_text(account);
	MUST_HOLD(*number && *display);
}

static void on_unknown(void *arg, enum webhook_unknown what)
{
	struct heard *heard = arg;

	MUST_HOLD(what < WEBHOOK_UNKNOWNS);
	heard->json += what == WEBHOOK_UNKNOWN_JSON;
	MUST_HOLD(heard->json <= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const size_t portion = (size_t)fuzz_take(&data, &size) * 16 + 1;
	struct heard heard = {
		.text = (const char *)data,
		.len = size,
		.receipts = receipts_new(),
		.notices = notices_new(),
	};
	const struct webhook_listener listener = { &heard, on_receipt, on_change, on_unknown,
						   on_number };
	struct webhook_body *body = webhook_body_new((const char *)data, size, &listener);
	size_t calls = 0;

	MUST_HOLD(heard.receipts != NULL && heard.notices != NULL && body != NULL);
	while (webhook_body_read(body, portion))
		MUST_HOLD(calls++ <= 8 * (size + 1)); /* it comes to its end */
	webhook_body_free(body);
	receipts_free(heard.receipts);
	notices_free(heard.notices);
	return 0;
}
