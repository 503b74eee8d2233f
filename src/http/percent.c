#include "http/percent.h"

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

enum percent_result percent_decode(const char *raw, size_t len, char *text, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < len; i++) {
		int value = (unsigned char)raw[i];

		if (raw[i] == '%') {
			int high = i + 2 < len ? hex_value(raw[i + 1]) : -1;
			int low = i + 2 < len ? hex_value(raw[i + 2]) : -1;

			if (high < 0 || low < 0)
				return PERCENT_MALFORMED;
			value = high << 4 | low;
			i += 2;
		}
		if (value == 0)
			return PERCENT_MALFORMED;
		if (used == size - 1)
			return PERCENT_TOO_LONG;
		text[used++] = (char)value;
	}
	text[used] = '\0';
	return PERCENT_OK;
}
