/* Answers of the Tenant and Conversation Services: status in two bytes, then the body. */
#include "fuzz.h"

#include <string.h>

#include "base/text.h"
#include "clients/endpoint.h"
#include "clients/tenant_answer.h"

static void quota(const struct transport_result *result)
{
	struct quota_answer answer;
	size_t points;

	tenant_answer_quota(result, &answer);
	MUST_HOLD(text_utf8_valid(answer.reason, strlen(answer.reason), &points));
	if (result->status < 200 || result->status > 299)
		MUST_HOLD(answer.verdict == QUOTA_UNCHECKED);
}

static void credentials(const struct transport_result *result)
{
	struct credentials c;
	struct err err = { 0 };

	if (tenant_answer_credentials(result, &c, &err) != CREDENTIALS_OK) {
		MUST_HOLD(err.class != ERR_NONE);
		return;
	}
	/* They become part of a URL and of a header. */
	MUST_HOLD(strspn(c.number, "0123456789") == strlen(c.number) && c.number[0] != 0);
	MUST_HOLD(text_visible_ascii(c.token, strlen(c.token), CREDENTIALS_TOKEN_BYTES - 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const int high = fuzz_take(&data, &size);
	const int status = 100 + (high << 8 | fuzz_take(&data, &size)) % 500;
	char *body = fuzz_text(data, size);
	const struct transport_result result = {
		.end = TRANSPORT_ANSWERED,
		.status = status,
		.body = body,
		.body_len = size,
	};
	struct err err = { 0 };

	quota(&result);
	credentials(&result);
	MUST_HOLD(endpoint_succeeded(&result, "conversation service", &err) ==
		  (status >= 200 && status <= 299));
	free(body);
	return 0;
}
