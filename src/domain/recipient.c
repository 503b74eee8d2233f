#include "domain/recipient.h"

#include <string.h>

#define DIGITS_MIN 8
#define DIGITS_MAX 15 /* E.164 */

/* Takes out spaces, hyphens and brackets; false at anything but digits with at most one
 * plus before them.  *ret_count goes on counting past DIGITS_MAX, so that it can be told. */
static bool read_digits(const char *text, char *digits, size_t *ret_count, bool *ret_plus)
{
	size_t count = 0;
	bool plus = false;

	for (; *text != '\0'; text++) {
		if (strchr(" -()[]", *text) != NULL)
			continue;
		if (*text == '+' && !plus && count == 0) {
			plus = true;
			continue;
		}
		if (*text < '0' || *text > '9')
			return false;
		if (count < DIGITS_MAX)
			digits[count] = *text;
		count++;
	}
	*ret_count = count;
	*ret_plus = plus;
	return true;
}

static const char *fault(const char *digits, size_t count, bool plus)
{
	if (count == 0)
		return "has no digits; write + and 8 to 15 digits, for example +628123456789";
	if (digits[0] == '0')
		return "begins with 0; write +62… (the country code) instead of the 0";
	/* Bare digits are completed only where the contract says how: guessing a country
	 * would send somebody else the message. */
	if (!plus && (count < 3 || memcmp(digits, "628", 3) != 0))
		return "has no country code; write + and the country code, for example "
		       "+628123456789";
	if (count < DIGITS_MIN)
		return "is too short; write + and 8 to 15 digits, for example +628123456789";
	if (count > DIGITS_MAX)
		return "is too long; write + and 8 to 15 digits, for example +628123456789";
	return NULL;
}

bool recipient_normalise(const char *text, char ret_recipient[RECIPIENT_BYTES],
			 const char **ret_why)
{
	char digits[DIGITS_MAX];
	size_t count;
	bool plus;
	const char *why;

	if (read_digits(text, digits, &count, &plus))
		why = fault(digits, count, plus);
	else
		why = "is not a phone number; write + and 8 to 15 digits, for example "
		      "+628123456789";
	if (why != NULL) {
		*ret_why = why;
		return false;
	}
	ret_recipient[0] = '+';
	memcpy(ret_recipient + 1, digits, count);
	ret_recipient[1 + count] = '\0';
	return true;
}
