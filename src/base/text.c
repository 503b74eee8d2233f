#include "base/text.h"

#include <string.h>

/* The digits from text on, all of it. */
static bool read_digits(const char *text, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;

	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		unsigned digit = (unsigned)(unsigned char)*text - '0';

		if (digit > 9 || value > max / 10 || digit > max - value * 10)
			return false;
		value = value * 10 + digit;
	}
	*ret = value;
	return true;
}

bool text_to_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
	uint64_t value;

	if (!read_digits(text, max, &value) || value < min)
		return false;
	*ret = value;
	return true;
}

bool text_to_i64(const char *text, int64_t min, int64_t max, int64_t *ret)
{
	bool negative = *text == '-';
	uint64_t magnitude;
	int64_t value;

	if (!read_digits(text + negative, (uint64_t)INT64_MAX + negative, &magnitude))
		return false;
	value = (int64_t)(negative ? 0 - magnitude : magnitude);
	if (value < min || value > max)
		return false;
	*ret = value;
	return true;
}

static bool continuation(uint8_t byte)
{
	return (byte & 0xc0) == 0x80;
}

/* Length of the well-formed sequence at p (RFC 3629, 4), 0 if there is none. */
static size_t sequence_len(const uint8_t *p, size_t left)
{
	if (p[0] < 0x80)
		return p[0] != 0;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		return left >= 2 && continuation(p[1]) ? 2 : 0;
	if (p[0] >= 0xe0 && p[0] <= 0xef) {
		uint8_t low = p[0] == 0xe0 ? 0xa0 : 0x80;  /* overlong */
		uint8_t high = p[0] == 0xed ? 0x9f : 0xbf; /* surrogates */

		return left >= 3 && p[1] >= low && p[1] <= high && continuation(p[2]) ? 3 : 0;
	}
	if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		uint8_t low = p[0] == 0xf0 ? 0x90 : 0x80;  /* overlong */
		uint8_t high = p[0] == 0xf4 ? 0x8f : 0xbf; /* beyond U+10FFFF */

		return left >= 4 && p[1] >= low && p[1] <= high && continuation(p[2]) &&
				       continuation(p[3])
			       ? 4
			       : 0;
	}
	return 0;
}

/* Eight bytes, each 0x01 to 0x7f. */
static bool plain_word(const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return ((word | (word - 0x0101010101010101)) & 0x8080808080808080) == 0;
}

bool text_utf8_valid(const char *data, size_t len, size_t *ret_code_points)
{
	const uint8_t *p = (const uint8_t *)data;
	size_t count = 0;
	size_t at = 0;

	while (at < len) {
		size_t n;

		if (len - at >= 8 && plain_word(p + at)) {
			at += 8;
			count += 8;
			continue;
		}
		n = sequence_len(p + at, len - at);
		if (n == 0)
			return false;
		at += n;
		count++;
	}
	*ret_code_points = count;
	return true;
}

bool text_visible_ascii(const char *text, size_t len, size_t max)
{
	if (len == 0 || len > max)
		return false;
	for (size_t i = 0; i < len; i++)
		if (text[i] < 0x21 || text[i] > 0x7e)
			return false;
	return true;
}

bool text_copy(char *dst, size_t size, const char *src)
{
	size_t len = strlen(src);

	if (len >= size)
		return false;
	memcpy(dst, src, len + 1);
	return true;
}

void text_copy_cut(char *dst, size_t size, const char *src)
{
	size_t len = strnlen(src, size);

	if (len == size && size > 0) {
		len--;
		while (len > 0 && continuation((uint8_t)src[len]))
			len--;
	}
	if (size > 0) {
		memcpy(dst, src, len);
		dst[len] = '\0';
	}
}

void text_hex(char *dst, const uint8_t *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		*dst++ = digits[data[i] >> 4];
		*dst++ = digits[data[i] & 15];
	}
	*dst = '\0';
}
