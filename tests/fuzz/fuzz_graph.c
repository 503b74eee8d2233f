/* Answers of the Graph API: the first two bytes are the HTTP status, the rest is the body. */
#include "fuzz.h"

#include <string.h>

#include "base/text.h"
#include "clients/graph_answer.h"

static bool is_utf8(const char *text)
{
	size_t points;

	return text_utf8_valid(text, strlen(text), &points);
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
	struct graph_answer answer;

	for (int ambiguous = 0; ambiguous < 2; ambiguous++) {
		graph_answer_read(&result, ambiguous, &answer);
		/* No id, no success; and a 2xx without one may have been one. */
		if (answer.verdict.outcome == OUTCOME_ACCEPTED)
			MUST_HOLD(status >= 200 && status <= 299 && answer.wamid[0] != 0 &&
				  text_visible_ascii(answer.wamid, strlen(answer.wamid),
						     WAMID_BYTES - 1));
		else
			MUST_HOLD(answer.wamid[0] == 0);
		if (status >= 200 && status <= 299 && !answer.facts.has_error)
			MUST_HOLD(answer.verdict.outcome == OUTCOME_ACCEPTED ||
				  answer.verdict.outcome == OUTCOME_LOST);
		MUST_HOLD(is_utf8(answer.title) && is_utf8(answer.details) &&
			  is_utf8(answer.trace));
	}
	free(body);
	return 0;
}
