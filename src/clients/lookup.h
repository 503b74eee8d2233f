/*
 * lookup - a bounded cache of things asked for over the network, and who waits for them:
 * while one call for a key is under way, others only join it.
 *
 * A lookup is the head of a larger object of its owner.  The least recently used one makes
 * room for a new one, but never one with a call under way.  One thread.
 */
#ifndef CLIENTS_LOOKUP_H
#define CLIENTS_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/list.h"
#include "base/table.h"

struct lookup_cache;

struct lookup {
	struct lookup_cache *cache;
	struct list by_use;
	struct list waiters;
	bool asked;  /* a call is under way */
	uint64_t id; /* of that call */
	size_t key_len;
	char *key;
};

/* Clears what is secret in it; the memory is freed by the cache. */
typedef void lookup_wipe_fn(struct lookup *l);

struct lookup_cache {
	struct table *table;
	struct list by_use; /* the least recently used first */
	size_t max;
	size_t object_size;
	lookup_wipe_fn *wipe; /* may be null */
};

bool lookup_cache_init(struct lookup_cache *cache, size_t max, size_t object_size,
		       lookup_wipe_fn *wipe) MUST_CHECK;
void lookup_cache_fini(struct lookup_cache *cache);

/* Finds or makes (zeroed) the lookup of a key.  Null: full of calls under way, or no memory. */
struct lookup *lookup_get(struct lookup_cache *cache, const char *key, size_t key_len) MUST_CHECK;

/* False: no memory. */
bool lookup_join(struct lookup *l, uint64_t tag) MUST_CHECK;
/* The call is over: moves those who wait to *ret_waiters (initialised here). */
void lookup_end(struct lookup *l, struct list *ret_waiters);
/* The next of them, until false. */
bool lookup_next_waiter(struct list *waiters, uint64_t *ret_tag);

#endif
