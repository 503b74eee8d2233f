/* Addresses and headers of a request: what stands behind "?", paths, Idempotency-Key, Prefer; and
 * what servers ask us to wait. */
#include "fuzz.h"

#include <string.h>

#include "base/text.h"
#include "http/idempotency.h"
#include "http/list.h"
#include "http/prefer.h"
#include "http/router.h"
#include "transport/wait_header.h"

static void query(const char *text)
{
	struct message_filter filter;
	struct err err = { 0 };
	size_t points;

	if (!http_list_read(text, NULL, &filter, &err)) {
		MUST_HOLD(err.class == ERR_INVALID);
		MUST_HOLD(text_utf8_valid(err.text, strlen(err.text), &points));
		return;
	}
	MUST_HOLD(filter.limit >= 1 && filter.limit <= FILTER_LIMIT_MAX);
	MUST_HOLD(memchr(filter.tenant_id, 0, sizeof(filter.tenant_id)) != NULL);
}

static void address(const char *text)
{
	static const char *const methods[] = { "GET", "POST", "HEAD", "DELETE", "BREW" };
	const struct http_request request = {
		.method = methods[(unsigned char)text[0] % 5],
		.path = text,
		.query = "",
		.content_type = "application/json",
	};
	struct http_response refusal;
	struct route_match match;

	if (http_route(&request, &match, &refusal)) {
		MUST_HOLD(memchr(match.param, 0, sizeof(match.param)) != NULL);
		return;
	}
	MUST_HOLD(refusal.status >= 400 && refusal.status <= 499);
	http_response_fini(&refusal);
}

static void headers(const char *text)
{
	char key[IDEMPOTENCY_KEY_BYTES];
	char applied[PREFER_TEXT_BYTES];
	struct prefer prefer = prefer_read(text);
	struct err err = { 0 };
	int64_t wait_ms;

	if (idempotency_key_read(text, key, &err))
		MUST_HOLD(key[0] == 0 || text_visible_ascii(key, strlen(key), IDEMPOTENCY_KEY_MAX));
	else
		MUST_HOLD(err.class == ERR_INVALID);
	MUST_HOLD(prefer.wait_s >= -1);
	MUST_HOLD(prefer_wait_ms(&prefer, 55000) <= 55000);
	prefer_applied(&prefer, 55000, true, applied);
	wait_ms = wait_header_read(text, text);
	MUST_HOLD(wait_ms >= 0 && wait_ms <= WAIT_HEADER_MAX_MS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);

	query(text);
	address(text);
	headers(text);
	free(text);
	return 0;
}
