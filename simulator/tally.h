/*
 * Counts per key (a message id, a recipient), cheap enough for millions of keys: 32 bytes an
 * entry plus 4 to 8 of index. The calls themselves are remembered for the last TALLY_RECENT
 * keys only.
 */
#ifndef SIMULATOR_TALLY_H
#define SIMULATOR_TALLY_H

#include "simulator/buf.h"

#include <stdint.h>

enum {
	TALLY_RECENT = 20000,
	TALLY_CALLS_KEPT = 64, /* per key; later calls are counted only */
	TALLY_KEY_MAX = 512,
};

struct tally;

struct tally_entry {
	uint8_t key[16]; /* packed as `form` says; read it with tally_key() */
	uint32_t calls;
	uint32_t accepted;
	uint32_t form : 2;
	uint32_t posts : 15;  /* to the Conversation Service under this key; stops at 32,767 */
	uint32_t stored : 15; /* those that it took */
	uint32_t recent;      /* slot + 1 of what is remembered of its calls, or 0 */
};

/* One remembered call. */
struct tally_call {
	int64_t ms;
	const char *text;
};

struct tally *tally_new(void);
void tally_free(struct tally *tally);
void tally_clear(struct tally *tally);

/* The entry of the key, made when there is none; stays where it is until tally_clear(). */
struct tally_entry *tally_get(struct tally *tally, const char *key);
/* NULL when there is none. */
struct tally_entry *tally_find(const struct tally *tally, const char *key);
size_t tally_count(const struct tally *tally);
/* In the order of their making. */
struct tally_entry *tally_at(const struct tally *tally, size_t i);
/* `to` has room for a key of up to 36 bytes; longer ones are returned where they are. */
const char *tally_key(const struct tally_entry *entry, char to[40]);

/* Remembers one call; `body` (NULL: none) replaces the one remembered before. */
void tally_remember(struct tally *tally, struct tally_entry *entry, int64_t ms, const char *text,
		    const struct buf *body);
/* Fills `calls` (room for TALLY_CALLS_KEPT); their number, 0 when forgotten. */
size_t tally_recall(const struct tally *tally, const struct tally_entry *entry,
		    struct tally_call *calls);
/* The last body, or NULL. */
const struct buf *tally_body(const struct tally *tally, const struct tally_entry *entry);

#endif
