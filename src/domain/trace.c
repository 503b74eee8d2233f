#include "domain/trace.h"

#include <stdbool.h>
#include <string.h>

#include "base/text.h"

enum { TRACE = 3, SPAN = 36, FLAGS = 53, END = 55 };
enum { TRACE_ID = 16, SPAN_ID = 8 }; /* bytes; two digits each */
enum { FLAGS_KNOWN = 0x03 };         /* sampled, random */

static bool is_hex(const char *text, size_t len)
{
	return strspn(text, "0123456789abcdef") >= len;
}

static bool is_zero(const char *text, size_t len)
{
	return strspn(text, "0") >= len;
}

static bool is_sound(const char *traceparent)
{
	const size_t len = strlen(traceparent);
	const bool first = strncmp(traceparent, "00", 2) == 0;

	/* A later version may have more behind another hyphen. */
	if (len < END || (len > END && (first || traceparent[END] != '-')) ||
	    strncmp(traceparent, "ff", 2) == 0)
		return false;
	if (!is_hex(traceparent, 2) || !is_hex(traceparent + TRACE, 2 * TRACE_ID) ||
	    !is_hex(traceparent + SPAN, 2 * SPAN_ID) || !is_hex(traceparent + FLAGS, 2) ||
	    traceparent[TRACE - 1] != '-' || traceparent[SPAN - 1] != '-' ||
	    traceparent[FLAGS - 1] != '-')
		return false;
	return !is_zero(traceparent + TRACE, 2 * TRACE_ID) &&
	       !is_zero(traceparent + SPAN, 2 * SPAN_ID);
}

static void write_parent(const uint8_t *trace, const uint8_t *span,
			 char ret_parent[TRACE_PARENT_BYTES])
{
	memcpy(ret_parent, "00-", TRACE);
	text_hex(ret_parent + TRACE, trace, TRACE_ID);
	ret_parent[SPAN - 1] = '-';
	text_hex(ret_parent + SPAN, span, SPAN_ID);
	memcpy(ret_parent + FLAGS - 1, "-00", sizeof("-00"));
}

/* The second digit of the flags has all that are known. */
static char known_flags(char digit)
{
	const int value = digit <= '9' ? digit - '0' : digit - 'a' + 10;

	return (char)('0' + (value & FLAGS_KNOWN));
}

void trace_continue(const char *traceparent, const uint8_t random[TRACE_RANDOM_BYTES],
		    char ret_parent[TRACE_PARENT_BYTES])
{
	uint8_t ids[TRACE_RANDOM_BYTES];

	memcpy(ids, random, sizeof(ids));
	/* Neither may be 0. */
	ids[TRACE_ID - 1] |= 1;
	ids[TRACE_ID + SPAN_ID - 1] |= 1;
	write_parent(ids, ids + TRACE_ID, ret_parent);
	if (!is_sound(traceparent))
		return;
	memcpy(ret_parent + TRACE, traceparent + TRACE, 2 * TRACE_ID);
	ret_parent[FLAGS + 1] = known_flags(traceparent[FLAGS + 1]);
}

void trace_of_message(struct message_id id, char ret_parent[TRACE_PARENT_BYTES])
{
	/* Its second half is random, and never 0: it begins with the variant. */
	write_parent(id.bytes, id.bytes + sizeof(id.bytes) - SPAN_ID, ret_parent);
}
