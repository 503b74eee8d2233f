#include "http/prefer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

#define WAIT_MOST_S 1000000

/* The end of this preference: the next comma outside quotes, or the end (RFC 7240, section 2;
 * quoted strings: RFC 9110, section 5.6.4). */
static const char *preference_end(const char *at)
{
	bool quoted = false;

	for (; *at != '\0' && (quoted || *at != ','); at++) {
		if (*at == '"')
			quoted = !quoted;
		else if (quoted && *at == '\\' && at[1] != '\0')
			at++;
	}
	return at;
}

/* delta-seconds behind the name, also quoted; -1: it is none. */
static int64_t read_seconds(const char *at, const char *end)
{
	char digits[16];
	uint64_t seconds;
	size_t len;

	at += strspn(at, " \t");
	if (at >= end || *at != '=')
		return -1;
	at++;
	at += strspn(at, " \t");
	at += *at == '"';
	len = strspn(at, "0123456789");
	if (len == 0 || at + len > end)
		return -1;
	if (len >= sizeof(digits))
		return WAIT_MOST_S;
	memcpy(digits, at, len);
	digits[len] = '\0';
	at += len;
	at += *at == '"';
	at += strspn(at, " \t");
	if ((at < end && *at != ';') || !text_to_u64(digits, 0, UINT64_MAX, &seconds))
		return -1;
	return seconds < WAIT_MOST_S ? (int64_t)seconds : WAIT_MOST_S;
}

static bool is_named(const char *at, size_t len, const char *name)
{
	return len == strlen(name) && strncasecmp(at, name, len) == 0;
}

struct prefer prefer_read(const char *header)
{
	struct prefer prefer = { .wait_s = -1 };
	bool seen = false;

	while (*header != '\0') {
		const char *end;
		size_t len;

		header += strspn(header, " \t,");
		end = preference_end(header);
		len = strcspn(header, " \t=;,");
		if (is_named(header, len, "respond-async")) {
			prefer.respond_async = true;
		} else if (is_named(header, len, "wait") && !seen) {
			seen = true;
			prefer.wait_s = read_seconds(header + len, end);
		}
		header = end;
	}
	return prefer;
}

int64_t prefer_wait_ms(const struct prefer *prefer, int64_t most_ms)
{
	if (prefer->wait_s >= 0)
		return prefer->wait_s * 1000 < most_ms ? prefer->wait_s * 1000 : most_ms;
	return prefer->respond_async ? 0 : most_ms;
}

void prefer_applied(const struct prefer *prefer, int64_t most_ms, bool later,
		    char ret_text[PREFER_TEXT_BYTES])
{
	const bool async = later && prefer->respond_async;

	ret_text[0] = '\0';
	if (prefer->wait_s >= 0)
		(void)snprintf(ret_text, PREFER_TEXT_BYTES, "%swait=%" PRId64,
			       async ? "respond-async, " : "",
			       prefer_wait_ms(prefer, most_ms) / 1000);
	else if (async)
		text_copy_cut(ret_text, PREFER_TEXT_BYTES, "respond-async");
}
