/*
 * Entries live in one array; buckets hold the index of the first entry of a chain, entries
 * the index of the next.  Both arrays have the same size, a power of two, and double
 * together, so chains stay short and a move needs no memory per entry.
 *
 * The hash is SipHash-1-3 (J.-P. Aumasson, D. J. Bernstein) with a random key per table.
 * Invariants: an entry is used exactly when its object is not null; unused ones form a list
 * through next.
 */
#include "base/table.h"

#include <stdlib.h>
#include <string.h>

#include "base/random.h"

#define FIRST_SIZE 16
#define NONE UINT32_MAX

struct entry {
	const void *key;
	size_t key_len;
	void *object;
	uint32_t hash;
	uint32_t next;
};

struct table {
	struct entry *entries;
	uint32_t *buckets;
	uint32_t size; /* of both arrays; 0 or a power of two */
	uint32_t count;
	uint32_t max;
	uint32_t first_free;
	uint64_t seed[2];
};

static inline uint64_t rotate(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

static inline void sip_word(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
}

static uint32_t hash_of(const struct table *t, const void *key, size_t len)
{
	const uint8_t *p = key;
	uint64_t v[4] = { t->seed[0] ^ 0x736f6d6570736575, t->seed[1] ^ 0x646f72616e646f6d,
			  t->seed[0] ^ 0x6c7967656e657261, t->seed[1] ^ 0x7465646279746573 };
	uint64_t last = (uint64_t)len << 56;
	uint64_t word;

	for (; len >= 8; p += 8, len -= 8) {
		memcpy(&word, p, 8);
		sip_word(v, word);
	}
	for (size_t i = 0; i < len; i++)
		last |= (uint64_t)p[i] << (8 * i);
	sip_word(v, last);
	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return (uint32_t)(v[0] ^ v[1] ^ v[2] ^ v[3]);
}

struct table *table_new(size_t max)
{
	struct table *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->max = max > INT32_MAX ? (uint32_t)INT32_MAX + 1 : (uint32_t)max;
	t->first_free = NONE;
	random_bytes(t->seed, sizeof(t->seed));
	return t;
}

void table_free(struct table *t)
{
	if (t == NULL)
		return;
	free(t->entries);
	free(t->buckets);
	free(t);
}

static bool same_key(const struct entry *e, uint32_t hash, const void *key, size_t len)
{
	return e->hash == hash && e->key_len == len && (len == 0 || memcmp(e->key, key, len) == 0);
}

/* Where the index of the key's entry is kept: in its bucket or in the entry before it.
 * *link is NONE when it is not there. */
static uint32_t *find_link(const struct table *t, uint32_t hash, const void *key, size_t len)
{
	uint32_t *link = &t->buckets[hash & (t->size - 1)];

	while (*link != NONE && !same_key(&t->entries[*link], hash, key, len))
		link = &t->entries[*link].next;
	return link;
}

static bool grow(struct table *t)
{
	uint32_t size = t->size == 0 ? FIRST_SIZE : t->size * 2;
	struct entry *entries = reallocarray(t->entries, size, sizeof(*entries));
	uint32_t *buckets;

	if (entries == NULL)
		return false;
	t->entries = entries; /* larger than t->size until the buckets are there, too */
	buckets = reallocarray(t->buckets, size, sizeof(*buckets));
	if (buckets == NULL)
		return false;
	t->buckets = buckets;
	memset(buckets, 0xff, size * sizeof(*buckets));
	for (uint32_t i = 0; i < t->size; i++) {
		uint32_t *bucket = &buckets[entries[i].hash & (size - 1)];

		entries[i].next = *bucket; /* all are in use: it grows only when full */
		*bucket = i;
	}
	for (uint32_t i = t->size; i < size; i++)
		entries[i] = (struct entry){ .next = i + 1 < size ? i + 1 : NONE };
	t->first_free = t->size;
	t->size = size;
	return true;
}

bool table_insert(struct table *t, const void *key, size_t key_len, void *object)
{
	uint32_t hash = hash_of(t, key, key_len);
	struct entry *e;
	uint32_t *bucket;
	uint32_t index;

	if (t->size > 0 && *find_link(t, hash, key, key_len) != NONE)
		return false;
	if (t->count == t->max || (t->first_free == NONE && !grow(t)))
		return false;
	index = t->first_free;
	e = &t->entries[index];
	t->first_free = e->next;
	bucket = &t->buckets[hash & (t->size - 1)];
	*e = (struct entry){
		.key = key, .key_len = key_len, .object = object, .hash = hash, .next = *bucket
	};
	*bucket = index;
	t->count++;
	return true;
}

void *table_find(const struct table *t, const void *key, size_t key_len)
{
	uint32_t index;

	if (t->count == 0)
		return NULL;
	index = *find_link(t, hash_of(t, key, key_len), key, key_len);
	return index != NONE ? t->entries[index].object : NULL;
}

void *table_remove(struct table *t, const void *key, size_t key_len)
{
	struct entry *e;
	uint32_t *link;
	uint32_t index;
	void *object;

	if (t->count == 0)
		return NULL;
	link = find_link(t, hash_of(t, key, key_len), key, key_len);
	index = *link;
	if (index == NONE)
		return NULL;
	e = &t->entries[index];
	object = e->object;
	*link = e->next;
	*e = (struct entry){ .next = t->first_free };
	t->first_free = index;
	t->count--;
	return object;
}

size_t table_count(const struct table *t)
{
	return t->count;
}

void table_visit(struct table *t, table_visit_fn *visit, void *arg)
{
	for (uint32_t i = 0; i < t->size; i++)
		if (t->entries[i].object != NULL)
			visit(arg, t->entries[i].object);
}
