#include "clients/lookup.h"

#include <stdlib.h>
#include <string.h>

struct waiter {
	struct list node;
	uint64_t tag;
};

bool lookup_cache_init(struct lookup_cache *cache, size_t max, size_t object_size,
		       lookup_wipe_fn *wipe)
{
	*cache = (struct lookup_cache){ .max = max, .object_size = object_size, .wipe = wipe };
	list_init(&cache->by_use);
	cache->table = table_new(max);
	return cache->table != NULL;
}

static void drop_waiters(struct list *waiters)
{
	uint64_t tag;

	while (lookup_next_waiter(waiters, &tag))
		;
}

static void drop(struct lookup_cache *cache, struct lookup *l)
{
	(void)table_remove(cache->table, l->key, l->key_len);
	list_remove(&l->by_use);
	drop_waiters(&l->waiters);
	if (cache->wipe != NULL)
		cache->wipe(l);
	free(l->key);
	free(l);
}

static void drop_visited(void *cache, void *object)
{
	drop(cache, object);
}

void lookup_cache_fini(struct lookup_cache *cache)
{
	if (cache->table == NULL)
		return;
	table_visit(cache->table, drop_visited, cache);
	table_free(cache->table);
	cache->table = NULL;
}

static bool make_room(struct lookup_cache *cache)
{
	if (table_count(cache->table) < cache->max)
		return true;
	for (struct list *node = cache->by_use.next; node != &cache->by_use; node = node->next) {
		struct lookup *l = LIST_OBJECT(node, struct lookup, by_use);

		if (l->asked)
			continue;
		drop(cache, l);
		return true;
	}
	return false;
}

static struct lookup *make(struct lookup_cache *cache, const char *key, size_t key_len)
{
	struct lookup *l = calloc(1, cache->object_size);

	if (l == NULL)
		return NULL;
	l->cache = cache;
	list_init(&l->by_use);
	list_init(&l->waiters);
	l->key = strndup(key, key_len);
	l->key_len = key_len;
	if (l->key != NULL && table_insert(cache->table, l->key, key_len, l))
		return l;
	free(l->key);
	free(l);
	return NULL;
}

struct lookup *lookup_get(struct lookup_cache *cache, const char *key, size_t key_len)
{
	struct lookup *l = table_find(cache->table, key, key_len);

	if (l == NULL && make_room(cache))
		l = make(cache, key, key_len);
	if (l == NULL)
		return NULL;
	list_remove(&l->by_use);
	list_append(&cache->by_use, &l->by_use);
	return l;
}

bool lookup_join(struct lookup *l, uint64_t tag)
{
	struct waiter *w = malloc(sizeof(*w));

	if (w == NULL)
		return false;
	w->tag = tag;
	list_append(&l->waiters, &w->node);
	return true;
}

void lookup_end(struct lookup *l, struct list *ret_waiters)
{
	struct list *node;

	list_init(ret_waiters);
	while ((node = list_take_first(&l->waiters)) != NULL)
		list_append(ret_waiters, node);
	l->asked = false;
	l->id = 0;
}

bool lookup_next_waiter(struct list *waiters, uint64_t *ret_tag)
{
	struct list *node = list_take_first(waiters);
	struct waiter *w;

	if (node == NULL)
		return false;
	w = LIST_OBJECT(node, struct waiter, node);
	*ret_tag = w->tag;
	free(w);
	return true;
}
