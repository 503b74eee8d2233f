#include <string.h>
#include <strings.h>

#include "http/send.h"

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

bool http_prefers_async(const char *prefer)
{
	static const char wanted[] = "respond-async";

	while (*prefer != '\0') {
		size_t len;

		prefer += strspn(prefer, " \t,");
		len = strcspn(prefer, " \t=;,");
		if (len == sizeof(wanted) - 1 && strncasecmp(prefer, wanted, len) == 0)
			return true;
		prefer = preference_end(prefer);
	}
	return false;
}
