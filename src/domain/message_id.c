#include "domain/message_id.h"

#include <string.h>

struct message_id message_id_make(int64_t wall_ms, const uint8_t random[10])
{
	struct message_id id;

	for (int i = 0; i < 6; i++)
		id.bytes[i] = (uint8_t)((uint64_t)wall_ms >> (40 - 8 * i));
	memcpy(id.bytes + 6, random, 10);
	id.bytes[6] = (uint8_t)(0x70 | (id.bytes[6] & 0x0f)); /* version 7 */
	id.bytes[8] = (uint8_t)(0x80 | (id.bytes[8] & 0x3f)); /* variant 10 */
	return id;
}

int64_t message_id_ms(struct message_id id)
{
	uint64_t ms = 0;

	for (int i = 0; i < 6; i++)
		ms = ms << 8 | id.bytes[i];
	return (int64_t)ms;
}

static bool is_hyphen_place(size_t at)
{
	return at == 8 || at == 13 || at == 18 || at == 23;
}

void message_id_text(struct message_id id, char *text)
{
	static const char digits[] = "0123456789abcdef";
	size_t at = 0;

	for (size_t i = 0; i < sizeof(id.bytes); i++) {
		if (is_hyphen_place(at))
			text[at++] = '-';
		text[at++] = digits[id.bytes[i] >> 4];
		text[at++] = digits[id.bytes[i] & 0x0f];
	}
	text[at] = '\0';
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool message_id_parse(const char *text, struct message_id *ret_id)
{
	struct message_id id;
	size_t nibbles = 0;

	memset(&id, 0, sizeof(id));
	for (size_t at = 0; at < MESSAGE_ID_TEXT_BYTES - 1; at++) {
		int value = hex_value(text[at]);

		if (is_hyphen_place(at)) {
			if (text[at] != '-')
				return false;
			continue;
		}
		if (value < 0) /* the ending 0 too */
			return false;
		id.bytes[nibbles / 2] = (uint8_t)(id.bytes[nibbles / 2] << 4 | value);
		nibbles++;
	}
	if (text[MESSAGE_ID_TEXT_BYTES - 1] != '\0')
		return false;
	*ret_id = id;
	return true;
}

bool message_id_equal(struct message_id a, struct message_id b)
{
	return memcmp(a.bytes, b.bytes, sizeof(a.bytes)) == 0;
}

bool message_id_is_none(struct message_id id)
{
	static const struct message_id none;

	return message_id_equal(id, none);
}
