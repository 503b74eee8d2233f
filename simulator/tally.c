/*
 * Entries live in chunks that never move; an open-addressed index of entry numbers (+1) finds
 * them. Keys are packed: a UUID as its 16 bytes, up to 15 bytes of text in place, anything else
 * on the heap. The same key always packs the same way, so comparing the packed form is enough.
 *
 * The index starts large (untouched pages cost nothing), because rehashing in the middle of a
 * benchmark would be a pause of tens of milliseconds.
 */
#include "simulator/tally.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 16384, CHUNKS_MAX = 4096, INDEX_START = 1 << 21 };

enum form { FORM_TEXT, FORM_UUID, FORM_HEAP };

struct recent {
	uint32_t owner; /* entry number + 1, or 0 */
	uint32_t calls;
	struct buf log; /* per call: int64_t ms, text, NUL */
	struct buf body;
};

struct tally {
	struct tally_entry *chunks[CHUNKS_MAX];
	size_t count;
	uint32_t *index;
	size_t index_size; /* a power of 2, at least 4/3 of count */
	struct recent *recent;
	uint32_t next_recent;
};

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Only the canonical spelling, so that unpacking gives back what was packed. */
static bool pack_uuid(const char *text, uint8_t to[16])
{
	size_t n = 0;

	for (size_t i = 0; i < 36; i++) {
		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (text[i] != '-')
				return false;
			continue;
		}
		int high = nibble(text[i]);
		int low = high < 0 ? -1 : nibble(text[++i]);
		if (low < 0)
			return false;
		to[n++] = (uint8_t)(high * 16 + low);
	}
	return text[36] == 0;
}

/* A heap key is only borrowed: the table copies it when it keeps it. */
static struct tally_entry pack(const char *key)
{
	struct tally_entry entry = { 0 };
	size_t len = strlen(key);

	if (len < sizeof(entry.key)) {
		entry.form = FORM_TEXT;
		memcpy(entry.key, key, len);
	} else if (len == 36 && pack_uuid(key, entry.key)) {
		entry.form = FORM_UUID;
	} else {
		entry.form = FORM_HEAP;
		memcpy(entry.key, &key, sizeof(key));
	}
	return entry;
}

static const char *heap_key(const struct tally_entry *entry)
{
	const char *key;

	memcpy(&key, entry->key, sizeof(key));
	return key;
}

static bool same_key(const struct tally_entry *a, const struct tally_entry *b)
{
	if (a->form != b->form)
		return false;
	if (a->form == FORM_HEAP)
		return strcmp(heap_key(a), heap_key(b)) == 0;
	return memcmp(a->key, b->key, sizeof(a->key)) == 0;
}

static uint64_t hash_key(const struct tally_entry *entry)
{
	uint64_t part[2], hash = UINT64_C(14695981039346656037);

	if (entry->form == FORM_HEAP) {
		for (const char *c = heap_key(entry); *c; c++)
			hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
		return hash ^ hash >> 32;
	}
	memcpy(part, entry->key, sizeof(part));
	hash = (part[0] ^ hash) * UINT64_C(0x9e3779b97f4a7c15);
	hash = (hash ^ hash >> 29 ^ part[1]) * UINT64_C(0xbf58476d1ce4e5b9);
	return hash ^ hash >> 32;
}

struct tally *tally_new(void)
{
	struct tally *tally = buf_alloc(1, sizeof(*tally));

	tally->index_size = INDEX_START;
	tally->index = buf_alloc(tally->index_size, sizeof(*tally->index));
	tally->recent = buf_alloc(TALLY_RECENT, sizeof(*tally->recent));
	return tally;
}

static void tally_empty(struct tally *tally)
{
	for (size_t i = 0; i < tally->count; i++) {
		struct tally_entry *entry = tally_at(tally, i);

		if (entry->form == FORM_HEAP)
			free((char *)heap_key(entry));
	}
	for (size_t i = 0; i < CHUNKS_MAX && tally->chunks[i]; i++)
		free(tally->chunks[i]);
	for (size_t i = 0; i < TALLY_RECENT; i++) {
		buf_free(&tally->recent[i].log);
		buf_free(&tally->recent[i].body);
	}
	free(tally->index);
	free(tally->recent);
}

void tally_free(struct tally *tally)
{
	tally_empty(tally);
	free(tally);
}

void tally_clear(struct tally *tally)
{
	struct tally *fresh = tally_new();

	tally_empty(tally);
	*tally = *fresh;
	free(fresh);
}

size_t tally_count(const struct tally *tally)
{
	return tally->count;
}

struct tally_entry *tally_at(const struct tally *tally, size_t i)
{
	return &tally->chunks[i / CHUNK][i % CHUNK];
}

/* Where in the index the key is, or would go. */
static uint32_t *find_place(const struct tally *tally, const struct tally_entry *key)
{
	size_t mask = tally->index_size - 1;
	size_t at = hash_key(key) & mask;

	while (tally->index[at] && !same_key(tally_at(tally, tally->index[at] - 1), key))
		at = (at + 1) & mask;
	return &tally->index[at];
}

static void grow_index(struct tally *tally)
{
	free(tally->index);
	tally->index_size *= 2;
	tally->index = buf_alloc(tally->index_size, sizeof(*tally->index));
	for (size_t i = 0; i < tally->count; i++)
		*find_place(tally, tally_at(tally, i)) = (uint32_t)i + 1;
}

struct tally_entry *tally_find(const struct tally *tally, const char *key)
{
	struct tally_entry packed = pack(key);
	uint32_t number = *find_place(tally, &packed);

	return number ? tally_at(tally, number - 1) : NULL;
}

struct tally_entry *tally_get(struct tally *tally, const char *key)
{
	struct tally_entry packed = pack(key);
	uint32_t *place = find_place(tally, &packed);

	if (*place)
		return tally_at(tally, *place - 1);
	if (tally->count == (size_t)CHUNK * CHUNKS_MAX)
		abort();
	if (!tally->chunks[tally->count / CHUNK])
		tally->chunks[tally->count / CHUNK] = buf_alloc(CHUNK, sizeof(packed));
	if (packed.form == FORM_HEAP) {
		size_t size = strlen(key) + 1;
		char *copy = buf_alloc(1, size);

		memcpy(copy, key, size);
		memcpy(packed.key, &copy, sizeof(copy));
	}
	struct tally_entry *entry = tally_at(tally, tally->count);
	*entry = packed;
	*place = (uint32_t)++tally->count;
	if (tally->count * 4 > tally->index_size * 3)
		grow_index(tally);
	return entry;
}

const char *tally_key(const struct tally_entry *entry, char to[40])
{
	const uint8_t *k = entry->key;

	if (entry->form == FORM_HEAP)
		return heap_key(entry);
	if (entry->form == FORM_TEXT)
		return (const char *)k;
	snprintf(to, 40, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		 k[0], k[1], k[2], k[3], k[4], k[5], k[6], k[7], k[8], k[9], k[10], k[11], k[12],
		 k[13], k[14], k[15]);
	return to;
}

static struct recent *recent_of(struct tally *tally, struct tally_entry *entry)
{
	if (entry->recent)
		return &tally->recent[entry->recent - 1];
	struct recent *recent = &tally->recent[tally->next_recent];
	if (recent->owner)
		tally_at(tally, recent->owner - 1)->recent = 0;
	char text[40];
	struct tally_entry packed = pack(tally_key(entry, text));
	recent->owner = *find_place(tally, &packed);
	recent->calls = 0;
	buf_clear(&recent->log, 1024);
	buf_clear(&recent->body, 1024);
	entry->recent = tally->next_recent + 1;
	tally->next_recent = (tally->next_recent + 1) % TALLY_RECENT;
	return recent;
}

void tally_remember(struct tally *tally, struct tally_entry *entry, int64_t ms, const char *text,
		    const struct buf *body)
{
	struct recent *recent = recent_of(tally, entry);

	if (recent->calls < TALLY_CALLS_KEPT) {
		recent->calls++;
		buf_append(&recent->log, &ms, sizeof(ms));
		buf_append(&recent->log, text, strlen(text) + 1);
	}
	if (body) {
		buf_clear(&recent->body, 1024);
		buf_append(&recent->body, body->at, body->len);
	}
}

size_t tally_recall(const struct tally *tally, const struct tally_entry *entry,
		    struct tally_call *calls)
{
	if (!entry->recent)
		return 0;
	const struct recent *recent = &tally->recent[entry->recent - 1];
	const char *at = recent->log.at;
	for (size_t i = 0; i < recent->calls; i++) {
		memcpy(&calls[i].ms, at, sizeof(calls[i].ms));
		calls[i].text = at + sizeof(calls[i].ms);
		at = calls[i].text + strlen(calls[i].text) + 1;
	}
	return recent->calls;
}

const struct buf *tally_body(const struct tally *tally, const struct tally_entry *entry)
{
	const struct buf *body = entry->recent ? &tally->recent[entry->recent - 1].body : NULL;

	return body && body->len ? body : NULL;
}
