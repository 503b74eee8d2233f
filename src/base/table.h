/*
 * table - text or 16-byte keys to objects: a hash table with chaining for caches and
 * indices.  Keys and objects are borrowed (the key usually lives inside the object).
 * Bounded: an insert beyond max fails.  Seeded hash (random per process), so keys chosen by
 * strangers cannot make it slow.  One thread.
 */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct table;

/* Holds at most max objects (1 to 2^31).  Null: no memory. */
struct table *table_new(size_t max) MUST_CHECK;
void table_free(struct table *t);
/* False: full, no memory, or the key is there already.  object is not null. */
bool table_insert(struct table *t, const void *key, size_t key_len, void *object) MUST_CHECK;
void *table_find(const struct table *t, const void *key, size_t key_len);
/* Returns what was there, or null. */
void *table_remove(struct table *t, const void *key, size_t key_len);
size_t table_count(const struct table *t);
/* The visitor may remove the entry it is given, no other. */
typedef void table_visit_fn(void *arg, void *object);
void table_visit(struct table *t, table_visit_fn *visit, void *arg);

#endif
