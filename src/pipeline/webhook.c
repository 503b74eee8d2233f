/*
 * A step enters the webhook into the line and waits; a timer takes them from there, portion by
 * portion, until the slice is used up, and again in the next round of the loop.
 */
#include "pipeline/webhook.h"

#include <stdlib.h>

#include "base/clock.h"
#include "http/webhook.h"
#include "pipeline/flow.h"
#include "webhook/body.h"
#include "webhook/gather.h"
#include "webhook/signature.h"

/* More than WhatsApp sends at once; what is more yet is stored in parts. */
#define PART_RECEIPTS 10000
#define PORTION_BYTES ((size_t)64 * 1024) /* half a millisecond of signature, or of reading */

struct webhook {
	struct flow *flow;
	struct list turn; /* in pipeline.webhooks while it has work to do */
	struct str body;
	size_t bytes; /* of the body, also when the store has it */
	bool held;    /* they count in pipeline.webhook_bytes */
	struct webhook_signature *signature;
	size_t signed_bytes;
	struct webhook_body *reader;
	bool whole; /* it has read all */
	struct receipts *receipts;
	struct notices *notices;
	/* What it tells. */
	unsigned statuses;
	unsigned changes;
	unsigned unknown;
	bool no_json;
	/* What came of it. */
	unsigned fresh, repeated, orphans, rejected;
	unsigned effects[STORE_EFFECTS];
};

static const struct meter *meter_of(const struct webhook *w)
{
	return w->flow->pipeline->world->meter;
}

struct webhook *webhook_new(struct flow *f, struct str *body, const char *signature)
{
	struct pipeline *p = f->pipeline;
	struct webhook *w;

	if (body->len > WEBHOOK_HELD_BYTES - p->webhook_bytes) {
		meter_bound(p->world->meter, BOUND_WEBHOOKS);
		return NULL;
	}
	w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	w->flow = f;
	list_init(&w->turn);
	str_init(&w->body, 0);
	w->signature = webhook_signature_new(p->webhook_secrets, signature);
	w->receipts = receipts_new();
	w->notices = notices_new();
	if (!w->signature || !w->receipts || !w->notices) {
		webhook_free(w);
		return NULL;
	}
	w->body = *body;
	str_init(body, body->max);
	w->bytes = w->body.len;
	w->held = true;
	p->webhook_bytes += w->bytes;
	return w;
}

static void let_go(struct webhook *w)
{
	if (w->held)
		w->flow->pipeline->webhook_bytes -= w->bytes;
	w->held = false;
}

void webhook_free(struct webhook *w)
{
	if (!w)
		return;
	let_go(w);
	list_remove(&w->turn);
	webhook_signature_free(w->signature);
	webhook_body_free(w->reader);
	receipts_free(w->receipts);
	notices_free(w->notices);
	str_fini(&w->body);
	free(w);
}

/* -- what it tells ------------------------------------------------------------------------ */

static void on_unknown(void *arg, enum webhook_unknown what)
{
	struct webhook *w = arg;

	w->unknown++;
	w->no_json |= what == WEBHOOK_UNKNOWN_JSON;
	meter_count(meter_of(w), METRIC_WEBHOOK_UNKNOWN, what, 0);
}

static void add_notice(struct webhook *w, const struct notice *notice)
{
	switch (notices_add(w->notices, notice)) {
	case NOTICES_ADDED:
		break;
	case NOTICES_BAD:
		on_unknown(w, WEBHOOK_UNKNOWN_SHAPE);
		break;
	case NOTICES_FULL: /* no memory: Meta sends it again */
		w->flow->reply = REPLY_OVERLOADED;
		break;
	}
}

static void on_receipt(void *arg, const struct receipt *receipt)
{
	struct webhook *w = arg;
	struct notice notice;

	w->statuses++;
	meter_count(meter_of(w), METRIC_RECEIPTS, receipt->status, 0);
	if (webhook_notice_of_receipt(receipt, &notice))
		add_notice(w, &notice);
	switch (receipts_add(w->receipts, receipt)) {
	case RECEIPTS_ADDED:
		break;
	case RECEIPTS_BAD:
		on_unknown(w, WEBHOOK_UNKNOWN_SHAPE);
		break;
	case RECEIPTS_FULL: /* no memory: Meta sends it again */
		w->flow->reply = REPLY_OVERLOADED;
		break;
	}
}

/* Meta has changed what may be sent: somebody should know.  Without telephone numbers. */
static void log_told(const struct webhook *w, const struct webhook_change *change)
{
	struct log_line line;

	log_begin(&line, w->flow->pipeline->world->log, LOG_WARNING, change->field_text);
	log_str(&line, "account", change->account);
	log_str(&line, "what", change->event);
	log_str(&line, "limit", change->limit);
	if (change->until_wall_us)
		log_int(&line, "until", change->until_wall_us / 1000000);
	log_end(&line);
}

static void on_change(void *arg, const struct webhook_change *change)
{
	struct webhook *w = arg;

	struct notice notice;

	w->changes++;
	meter_count(meter_of(w), METRIC_WEBHOOK_CHANGES, change->field, 0);
	if (!webhook_notice(change, &notice))
		return;
	add_notice(w, &notice);
	if (change->kind == WEBHOOK_QUALITY || change->kind == WEBHOOK_RESTRICTION)
		log_told(w, change);
}

static void on_number(void *arg, const char *number, const char *display, const char *account)
{
	struct webhook *w = arg;
	struct pipeline *p = w->flow->pipeline;
	const struct notice notice = {
		.kind = NOTICE_NUMBER, .number = number, .display = display, .account = account
	};

	if (webhook_numbers_new(&p->webhook_numbers, number, display, account,
				loop_now_ms(p->world->loop)))
		add_notice(w, &notice);
}

/* -- its turns ---------------------------------------------------------------------------- */

/* Portions, until there is a result. */
static enum flow_result check_on(struct webhook *w)
{
	const size_t left = w->body.len - w->signed_bytes;
	const size_t portion = left < PORTION_BYTES ? left : PORTION_BYTES;

	if (webhook_signature_add(w->signature, w->body.data + w->signed_bytes, portion) == -1) {
		w->flow->reply = REPLY_INTERNAL;
		return FLOW_NO;
	}
	w->signed_bytes += portion;
	if (w->signed_bytes < w->body.len)
		return FLOW_PENDING;
	if (webhook_signature_fits(w->signature))
		return FLOW_OK;
	w->flow->reply = REPLY_BAD_SIGNATURE;
	return FLOW_NO;
}

static enum flow_result read_on(struct webhook *w)
{
	w->whole = !webhook_body_read(w->reader, PORTION_BYTES);
	if (w->flow->reply == REPLY_OVERLOADED)
		return FLOW_NO;
	return w->whole || receipts_count(w->receipts) + notices_count(w->notices) >= PART_RECEIPTS
		       ? FLOW_OK
		       : FLOW_PENDING;
}

static void on_turn(void *arg)
{
	struct pipeline *p = arg;
	struct loop *loop = p->world->loop;
	const int64_t end_ms = clock_boot_ms() + WEBHOOK_SLICE_MS;

	p->webhook_timer = 0;
	while (!list_empty(&p->webhooks) && clock_boot_ms() < end_ms) {
		struct webhook *w = LIST_OBJECT(p->webhooks.next, struct webhook, turn);
		const enum flow_result result = w->flow->step == FLOW_WEBHOOK_CHECK ? check_on(w)
										    : read_on(w);

		if (result != FLOW_PENDING) {
			list_remove(&w->turn);
			flow_ready(w->flow, result);
		}
	}
	if (!list_empty(&p->webhooks))
		p->webhook_timer = loop_timer(loop, loop_now_ms(loop), on_turn, p);
}

static enum flow_result enter_line(struct webhook *w)
{
	struct pipeline *p = w->flow->pipeline;

	list_append(&p->webhooks, &w->turn);
	if (!p->webhook_timer)
		p->webhook_timer =
			loop_timer(p->world->loop, loop_now_ms(p->world->loop), on_turn, p);
	return FLOW_PENDING;
}

/* -- steps -------------------------------------------------------------------------------- */

/* Without a secret the settings have allowed it. */
enum flow_result webhook_check(struct flow *f)
{
	if (webhook_secrets_count(f->pipeline->webhook_secrets) == 0)
		return FLOW_OK;
	return enter_line(f->webhook);
}

enum flow_result webhook_read(struct flow *f)
{
	struct webhook *w = f->webhook;
	const struct webhook_listener listener = {
		.arg = w,
		.receipt = on_receipt,
		.change = on_change,
		.unknown = on_unknown,
		.number = on_number,
	};

	if (!w->reader)
		w->reader = webhook_body_new(w->body.data, w->body.len, &listener);
	if (!w->receipts)
		w->receipts = receipts_new();
	if (!w->notices)
		w->notices = notices_new();
	if (w->reader && w->receipts && w->notices)
		return enter_line(w);
	f->reply = REPLY_OVERLOADED;
	return FLOW_NO;
}

/* The last part goes with the body, which the reader needs no more. */
static char *take_body(struct webhook *w)
{
	webhook_body_free(w->reader);
	w->reader = NULL;
	let_go(w);
	return str_detach(&w->body);
}

/* Null instead of an empty list. */
static struct receipts *take_receipts(struct webhook *w)
{
	struct receipts *list = w->receipts;

	w->receipts = NULL;
	if (receipts_count(list) > 0)
		return list;
	receipts_free(list);
	return NULL;
}

static struct notices *take_notices(struct webhook *w)
{
	struct notices *list = w->notices;

	w->notices = NULL;
	if (notices_count(list) > 0)
		return list;
	notices_free(list);
	return NULL;
}

/* Body and lists are the store's from here on, whatever comes of it. */
enum flow_result webhook_store(struct flow *f)
{
	struct webhook *w = f->webhook;
	struct receipts *receipts = take_receipts(w);
	struct notices *notices = take_notices(w);
	char *body = w->whole ? take_body(w) : NULL;
	struct err err;

	if ((body || !w->whole) && !store_receipts(f->pipeline->world->store, f->job.id, receipts,
						   notices, body, body ? w->bytes : 0, &err))
		return FLOW_PENDING;
	free(body);
	receipts_free(receipts);
	notices_free(notices);
	f->reply = REPLY_OVERLOADED;
	return FLOW_NO;
}

static void add_received(struct webhook *w, const struct store_received *received)
{
	const struct meter *m = meter_of(w);

	w->fresh += received->fresh;
	w->repeated += received->repeated;
	w->orphans += received->orphans;
	w->rejected += received->rejected;
	meter_add(m, METRIC_RECEIPTS_KEPT, KEPT_FRESH, 0, received->fresh);
	meter_add(m, METRIC_RECEIPTS_KEPT, KEPT_REPEATED, 0, received->repeated);
	meter_add(m, METRIC_RECEIPTS_KEPT, KEPT_ORPHAN, 0, received->orphans);
	meter_add(m, METRIC_RECEIPTS_KEPT, KEPT_REJECTED, 0, received->rejected);
	for (unsigned i = 0; i < STORE_EFFECTS; i++) {
		w->effects[i] += received->effects[i];
		meter_add(m, METRIC_WEBHOOK_EFFECTS, i, 0, received->effects[i]);
	}
}

/* TAKEN: there is more to read. */
enum flow_result webhook_stored(struct flow *f, enum store_verdict verdict,
				const struct store_received *received)
{
	if (verdict != STORE_DONE) {
		f->reply = REPLY_STORE_AWAY;
		return FLOW_NO;
	}
	add_received(f->webhook, received);
	if (!f->webhook->whole)
		return FLOW_TAKEN;
	f->reply = REPLY_WEBHOOK;
	return FLOW_OK;
}

/* -- what is said of it ------------------------------------------------------------------- */

void webhook_answer(const struct flow *f, struct http_response *r)
{
	http_webhook_taken(r, f->webhook->statuses, f->webhook->changes);
}

void webhook_count(const struct flow *f)
{
	const enum metric_webhook end = f->reply == REPLY_WEBHOOK         ? WEBHOOKS_KEPT
					: f->reply == REPLY_BAD_SIGNATURE ? WEBHOOKS_BAD_SIGNATURE
									  : WEBHOOKS_NOT_KEPT;

	meter_count(meter_of(f->webhook), METRIC_WEBHOOKS, end, 0);
}

void webhook_log(const struct flow *f, struct log_line *line)
{
	const struct webhook *w = f->webhook;

	log_int(line, "bytes", (int64_t)w->bytes);
	if (f->reply == REPLY_BAD_SIGNATURE) {
		log_str(line, "cause", "bad signature");
		return;
	}
	log_int(line, "statuses", w->statuses);
	log_int(line, "changes", w->changes);
	if (w->unknown)
		log_int(line, "unknown", w->unknown);
	if (w->no_json)
		log_str(line, "cause", "the body is no JSON; it is kept");
	if (f->reply != REPLY_WEBHOOK)
		return;
	log_int(line, "fresh", w->fresh);
	log_int(line, "repeated", w->repeated);
	log_int(line, "orphans", w->orphans);
	if (w->rejected)
		log_int(line, "rejected", w->rejected);
	for (unsigned i = 0; i < STORE_EFFECTS; i++)
		if (w->effects[i])
			log_int(line, store_effect_name((enum store_effect)i), w->effects[i]);
}
