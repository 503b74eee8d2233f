#include "simulator/magic.h"

#include <string.h>

/* The first n digits as a number, -1 when there are fewer. */
static int number_of(const char *digits, size_t n)
{
	int value = 0;

	if (strlen(digits) < n)
		return -1;
	for (size_t i = 0; i < n; i++)
		value = value * 10 + (digits[i] - '0');
	return value;
}

bool magic_find(const char *digits, uint32_t calls, struct behaviour *ret_behaviour)
{
	struct behaviour found = behaviour_plain(BEHAVE_OK);

	if (strncmp(digits, "999", 3) != 0 || !digits[3])
		return false;
	int n = number_of(digits + 4, digits[3] == '1' ? 6 : 2);
	if (n < 0)
		return false;
	switch (digits[3]) {
	case '1':
		found.kind = BEHAVE_ERROR;
		found.code = n;
		break;
	case '2':
		if (calls <= (uint32_t)n) {
			found.kind = BEHAVE_ERROR;
			found.code = 2;
			found.status = 503;
		}
		break;
	case '3':
		found.kind = BEHAVE_DROP_REPLY;
		break;
	case '4':
		found.kind = BEHAVE_CUT_BEFORE;
		break;
	case '5':
		found.kind = BEHAVE_HANG;
		break;
	case '6':
		found.kind = BEHAVE_HTML_502;
		break;
	case '7':
		found.kind = BEHAVE_NO_ID;
		break;
	case '8':
		found.kind = BEHAVE_CUT_REPLY;
		break;
	case '9':
		found.latency_ms = n * 1000;
		break;
	default:
		return false;
	}
	*ret_behaviour = found;
	return true;
}

int magic_failure(const char *digits)
{
	int code = strncmp(digits, "9990", 4) == 0 ? number_of(digits + 4, 6) : 0;

	return code > 0 ? code : 0;
}
