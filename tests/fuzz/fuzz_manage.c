/* The bodies of what is decided by key: pause and resume, resolve, replay. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "http/manage.h"

#define NOW_US INT64_C(1763900000000000)

static void fit(const char *text, size_t max)
{
	size_t points;

	MUST_HOLD(strlen(text) <= max && text_utf8_valid(text, strlen(text), &points));
}

static void token(const char *text)
{
	MUST_HOLD(!*text || text_visible_ascii(text, strlen(text), MESSAGE_TOKEN_MAX));
}

static void is_told(const struct err *err)
{
	MUST_HOLD(err->class == ERR_INVALID && *err->text);
	fit(err->text, sizeof(err->text));
}

static void hold(const struct http_request *request, const char *tenant_id)
{
	struct http_hold h;
	struct err err = { 0 };

	if (!http_hold_read(request, tenant_id, &h, &err)) {
		is_told(&err);
		return;
	}
	token(h.tenant_id);
	token(h.outlet_id);
	MUST_HOLD(!*h.number || hold_number_fits(h.number));
	MUST_HOLD((*h.tenant_id != '\0') == (h.scope == HOLD_TENANT || h.scope == HOLD_OUTLET));
	MUST_HOLD((*h.outlet_id != '\0') == (h.scope == HOLD_OUTLET));
	MUST_HOLD((*h.number != '\0') == (h.scope == HOLD_NUMBER));
	fit(h.why, MANAGE_WHY_MAX);
}

static void resolve(const struct http_request *request)
{
	struct http_resolve r;
	struct err err = { 0 };

	if (!http_resolve_read(request, &r, &err)) {
		is_told(&err);
		return;
	}
	MUST_HOLD(manage_decides(r.as) && *r.why);
	MUST_HOLD(!*r.wamid || strcmp(r.as, "sent") == 0);
	fit(r.why, MANAGE_WHY_MAX);
}

static void replay(const struct http_request *request)
{
	struct http_replay r;
	struct err err = { 0 };

	if (!http_replay_read(request, NULL, NOW_US, &r, &err)) {
		is_told(&err);
		return;
	}
	MUST_HOLD(*r.tenant_id && (r.dry_run || *r.why));
	token(r.tenant_id);
	token(r.outlet_id);
	MUST_HOLD(!*r.number || hold_number_fits(r.number));
	MUST_HOLD(!*r.code || manage_code_fits(r.code));
	MUST_HOLD(r.limit >= 1 && r.limit <= MANAGE_LIMIT_DEFAULT);
	MUST_HOLD(r.rate >= 1 && r.rate <= REPLAY_RATE_MAX);
	MUST_HOLD(strlen(r.since) == 20 && strlen(r.until) == 20);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *body = fuzz_text(data, size);
	const struct http_request request = { .body = body, .body_len = size };

	hold(&request, NULL);
	hold(&request, "acme");
	resolve(&request);
	replay(&request);
	free(body);
	return 0;
}
