/*
 * A growing run of bytes, and memory that is there or the program ends: this is a tool for tests
 * on one machine, and a test that runs out of memory has nothing left to find out.
 */
#ifndef SIMULATOR_BUF_H
#define SIMULATOR_BUF_H

#include <stdarg.h>
#include <stddef.h>

/* All zero is an empty buffer. at[len] is always 0 once anything was written. */
struct buf {
	char *at;
	size_t len;
	size_t cap;
};

/* Zeroed memory; never NULL. Released with free(). */
void *buf_alloc(size_t count, size_t size);
/* As realloc(count * size); never NULL. */
void *buf_realloc(void *old, size_t count, size_t size);

void buf_append(struct buf *buf, const void *bytes, size_t n);
void buf_text(struct buf *buf, const char *text);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Appends `n` bytes of UTF-8 as a JSON string with its quotes. */
void buf_json(struct buf *buf, const char *text, size_t n);
/* Forgets the first `n` bytes. */
void buf_consume(struct buf *buf, size_t n);
/* Empties it and keeps the memory, unless that is more than `keep` bytes. */
void buf_clear(struct buf *buf, size_t keep);
void buf_free(struct buf *buf);

#endif
