/*
 * prefer - what a caller prefers (RFC 7240).
 *
 * respond-async   202 as soon as the message is committed
 * wait=N          as long as N seconds for the outcome, then 202; wait=0 waits for nothing
 *
 * Both: as wait=N alone (RFC 7240, section 4.3: asynchronous once it takes longer than that).
 */
#ifndef HTTP_PREFER_H
#define HTTP_PREFER_H

#include <stdbool.h>
#include <stdint.h>

#define PREFER_TEXT_BYTES 64

struct prefer {
	bool respond_async;
	int64_t wait_s; /* -1: not said */
};

/* Names in any case, spaces and other preferences tolerated; the first of a name counts; a
 * wait that is no number is not there.  Never fails, as preferences may be ignored. */
struct prefer prefer_read(const char *header);

/* How long a caller is kept waiting who would otherwise wait for most_ms.  0: not at all. */
int64_t prefer_wait_ms(const struct prefer *prefer, int64_t most_ms);

/* Preference-Applied of an answer: "" when nothing was.  later: it is a 202.  The wait is told
 * as it was applied, most_ms at most. */
void prefer_applied(const struct prefer *prefer, int64_t most_ms, bool later,
		    char ret_text[PREFER_TEXT_BYTES]);

#endif
