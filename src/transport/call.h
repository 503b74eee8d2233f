/*
 * call - a submitted request, copied into one block.
 */
#ifndef TRANSPORT_CALL_H
#define TRANSPORT_CALL_H

#include <curl/curl.h>

#include "base/compiler.h"
#include "base/list.h"
#include "transport/transport.h"

#define CALL_HEADERS_MAX 8

struct call {
	struct list node; /* in the queue, until it starts */
	uint64_t tag;
	int64_t submitted_boot_ms;
	int64_t deadline_boot_ms;
	size_t answer_max;
	size_t body_len;
	size_t texts_size;
	bool post;
	bool gated;
	const char *url;
	const char *body;
	unsigned header_count;      /* of the request, in header[] */
	struct curl_slist *headers; /* the first of header[], then the transport's own */
	struct curl_slist header[CALL_HEADERS_MAX];
	char texts[];
};

/* Null with ret_err: ERR_INVALID (URL, headers, body), ERR_TEMPORARY (memory).  always: headers
 * of every call, borrowed. */
struct call *call_copy(const struct transport_request *request, struct curl_slist *always,
		       int64_t now_boot_ms, struct err *ret_err) MUST_CHECK;
/* It has waited for a connection until its answer may not come in time: its time is over, or, as a
 * lost reply is worse than a late call, half of it when it is gated. */
bool call_is_late(const struct call *c, int64_t now_boot_ms);
/* Wipes it, as it holds tokens; null is allowed. */
void call_free(struct call *c);

#endif
