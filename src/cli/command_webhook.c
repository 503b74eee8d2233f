/*
 * webhook replay - what webhooks told is applied once more, one webhook after the other, as they
 * came.  What is known already changes nothing, so it may be interrupted and repeated.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/database.h"
#include "domain/notice.h"
#include "domain/receipts.h"
#include "webhook/body.h"
#include "webhook/gather.h"

#define WORDS "webhook replay"
#define PORTION_BYTES ((size_t)1 << 20)
#define PART 10000 /* receipts and notices that are applied before more is read */

/* The columns of webhook_next.sql. */
enum column { RECEIVED_AT = 0, SEQ, BODY };

struct again {
	struct query *query;
	bool dry_run;
	char since[64]; /* the last one: when it came … */
	char seq[24];   /* … and which of those it was */
	char until[64];
	struct webhook_numbers numbers;
	/* Of the webhook that is being read: */
	struct receipts *receipts;
	struct notices *notices;
	bool no_json;
	bool full; /* no memory */
	/* All of them: */
	uint64_t webhooks, unreadable, unknown;
	uint64_t fresh, repeated, orphans, rejected;
	uint64_t effects[STORE_EFFECTS];
};

static const char *const effect_texts[STORE_EFFECTS] = {
	[STORE_INBOUND] = "messages of customers",
	[STORE_OPT_OUT] = "opt-outs",
	[STORE_NUMBER] = "numbers",
	[STORE_RATE] = "rates",
	[STORE_HOLD] = "holds",
	[STORE_RELEASE] = "releases",
};

/* -- what it tells ------------------------------------------------------------------------ */

static void on_unknown(void *arg, enum webhook_unknown what)
{
	struct again *a = arg;

	a->unknown++;
	a->no_json |= what == WEBHOOK_UNKNOWN_JSON;
}

static void add_notice(struct again *a, const struct notice *notice)
{
	const enum notices_verdict verdict = notices_add(a->notices, notice);

	a->full |= verdict == NOTICES_FULL;
	a->unknown += verdict == NOTICES_BAD;
}

static void on_receipt(void *arg, const struct receipt *receipt)
{
	struct again *a = arg;
	struct notice notice;
	enum receipts_verdict verdict;

	if (webhook_notice_of_receipt(receipt, &notice))
		add_notice(a, &notice);
	verdict = receipts_add(a->receipts, receipt);
	a->full |= verdict == RECEIPTS_FULL;
	a->unknown += verdict == RECEIPTS_BAD;
}

static void on_change(void *arg, const struct webhook_change *change)
{
	struct notice notice;

	if (webhook_notice(change, &notice))
		add_notice(arg, &notice);
}

static void on_number(void *arg, const char *number, const char *display, const char *account)
{
	struct again *a = arg;
	const struct notice notice = {
		.kind = NOTICE_NUMBER, .number = number, .display = display, .account = account
	};

	if (webhook_numbers_new(&a->numbers, number, display, account, clock_boot_ms()))
		add_notice(a, &notice);
}

/* -- applying it -------------------------------------------------------------------------- */

static bool tell_fault(const char *text)
{
	(void)fprintf(stderr, "message-sender: " WORDS ": %s\n", text);
	return false;
}

static bool apply(struct again *a)
{
	struct receipts *receipts = a->receipts;
	struct notices *notices = a->notices;
	struct store_received came;
	struct err err;

	a->receipts = NULL;
	a->notices = NULL;
	if (receipts_count(receipts) == 0) {
		receipts_free(receipts);
		receipts = NULL;
	}
	if (notices_count(notices) == 0) {
		notices_free(notices);
		notices = NULL;
	}
	if (query_webhook(a->query, receipts, notices, a->dry_run, &came, &err))
		return tell_fault(err.text);
	a->fresh += came.fresh;
	a->repeated += came.repeated;
	a->orphans += came.orphans;
	a->rejected += came.rejected;
	for (unsigned i = 0; i < STORE_EFFECTS; i++)
		a->effects[i] += came.effects[i];
	return true;
}

static bool read_part(struct again *a, struct webhook_body *body, bool *ret_more)
{
	a->receipts = receipts_new();
	a->notices = notices_new();
	if (!a->receipts || !a->notices)
		return tell_fault("no memory");
	do
		*ret_more = webhook_body_read(body, PORTION_BYTES);
	while (*ret_more && receipts_count(a->receipts) + notices_count(a->notices) < PART);
	return a->full ? tell_fault("no memory") : apply(a);
}

static bool apply_body(struct again *a, const char *text, size_t len)
{
	const struct webhook_listener listener = {
		.arg = a,
		.receipt = on_receipt,
		.change = on_change,
		.unknown = on_unknown,
		.number = on_number,
	};
	struct webhook_body *body = webhook_body_new(text, len, &listener);
	bool more = true;
	bool done = body || tell_fault("no memory");

	a->no_json = false;
	while (done && more)
		done = read_part(a, body, &more);
	receipts_free(a->receipts);
	notices_free(a->notices);
	a->receipts = NULL;
	a->notices = NULL;
	webhook_body_free(body);
	a->webhooks++;
	a->unreadable += a->no_json;
	return done;
}

/* The one behind the last one. */
static bool apply_next(struct again *a, bool *ret_any)
{
	const char *const values[] = { a->since, a->seq, a->until };
	size_t len;
	char *text;
	bool done;

	if (!database_run(a->query, WORDS, "webhook_next", 3, values))
		return false;
	*ret_any = query_rows(a->query) > 0;
	if (!*ret_any)
		return true;
	text_copy_cut(a->since, sizeof(a->since), query_value(a->query, 0, RECEIVED_AT));
	text_copy_cut(a->seq, sizeof(a->seq), query_value(a->query, 0, SEQ));
	text = query_bytes(a->query, 0, BODY, &len);
	done = text ? apply_body(a, text, len) : tell_fault("no memory");
	free(text);
	return done;
}

/* -- what came of it ---------------------------------------------------------------------- */

static void put(bool json, const char *name, const char *text, uint64_t n)
{
	if (json)
		(void)printf(",\"%s\":%llu", name, (unsigned long long)n);
	else
		(void)printf("%s: %llu\n", text, (unsigned long long)n);
}

static void tell(const struct again *a, bool json)
{
	if (json)
		(void)printf("{\"webhooks\":%llu", (unsigned long long)a->webhooks);
	else
		(void)printf("webhooks: %llu\n", (unsigned long long)a->webhooks);
	put(json, "unreadable", "unreadable", a->unreadable);
	put(json, "unknown", "not as they are known", a->unknown);
	put(json, "fresh", "receipts that were not known", a->fresh);
	put(json, "repeated", "receipts that were known", a->repeated);
	put(json, "orphans", "receipts of unknown messages", a->orphans);
	put(json, "rejected", "refused by PostgreSQL", a->rejected);
	for (unsigned i = 0; i < STORE_EFFECTS; i++)
		put(json, store_effect_name((enum store_effect)i), effect_texts[i], a->effects[i]);
	if (json)
		(void)printf(",\"dry_run\":%s}\n", a->dry_run ? "true" : "false");
	else if (a->dry_run)
		(void)printf("Nothing was changed: repeat it without --dry-run.\n");
}

static const char *check(const struct arguments *arguments)
{
	int64_t since;
	int64_t until = INT64_MAX;

	if (!clock_rfc3339_parse(arguments->since, &since) ||
	    (arguments->until && !clock_rfc3339_parse(arguments->until, &until)))
		return "--since and --until are times as 2026-11-23T08:00:00Z";
	return since < until ? NULL : "--until must be later than --since";
}

int command_webhook_replay(const struct arguments *arguments)
{
	const char *fault = check(arguments);
	struct again again = { .dry_run = arguments->dry_run, .seq = "-1" };
	bool any = true;
	bool done = true;
	int status;

	if (fault) {
		(void)tell_fault(fault);
		return EXIT_USAGE;
	}
	again.query = database_open(WORDS, arguments, &status);
	if (!again.query)
		return status;
	text_copy_cut(again.since, sizeof(again.since), arguments->since);
	clock_rfc3339_us(clock_wall_us(), again.until);
	if (arguments->until)
		text_copy_cut(again.until, sizeof(again.until), arguments->until);
	while (done && any)
		done = apply_next(&again, &any);
	query_close(again.query);
	tell(&again, arguments->json);
	return done && !ferror(stdout) ? 0 : 1;
}
