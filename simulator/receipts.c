#include "simulator/receipts.h"

#include "simulator/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AFTER_MAX_MS = 7 * 86400 * 1000, FAILED_MS = 300 };

/* When a status comes if the plan does not say. */
static const struct receipts_status usual[] = {
	{ "sent", 0 },     { "delivered", 200 },    { "read", 500 },
	{ "played", 800 }, { "failed", FAILED_MS },
};

enum { USUAL = sizeof(usual) / sizeof(usual[0]) };

struct receipts receipts_plain(void)
{
	return (struct receipts){
		.statuses = { usual[0], usual[1], usual[2] },
		.count = 3,
		.style = { .code = 131026, .category = "utility" },
		.times = -1,
	};
}

static bool read_number(int *to, const json_t *value, int max)
{
	json_int_t n = json_integer_value(value);

	*to = (int)n;
	return json_is_integer(value) && n >= 0 && n <= max;
}

static bool read_text(char *to, size_t size, const json_t *value)
{
	const char *text = json_string_value(value);

	if (!text || !*text || strlen(text) >= size)
		return false;
	memcpy(to, text, strlen(text) + 1);
	return true;
}

/* Which of the words it is, into `to`. */
static bool read_word(int *to, const json_t *value, const char *const words[])
{
	const char *text = json_string_value(value);

	for (*to = 0; text && words[*to]; ++*to)
		if (strcmp(words[*to], text) == 0)
			return true;
	return false;
}

/* "sent", or {"status":"sent","after_ms":0} */
static bool read_status(struct receipts_status *to, const json_t *value)
{
	const json_t *after = json_object_get(value, "after_ms");

	to->after_ms = 0;
	if (!read_text(to->status, sizeof(to->status),
		       json_is_object(value) ? json_object_get(value, "status") : value))
		return false;
	for (size_t i = 0; i < USUAL; i++)
		if (strcmp(usual[i].status, to->status) == 0)
			to->after_ms = usual[i].after_ms;
	if (json_object_size(value) > (after ? 2u : 1u))
		return false;
	return !after || read_number(&to->after_ms, after, AFTER_MAX_MS);
}

static bool read_statuses(struct receipts *r, const json_t *value)
{
	size_t n = json_array_size(value);

	if (!json_is_array(value) || n > RECEIPTS_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!read_status(&r->statuses[i], json_array_get(value, i)))
			return false;
	r->count = (int)n;
	return true;
}

static bool read_style(struct receipts_style *style, const char *key, const json_t *value)
{
	static const char *const callbacks[] = { "always", "not_failed", "never", NULL };
	static const char *const identities[] = { "both", "phone", "user", NULL };
	int word;

	if (strcmp(key, "callback") == 0) {
		if (!read_word(&word, value, callbacks))
			return false;
		style->callback = (enum receipts_callback)word;
		return true;
	}
	if (strcmp(key, "identity") == 0) {
		if (!read_word(&word, value, identities))
			return false;
		style->identity = (enum receipts_identity)word;
		return true;
	}
	if (strcmp(key, "legacy") == 0) {
		style->legacy = json_is_true(value);
		return json_is_boolean(value);
	}
	if (strcmp(key, "category") == 0)
		return read_text(style->category, sizeof(style->category), value);
	return strcmp(key, "code") == 0 && read_number(&style->code, value, 100000000);
}

static bool read_member(struct receipts *r, const char *key, const json_t *value)
{
	const struct {
		const char *key;
		int *number;
		int max;
	} numbers[] = {
		{ "fail", &r->fail, 100 },
		{ "silent", &r->silent, 100 },
		{ "reorder", &r->reorder, 100 },
		{ "early", &r->early, 100 },
		{ "duplicate", &r->duplicate, 100 },
		{ "drop", &r->drop, 100 },
		{ "delay", &r->delay, 100 },
		{ "duplicate_ms", &r->duplicate_ms, AFTER_MAX_MS },
		{ "delay_ms", &r->delay_ms, AFTER_MAX_MS },
		{ "times", &r->times, 100000000 },
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (strcmp(key, numbers[i].key) == 0)
			return read_number(numbers[i].number, value, numbers[i].max);
	if (strcmp(key, "statuses") == 0)
		return read_statuses(r, value);
	return read_style(&r->style, key, value);
}

static struct receipts *read_object(const json_t *json, char why[128])
{
	struct receipts *receipts;
	const char *key;
	json_t *value;

	if (!json_is_object(json)) {
		snprintf(why, 128, "receipts: an object, a list of them, or null is needed");
		return NULL;
	}
	receipts = buf_alloc(1, sizeof(*receipts));
	*receipts = receipts_plain();
	json_object_foreach((json_t *)json, key, value)
	{
		if (!read_member(receipts, key, value)) {
			snprintf(why, 128, "receipts: \"%.40s\" is unknown or has a wrong value",
				 key);
			free(receipts);
			return NULL;
		}
	}
	return receipts;
}

struct receipts *receipts_read(const json_t *json, char why[128])
{
	struct receipts *first = NULL, **tail = &first;
	size_t i;
	json_t *item;

	if (!json_is_array(json))
		return read_object(json, why);
	if (json_array_size(json) == 0)
		snprintf(why, 128, "receipts: the list is empty");
	json_array_foreach(json, i, item)
	{
		*tail = read_object(item, why);
		if (!*tail) {
			receipts_free(first);
			return NULL;
		}
		tail = &(*tail)->next;
	}
	return first;
}

const struct receipts *receipts_next(struct receipts *first)
{
	while (first && first->times == 0)
		first = first->next;
	if (first && first->times > 0)
		first->times--;
	return first;
}

void receipts_free(struct receipts *first)
{
	while (first) {
		struct receipts *next = first->next;

		free(first);
		first = next;
	}
}

uint32_t receipts_dice(uint64_t *random, uint32_t below)
{
	/* xorshift64*, by Vigna; its upper half is the good one. */
	*random ^= *random >> 12;
	*random ^= *random << 25;
	*random ^= *random >> 27;
	return (uint32_t)(*random * UINT64_C(0x2545f4914f6cdd1d) >> 32) % below;
}

static bool happens(uint64_t *random, int percent)
{
	return percent > 0 && receipts_dice(random, 100) < (uint32_t)percent;
}

/* What happens to the message: the plan's statuses, or `sent` at most, and then `failed`. */
static int choose(const struct receipts *r, bool fail, struct receipts_report *reports)
{
	int n = 0;

	for (int i = 0; i < r->count; i++) {
		const struct receipts_status *row = &r->statuses[i];

		if (fail && strcmp(row->status, "sent") != 0)
			continue;
		reports[n++] =
			(struct receipts_report){ row->status, row->after_ms, row->after_ms };
	}
	if (fail)
		reports[n++] = (struct receipts_report){ "failed", FAILED_MS, FAILED_MS };
	return n;
}

/* The last one first, and none before it has happened. */
static void turn_round(struct receipts_report *reports, int n)
{
	int last_ms = 0;

	for (int i = 0; i < n; i++)
		if (reports[i].happened_ms > last_ms)
			last_ms = reports[i].happened_ms;
	for (int i = 0; i < n; i++)
		reports[i].due_ms = 2 * last_ms - reports[i].happened_ms;
	for (int i = 0; i < n / 2; i++) {
		struct receipts_report other = reports[i];

		reports[i] = reports[n - 1 - i];
		reports[n - 1 - i] = other;
	}
}

void receipts_plan(const struct receipts *receipts, bool fail, uint64_t *random,
		   struct receipts_planned *ret_planned)
{
	struct receipts_report chosen[RECEIPTS_MAX + 1];
	int n = choose(receipts, fail || happens(random, receipts->fail), chosen);

	*ret_planned = (struct receipts_planned){ .early = happens(random, receipts->early) };
	if (happens(random, receipts->silent)) {
		ret_planned->dropped = n;
		return;
	}
	if (happens(random, receipts->reorder))
		turn_round(chosen, n);
	for (int i = 0; i < n; i++) {
		struct receipts_report report = chosen[i];

		if (happens(random, receipts->drop)) {
			ret_planned->dropped++;
			continue;
		}
		if (happens(random, receipts->delay))
			report.due_ms += receipts->delay_ms;
		ret_planned->reports[ret_planned->count++] = report;
		if (happens(random, receipts->duplicate)) {
			report.due_ms += receipts->duplicate_ms;
			ret_planned->reports[ret_planned->count++] = report;
			ret_planned->duplicated++;
		}
	}
}
