/*
 * A map from strings to pointers, for what a test sets up: some thousands of entries.
 */
#ifndef SIMULATOR_DICT_H
#define SIMULATOR_DICT_H

#include <stddef.h>

struct dict;

/* `release` is called for each value that is replaced or dropped. */
struct dict *dict_new(void (*release)(void *value));
void dict_free(struct dict *dict);
void dict_clear(struct dict *dict);
/* NULL when there is none. */
void *dict_get(const struct dict *dict, const char *key);
/* Copies the key, takes the value over. NULL as value removes the key. */
void dict_set(struct dict *dict, const char *key, void *value);
size_t dict_count(const struct dict *dict);

#endif
