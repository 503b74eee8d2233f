/*
 * FastCGI streams: collected, converted by libfcgi, routed and answered, as a connection does.
 *
 * The first byte says in which pieces the bytes come, the second whether the worker is short of
 * memory for requests.
 */
#include "fuzz.h"

#include <string.h>

#include <fcgiapp.h>

#include "fcgi/collect.h"
#include "fcgi/convert.h"
#include "http/problem.h"
#include "http/router.h"

#define PARAMS_MAX 2048
#define BODY_MAX 4096
#define LARGE_MAX 16384

static struct convert *shared_convert(void)
{
	static struct convert *convert;
	struct err err;

	if (convert == NULL) {
		MUST_HOLD(FCGX_Init() == 0);
		convert = convert_new(PARAMS_MAX, BODY_MAX, &err);
		MUST_HOLD(convert != NULL);
	}
	return convert;
}

/* What stands in a request is inside its bounds, and can be answered. */
static void serve(const struct collect *c)
{
	struct convert *convert = shared_convert();
	struct http_response response;
	struct http_request request;
	struct route_match match;
	const uint8_t *answer;
	size_t len;
	struct err err;

	if (convert_request(convert, c, &request, &err) == -1)
		abort(); /* collected requests are sound, and there is memory */
	MUST_HOLD(request.body_len <= (c->large != NULL ? LARGE_MAX : BODY_MAX));
	MUST_HOLD(strlen(request.path) + strlen(request.query) <= PARAMS_MAX);
	MUST_HOLD(request.fault != HTTP_FAULT_NONE || request.body[request.body_len] == '\0');
	if (http_route(&request, &match, &response)) {
		MUST_HOLD(request.fault == HTTP_FAULT_NONE);
		MUST_HOLD(strlen(match.param) < ROUTE_PARAM_BYTES);
		http_problem(&response, PROBLEM_NOT_FOUND, NULL);
	}
	MUST_HOLD(convert_answer(convert, c->id, &response, &answer, &len, &err) == 0);
	MUST_HOLD(len >= COLLECT_HEADER_BYTES && answer[0] == 1);
	http_response_fini(&response);
	convert_request_done(convert);
}

/* False: the connection is over. */
static bool heed(struct collect *c, enum collect_event event, const struct collect_reply *reply)
{
	if (event == COLLECT_BROKEN)
		return false;
	if (event == COLLECT_REPLY || event == COLLECT_ENDED)
		MUST_HOLD(reply->len >= COLLECT_HEADER_BYTES && reply->len <= COLLECT_REPLY_BYTES);
	if (event == COLLECT_COMPLETE)
		serve(c);
	if (event == COLLECT_COMPLETE)
		collect_release(c);
	if (event == COLLECT_HELD)
		collect_next(c);
	return event != COLLECT_ENDED || c->keep;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct collect_large large[] = { { http_route_is_bulk, LARGE_MAX }, { 0 } };
	const size_t piece = (size_t)fuzz_take(&data, &size) + 1;
	struct collect_budget budget = { .max_bytes = fuzz_take(&data, &size) == 1 ? 64 : 1 << 20 };
	bool open = true;
	struct collect c;

	collect_init(&c, &budget, PARAMS_MAX, BODY_MAX, large);
	while (open && size > 0) {
		const size_t len = size < piece ? size : piece;
		struct collect_reply reply;
		enum collect_event event;
		const size_t taken = collect_feed(&c, data, len, &event, &reply);

		MUST_HOLD(taken <= len);
		MUST_HOLD(event != COLLECT_MORE || taken == len);
		MUST_HOLD(budget.held_bytes <= budget.max_bytes);
		MUST_HOLD(c.stream.len <= c.stream.max && c.body.len <= LARGE_MAX);
		open = heed(&c, event, &reply);
		data += taken;
		size -= taken;
	}
	collect_fini(&c);
	MUST_HOLD(budget.held_bytes == 0);
	return 0;
}
