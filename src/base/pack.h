/*
 * pack - fixed binary writing and reading of small records that travel between processes
 * of one node (bells).  Same program on both ends: host byte order, no versions.
 *
 * Writer: into a caller's buffer; passing its end sets `failed`.  Reader: every get checks
 * the bounds; on bad input it sets `failed` and returns zeros, so check once at the end
 * with pack_end(), which also demands that nothing is left over.
 */
#ifndef BASE_PACK_H
#define BASE_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pack {
	uint8_t *data;
	size_t at;
	size_t size;
	bool failed;
};

void pack_init(struct pack *p, void *data, size_t size);
void pack_put_u8(struct pack *p, uint8_t v);
void pack_put_u32(struct pack *p, uint32_t v);
void pack_put_u64(struct pack *p, uint64_t v);
void pack_put_i64(struct pack *p, int64_t v);
void pack_put_bytes(struct pack *p, const void *data, size_t len); /* fixed length */
void pack_put_text(struct pack *p, const char *text);              /* length and bytes */

uint8_t pack_get_u8(struct pack *p);
uint32_t pack_get_u32(struct pack *p);
uint64_t pack_get_u64(struct pack *p);
int64_t pack_get_i64(struct pack *p);
void pack_get_bytes(struct pack *p, void *data, size_t len);
/* Borrowed from the buffer, ended with 0 (the 0 is on the wire); "" after a failure. */
const char *pack_get_text(struct pack *p);
/* True: nothing failed and nothing is left. */
bool pack_end(const struct pack *p);

#endif
