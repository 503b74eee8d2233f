/*
 * A table with open addressing.  Nothing is taken out of it: an entry that owes nothing is dropped
 * when the table is built anew, which happens when it is three quarters full.
 */
#include "domain/pair.h"

#include <stdlib.h>

#define SLOTS_MIN 64
#define FULL_MS 1000   /* a full one is built anew so often at most */
#define REFUSALS 7     /* the low bits of an entry's key count the refusals in a row */
#define REFUSALS_MAX 4 /* 4^4 = 256 s */

struct entry {
	uint64_t key;    /* 0: free */
	int64_t paid_ms; /* all is paid back then */
};

struct pairs {
	struct pair_policy policy;
	size_t max;
	size_t used;  /* slots */
	size_t slots; /* a power of two */
	int64_t built_ms;
	struct entry *entries;
};

struct pairs *pairs_new(const struct pair_policy *policy, size_t max)
{
	struct pairs *p = malloc(sizeof(*p));

	if (!p)
		return NULL;
	*p = (struct pairs){ .policy = *policy, .max = max, .slots = SLOTS_MIN };
	p->entries = calloc(p->slots, sizeof(*p->entries));
	if (p->entries)
		return p;
	free(p);
	return NULL;
}

void pairs_free(struct pairs *p)
{
	if (!p)
		return;
	free(p->entries);
	free(p);
}

static uint64_t key_of(uint64_t pair)
{
	const uint64_t key = pair & ~(uint64_t)REFUSALS;

	return key ? key : ~(uint64_t)REFUSALS;
}

/* Its entry, or the free slot where it would be; there always is one. */
static struct entry *slot_of(struct entry *entries, size_t slots, uint64_t key)
{
	size_t at = (size_t)(key >> 3) & (slots - 1);

	while (entries[at].key && (entries[at].key & ~(uint64_t)REFUSALS) != key)
		at = (at + 1) & (slots - 1);
	return &entries[at];
}

static struct entry *find(const struct pairs *p, uint64_t pair)
{
	struct entry *e = slot_of(p->entries, p->slots, key_of(pair));

	return e->key ? e : NULL;
}

/* Without those who owe nothing, and with room for as many again.  False: no memory. */
static bool build_anew(struct pairs *p, int64_t now_ms)
{
	struct entry *entries;
	size_t owing = 0;
	size_t slots = SLOTS_MIN;

	for (size_t i = 0; i < p->slots; i++)
		owing += p->entries[i].key && p->entries[i].paid_ms > now_ms;
	while (slots < owing * 2 + 2)
		slots *= 2;
	entries = calloc(slots, sizeof(*entries));
	if (!entries)
		return false;
	for (size_t i = 0; i < p->slots; i++) {
		const struct entry *e = &p->entries[i];

		if (e->key && e->paid_ms > now_ms)
			*slot_of(entries, slots, e->key & ~(uint64_t)REFUSALS) = *e;
	}
	free(p->entries);
	p->entries = entries;
	p->slots = slots;
	p->used = owing;
	p->built_ms = now_ms;
	return true;
}

/* Made when there is none; null: no room. */
static struct entry *entry_of(struct pairs *p, uint64_t pair, int64_t now_ms)
{
	const uint64_t key = key_of(pair);
	struct entry *e = slot_of(p->entries, p->slots, key);

	if (e->key) {
		if (e->paid_ms <= now_ms)
			*e = (struct entry){ .key = key, .paid_ms = now_ms };
		return e;
	}
	if ((p->used + 1) * 4 > p->slots * 3 || p->used >= p->max) {
		if (p->used >= p->max && now_ms - p->built_ms < FULL_MS)
			return NULL;
		if (!build_anew(p, now_ms) || p->used >= p->max)
			return NULL;
		e = slot_of(p->entries, p->slots, key);
	}
	p->used++;
	*e = (struct entry){ .key = key, .paid_ms = now_ms };
	return e;
}

/* What may be owed for one more to go. */
static int64_t lent_ms(const struct pairs *p)
{
	return (int64_t)(p->policy.burst - 1) * p->policy.every_ms;
}

int64_t pairs_ready_ms(const struct pairs *p, uint64_t pair, bool cautious, int64_t now_ms)
{
	const struct entry *e = p->policy.every_ms ? find(p, pair) : NULL;
	int64_t at_ms;

	if (!e)
		return now_ms;
	/* More than one owed: its history is known. */
	cautious &= e->paid_ms - now_ms <= p->policy.every_ms;
	at_ms = e->paid_ms - (cautious ? 0 : lent_ms(p));
	return at_ms > now_ms ? at_ms : now_ms;
}

bool pairs_take(struct pairs *p, uint64_t pair, int64_t now_ms)
{
	struct entry *e;

	if (!p->policy.every_ms)
		return true;
	e = entry_of(p, pair, now_ms);
	if (e)
		e->paid_ms += p->policy.every_ms;
	return e;
}

void pairs_give_back(struct pairs *p, uint64_t pair)
{
	struct entry *e = p->policy.every_ms ? find(p, pair) : NULL;

	if (e)
		e->paid_ms -= p->policy.every_ms;
}

void pairs_refused(struct pairs *p, uint64_t pair, int64_t now_ms)
{
	struct entry *e = p->policy.every_ms ? entry_of(p, pair, now_ms) : NULL;
	unsigned refusals;
	int64_t wait_ms = 1000;

	if (!e)
		return;
	refusals = e->key & REFUSALS;
	for (unsigned i = 0; i < refusals; i++)
		wait_ms *= 4;
	if (refusals < REFUSALS_MAX)
		e->key++;
	if (e->paid_ms < now_ms + wait_ms + lent_ms(p))
		e->paid_ms = now_ms + wait_ms + lent_ms(p);
}

int64_t pairs_cautious_ms(const struct pairs *p)
{
	return (int64_t)p->policy.burst * p->policy.every_ms;
}

size_t pairs_memory(const struct pairs *p)
{
	return sizeof(*p) + p->slots * sizeof(*p->entries);
}
