#include "http/idempotency.h"

#include <string.h>

#include "base/text.h"

/* Takes a quoted string apart, in place of its two ends.  False: it is not one, or longer than
 * a key may be.  Only what is visible gets past the caller. */
static bool unquote(const char *text, size_t len, char key[IDEMPOTENCY_KEY_BYTES])
{
	size_t used = 0;
	size_t i;

	for (i = 1; i < len && text[i] != '"'; i++) {
		if (text[i] == '\\' && (++i == len || (text[i] != '"' && text[i] != '\\')))
			return false;
		if (used == IDEMPOTENCY_KEY_MAX)
			return false;
		key[used++] = text[i];
	}
	key[used] = '\0';
	return i + 1 == len;
}

bool idempotency_key_read(const char *header, char ret_key[IDEMPOTENCY_KEY_BYTES],
			  struct err *ret_err)
{
	char key[IDEMPOTENCY_KEY_BYTES] = "";
	size_t len;
	bool whole;

	header += strspn(header, " \t");
	len = strlen(header);
	while (len > 0 && (header[len - 1] == ' ' || header[len - 1] == '\t'))
		len--;
	if (len == 0) {
		ret_key[0] = '\0';
		return true;
	}
	whole = header[0] == '"' ? unquote(header, len, key) : len <= IDEMPOTENCY_KEY_MAX;
	if (whole && header[0] != '"') {
		memcpy(key, header, len);
		key[len] = '\0';
	}
	if (!whole || !text_visible_ascii(key, strlen(key), IDEMPOTENCY_KEY_MAX)) {
		err_set(ret_err, ERR_INVALID, 0,
			"Idempotency-Key: is not a key; write 1 to %d visible ASCII characters "
			"without spaces, bare or as a quoted string",
			IDEMPOTENCY_KEY_MAX);
		return false;
	}
	memcpy(ret_key, key, sizeof(key));
	return true;
}
