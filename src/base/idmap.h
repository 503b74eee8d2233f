/*
 * idmap - id to object, with a generation, so that a late completion finds nothing instead
 * of a freed object (Law 7).
 *
 * An id is never 0 and not given out again before its slot has gone through 2^32
 * generations.  Objects are borrowed: the map never frees them.  One thread.
 */
#ifndef BASE_IDMAP_H
#define BASE_IDMAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct idmap;

/* Holds at most max objects (1 to 2^31).  Null: no memory. */
struct idmap *idmap_new(uint32_t max) MUST_CHECK;
void idmap_free(struct idmap *map);

/* 0: full, or no memory. object is not null. */
uint64_t idmap_add(struct idmap *map, void *object) MUST_CHECK;
/* Null: gone, or never given out. */
void *idmap_get(const struct idmap *map, uint64_t id);
/* Returns what was there, or null. */
void *idmap_remove(struct idmap *map, uint64_t id);
uint32_t idmap_count(const struct idmap *map);

/* Visits every object, in no order; the visitor may remove the one it is given. */
typedef void idmap_visit_fn(void *arg, uint64_t id, void *object);
void idmap_visit(struct idmap *map, idmap_visit_fn *visit, void *arg);

#endif
