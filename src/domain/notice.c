#include "domain/notice.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "domain/hold.h"

#define FIRST_ROOM 16
#define YEAR_2009_US INT64_C(1230768000000000)
#define YEAR_2200_US INT64_C(7258118400000000)

/* Each with its texts behind it. */
struct notices {
	struct notice **rows;
	unsigned count;
	unsigned room;
};

static const char *const kinds[NOTICE_KINDS] = {
	[NOTICE_INBOUND] = "inbound", [NOTICE_PREFERENCE] = "preference",
	[NOTICE_NUMBER] = "number",   [NOTICE_QUALITY] = "quality",
	[NOTICE_ACCOUNT] = "account",
};

const char *notice_kind_name(enum notice_kind kind)
{
	return kinds[kind];
}

struct notices *notices_new(void)
{
	return calloc(1, sizeof(struct notices));
}

void notices_free(struct notices *list)
{
	if (!list)
		return;
	for (unsigned i = 0; i < list->count; i++)
		free(list->rows[i]);
	free(list->rows);
	free(list);
}

static bool is_said(const char *text)
{
	size_t points;

	return text && *text && text_utf8_valid(text, strlen(text), &points);
}

static bool is_time(int64_t wall_us)
{
	return wall_us >= YEAR_2009_US && wall_us < YEAR_2200_US;
}

/* As holds and rates have it. */
static bool is_number(const char *text)
{
	const size_t len = text ? strlen(text) : 0;

	return len > 0 && len < HOLD_NUMBER_BYTES && strspn(text, "0123456789") == len;
}

static bool is_good(const struct notice *n)
{
	switch (n->kind) {
	case NOTICE_INBOUND:
		return is_said(n->number) && is_said(n->wamid) && is_time(n->at_wall_us) &&
		       (is_said(n->phone) || is_said(n->user));
	case NOTICE_PREFERENCE:
		return is_said(n->number) && is_time(n->at_wall_us) &&
		       (is_said(n->phone) || is_said(n->user));
	case NOTICE_NUMBER:
		return is_number(n->number) && is_said(n->display);
	case NOTICE_QUALITY:
		return is_said(n->display) && is_said(n->event);
	default:
		return is_said(n->account) && is_said(n->event);
	}
}

static size_t size_of(const char *text)
{
	const size_t len = text ? strlen(text) : 0;

	return (len < NOTICE_TEXT_MAX ? len : NOTICE_TEXT_MAX) + 1;
}

/* Moves it behind `at`, which moves on. */
static void keep_text(const char **text, char **at)
{
	const size_t size = size_of(*text);

	text_copy_cut(*at, size, is_said(*text) ? *text : "");
	*text = *at;
	*at += size;
}

static struct notice *copy_of(const struct notice *n)
{
	struct notice made = *n;
	const char **const texts[] = { &made.number, &made.display, &made.account, &made.phone,
				       &made.user,   &made.wamid,   &made.type,    &made.event };
	size_t size = sizeof(*n) + n->raw_len;
	struct notice *copy;
	char *at;

	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		size += size_of(*texts[i]);
	copy = malloc(size);
	if (!copy)
		return NULL;
	at = (char *)(copy + 1);
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		keep_text(texts[i], &at);
	if (n->raw_len > 0)
		memcpy(at, n->raw, n->raw_len);
	made.raw = at;
	if (!is_time(made.at_wall_us))
		made.at_wall_us = 0;
	if (!is_time(made.until_wall_us))
		made.until_wall_us = 0;
	*copy = made;
	return copy;
}

static bool make_room(struct notices *list)
{
	const unsigned room = list->room ? 2 * list->room : FIRST_ROOM;
	struct notice **rows;

	if (list->count < list->room)
		return true;
	rows = reallocarray(list->rows, room, sizeof(struct notice *));
	if (!rows)
		return false;
	list->rows = rows;
	list->room = room;
	return true;
}

enum notices_verdict notices_add(struct notices *list, const struct notice *notice)
{
	struct notice *copy;

	if (!is_good(notice))
		return NOTICES_BAD;
	if (list->count == NOTICES_MAX || !make_room(list))
		return NOTICES_FULL;
	copy = copy_of(notice);
	if (!copy)
		return NOTICES_FULL;
	list->rows[list->count++] = copy;
	return NOTICES_ADDED;
}

unsigned notices_count(const struct notices *list)
{
	return list ? list->count : 0;
}

const struct notice *notices_at(const struct notices *list, unsigned at)
{
	return list->rows[at];
}
