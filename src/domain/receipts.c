#include "domain/receipts.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define BLOCK_BYTES (64 * 1024)
#define FIRST_ROOM 16
#define YEAR_2009_US INT64_C(1230768000000000)
#define YEAR_2200_US INT64_C(7258118400000000)

/* Texts live in blocks that never move. */
struct block {
	struct block *next;
	size_t used;
	char texts[];
};

struct receipts {
	struct receipt *rows;
	unsigned count;
	unsigned room;
	struct block *blocks; /* the one in use is the first */
};

struct receipts *receipts_new(void)
{
	return calloc(1, sizeof(struct receipts));
}

void receipts_free(struct receipts *list)
{
	struct block *block;

	if (!list)
		return;
	while ((block = list->blocks)) {
		list->blocks = block->next;
		free(block);
	}
	free(list->rows);
	free(list);
}

static bool is_kept(const char *text, size_t max)
{
	size_t points;

	return text && *text && strlen(text) <= max && text_utf8_valid(text, strlen(text), &points);
}

static bool is_good(const struct receipt *r)
{
	if (!is_kept(r->wamid, RECEIPT_WAMID_MAX) || r->at_wall_us < YEAR_2009_US ||
	    r->at_wall_us >= YEAR_2200_US)
		return false;
	if (r->status == RECEIPT_OTHER && !is_kept(r->status_text, RECEIPT_STATUS_MAX))
		return false;
	return !r->has_callback || (r->attempt >= 1 && r->attempt <= RECEIPT_ATTEMPT_MAX);
}

/* At most BLOCK_BYTES; null: no memory. */
static char *take_room(struct receipts *list, size_t size)
{
	struct block *block = list->blocks;

	if (!block || BLOCK_BYTES - block->used < size) {
		block = malloc(sizeof(*block) + BLOCK_BYTES);
		if (!block)
			return NULL;
		block->next = list->blocks;
		block->used = 0;
		list->blocks = block;
	}
	block->used += size;
	return block->texts + block->used - size;
}

/* False: no memory. */
static bool keep_text(struct receipts *list, const char **text, size_t max)
{
	const char *from = *text ? *text : "";
	const size_t size = strlen(from) < max ? strlen(from) + 1 : max + 1;
	size_t points;
	char *copy;

	*text = "";
	if (!*from || !text_utf8_valid(from, strlen(from), &points))
		return true;
	copy = take_room(list, size);
	if (!copy)
		return false;
	text_copy_cut(copy, size, from);
	*text = copy;
	return true;
}

static bool keep_texts(struct receipts *list, struct receipt *r)
{
	if (r->status != RECEIPT_OTHER)
		r->status_text = receipt_status_name(r->status);
	return (r->status != RECEIPT_OTHER ||
		keep_text(list, &r->status_text, RECEIPT_STATUS_MAX)) &&
	       keep_text(list, &r->wamid, RECEIPT_WAMID_MAX) &&
	       keep_text(list, &r->number, RECEIPT_NAME_MAX) &&
	       keep_text(list, &r->recipient, RECEIPT_NAME_MAX) &&
	       keep_text(list, &r->user, RECEIPT_NAME_MAX) &&
	       keep_text(list, &r->category, RECEIPT_NAME_MAX) &&
	       keep_text(list, &r->pricing_model, RECEIPT_NAME_MAX) &&
	       keep_text(list, &r->title, RECEIPT_TEXT_MAX) &&
	       keep_text(list, &r->details, RECEIPT_TEXT_MAX);
}

static bool make_room(struct receipts *list)
{
	const unsigned room = list->room ? 2 * list->room : FIRST_ROOM;
	struct receipt *rows;

	if (list->count < list->room)
		return true;
	rows = reallocarray(list->rows, room, sizeof(*rows));
	if (!rows)
		return false;
	list->rows = rows;
	list->room = room;
	return true;
}

enum receipts_verdict receipts_add(struct receipts *list, const struct receipt *receipt)
{
	struct receipt copy = *receipt;

	if (!is_good(receipt))
		return RECEIPTS_BAD;
	if (list->count == RECEIPTS_MAX || !make_room(list) || !keep_texts(list, &copy))
		return RECEIPTS_FULL;
	list->rows[list->count++] = copy;
	return RECEIPTS_ADDED;
}

unsigned receipts_count(const struct receipts *list)
{
	return list->count;
}

const struct receipt *receipts_at(const struct receipts *list, unsigned at)
{
	return &list->rows[at];
}
