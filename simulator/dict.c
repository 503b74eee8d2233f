#include "simulator/dict.h"

#include "simulator/buf.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 4096 };

struct dict_entry {
	struct dict_entry *next;
	void *value;
	char key[];
};

struct dict {
	void (*release)(void *value);
	size_t count;
	struct dict_entry *buckets[BUCKETS];
};

struct dict *dict_new(void (*release)(void *value))
{
	struct dict *dict = buf_alloc(1, sizeof(*dict));

	dict->release = release;
	return dict;
}

void dict_clear(struct dict *dict)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		struct dict_entry *entry;

		while ((entry = dict->buckets[i])) {
			dict->buckets[i] = entry->next;
			dict->release(entry->value);
			free(entry);
		}
	}
	dict->count = 0;
}

void dict_free(struct dict *dict)
{
	dict_clear(dict);
	free(dict);
}

/* The link that points to the entry, or to NULL at the end of its bucket. */
static struct dict_entry **find(const struct dict *dict, const char *key)
{
	uint32_t hash = 2166136261u;

	for (const char *c = key; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619u;
	struct dict_entry **link = (struct dict_entry **)&dict->buckets[hash % BUCKETS];
	while (*link && strcmp((*link)->key, key) != 0)
		link = &(*link)->next;
	return link;
}

void *dict_get(const struct dict *dict, const char *key)
{
	struct dict_entry *entry = dict->count ? *find(dict, key) : NULL;

	return entry ? entry->value : NULL;
}

void dict_set(struct dict *dict, const char *key, void *value)
{
	struct dict_entry **link = find(dict, key);
	struct dict_entry *entry = *link;

	if (entry) {
		dict->release(entry->value);
		entry->value = value;
		if (value)
			return;
		*link = entry->next;
		free(entry);
		dict->count--;
	} else if (value) {
		size_t size = strlen(key) + 1;

		entry = buf_alloc(1, sizeof(*entry) + size);
		memcpy(entry->key, key, size);
		entry->value = value;
		*link = entry;
		dict->count++;
	}
}

size_t dict_count(const struct dict *dict)
{
	return dict->count;
}
