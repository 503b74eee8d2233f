#include "fuzz.h"

#include <string.h>

char *fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	MUST_HOLD(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

uint8_t fuzz_take(const uint8_t **data, size_t *size)
{
	const uint8_t *at = *data;

	if (*size == 0)
		return 0;
	*data = at + 1;
	--*size;
	return *at;
}
