#include "http/trace.h"

#include <string.h>

/* "00-<32>-<16>-<2>" */
enum { TRACE = 3, SPAN = 36, FLAGS = 53, END = 55 };

static bool is_hex(const char *text, size_t len)
{
	return strspn(text, "0123456789abcdef") >= len;
}

static bool is_zero(const char *text, size_t len)
{
	return strspn(text, "0") >= len;
}

bool trace_id_read(const char *traceparent, char ret_id[TRACE_ID_BYTES])
{
	const size_t len = strlen(traceparent);
	const bool first = strncmp(traceparent, "00", 2) == 0;

	/* A later version may have more behind another hyphen. */
	if (len < END || (len > END && (first || traceparent[END] != '-')) ||
	    strncmp(traceparent, "ff", 2) == 0)
		return false;
	if (!is_hex(traceparent, 2) || !is_hex(traceparent + TRACE, TRACE_ID_BYTES - 1) ||
	    !is_hex(traceparent + SPAN, 16) || !is_hex(traceparent + FLAGS, 2) ||
	    traceparent[TRACE - 1] != '-' || traceparent[SPAN - 1] != '-' ||
	    traceparent[FLAGS - 1] != '-')
		return false;
	if (is_zero(traceparent + TRACE, TRACE_ID_BYTES - 1) || is_zero(traceparent + SPAN, 16))
		return false;
	memcpy(ret_id, traceparent + TRACE, TRACE_ID_BYTES - 1);
	ret_id[TRACE_ID_BYTES - 1] = '\0';
	return true;
}
