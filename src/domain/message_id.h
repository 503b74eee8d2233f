/*
 * message_id - UUIDv7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, 74 random bits.
 * The random part is the permission to ask for a message (tests/LAWS.md, law 12).  Pure.
 */
#ifndef DOMAIN_MESSAGE_ID_H
#define DOMAIN_MESSAGE_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

#define MESSAGE_ID_TEXT_BYTES 37

struct message_id {
	uint8_t bytes[16];
};

/* random: 10 unpredictable bytes; wall_ms: milliseconds since 1970 UTC, 0 to 2^48 - 1. */
struct message_id message_id_make(int64_t wall_ms, const uint8_t random[10]);
/* Its milliseconds since 1970 UTC. */
int64_t message_id_ms(struct message_id id);
/* Lower case with hyphens; text has MESSAGE_ID_TEXT_BYTES bytes. */
void message_id_text(struct message_id id, char *text);
/* The canonical 36-character form, any UUID version, either case. */
bool message_id_parse(const char *text, struct message_id *ret_id) MUST_CHECK;
bool message_id_equal(struct message_id a, struct message_id b);
/* All 0: no message's. */
bool message_id_is_none(struct message_id id);

#endif
