/*
 * An array of slots that doubles as it fills.  id = generation << 32 | (index + 1).
 * Invariants: a slot is used exactly when its object is not null; free slots form a list
 * (last freed first: its memory is warm); a slot's generation grows when it is freed.
 */
#include "base/idmap.h"

#include <stdlib.h>

#define FIRST_SLOTS 16
#define NO_SLOT UINT32_MAX

struct slot {
	void *object;
	uint32_t generation;
	uint32_t next_free;
};

struct idmap {
	struct slot *slots;
	uint32_t size;
	uint32_t max;
	uint32_t count;
	uint32_t first_free;
};

struct idmap *idmap_new(uint32_t max)
{
	struct idmap *map = calloc(1, sizeof(*map));

	if (map == NULL)
		return NULL;
	map->max = max;
	map->first_free = NO_SLOT;
	return map;
}

void idmap_free(struct idmap *map)
{
	if (map == NULL)
		return;
	free(map->slots);
	free(map);
}

static int grow(struct idmap *map)
{
	uint32_t size = map->size == 0 ? FIRST_SLOTS : map->size * 2;
	struct slot *slots;

	if (size > map->max)
		size = map->max;
	slots = reallocarray(map->slots, size, sizeof(*slots));
	if (slots == NULL)
		return -1;
	for (uint32_t i = map->size; i < size; i++)
		slots[i] = (struct slot){ .next_free = i + 1 < size ? i + 1 : NO_SLOT };
	map->first_free = map->size;
	map->slots = slots;
	map->size = size;
	return 0;
}

uint64_t idmap_add(struct idmap *map, void *object)
{
	struct slot *slot;
	uint32_t index;

	if (map->count == map->max)
		return 0;
	if (map->first_free == NO_SLOT && grow(map) != 0)
		return 0;
	index = map->first_free;
	slot = &map->slots[index];
	map->first_free = slot->next_free;
	map->count++;
	slot->object = object;
	return (uint64_t)slot->generation << 32 | (index + 1);
}

static struct slot *find(const struct idmap *map, uint64_t id)
{
	uint32_t index = (uint32_t)id - 1; /* of id 0: beyond any size */
	struct slot *slot;

	if (index >= map->size)
		return NULL;
	slot = &map->slots[index];
	return slot->object != NULL && slot->generation == (uint32_t)(id >> 32) ? slot : NULL;
}

void *idmap_get(const struct idmap *map, uint64_t id)
{
	struct slot *slot = find(map, id);

	return slot != NULL ? slot->object : NULL;
}

void *idmap_remove(struct idmap *map, uint64_t id)
{
	struct slot *slot = find(map, id);
	void *object;

	if (slot == NULL)
		return NULL;
	object = slot->object;
	slot->object = NULL;
	slot->generation++;
	slot->next_free = map->first_free;
	map->first_free = (uint32_t)(slot - map->slots);
	map->count--;
	return object;
}

uint32_t idmap_count(const struct idmap *map)
{
	return map->count;
}

void idmap_visit(struct idmap *map, idmap_visit_fn *visit, void *arg)
{
	for (uint32_t i = 0; i < map->size; i++) {
		const struct slot *slot = &map->slots[i];

		if (slot->object != NULL)
			visit(arg, (uint64_t)slot->generation << 32 | (i + 1), slot->object);
	}
}
