/*
 * How an answer becomes an outcome.  Meta has no idempotency key, so what is not certain is
 * LOST.  The first rule that fits decides:
 *
 *   O1  Body never handed over: NOT_SENT.  Handed over and no complete answer: LOST.
 *   O2  2xx with messages[0].id: ACCEPTED, whatever else the body says: an id in hand is
 *       the proof that a second send would be a double one.
 *   O3  A code of the table decides whatever the status (131045 with 500 is permanent, 190
 *       is auth also with 400), an error object in a 200 too.  Except that codes 1, 2,
 *       131000 and 131016 say only "something went wrong": they are refused with a 4xx and
 *       with a complete 500 or 503 (unless GRAPH_AMBIGUOUS_5XX=unknown), else LOST.  Code 1
 *       with 4xx is an error of the request.
 *   O4  Any other code: 4xx is the request's fault unless is_transient; 500 and 503 are
 *       transient (unless GRAPH_AMBIGUOUS_5XX=unknown); any other status is LOST.
 *   O5  No code: 429 and 4xx are refusals, but 408 and 425 tell of a proxy that lost
 *       patience with what it may have passed on: LOST.  500 and 503 as in O4, other 5xx
 *       LOST, 2xx without id LOST.  3xx is a refusal: redirects are not followed, and what
 *       answers with one is not Meta's messaging service.
 */
#include "domain/outcome.h"

#include <stddef.h>
#include <string.h>

static const char *const names[] = {
	[OUTCOME_NONE] = "",           [OUTCOME_ACCEPTED] = "accepted",
	[OUTCOME_REFUSED] = "refused", [OUTCOME_NOT_SENT] = "not_sent",
	[OUTCOME_LOST] = "lost",
};

#define OUTCOME_COUNT (sizeof(names) / sizeof(names[0]))

const char *outcome_name(enum outcome outcome)
{
	return (size_t)outcome < OUTCOME_COUNT ? names[outcome] : "";
}

bool outcome_parse(const char *name, enum outcome *ret_outcome)
{
	for (size_t i = 0; i < OUTCOME_COUNT; i++) {
		if (strcmp(name, names[i]) == 0) {
			*ret_outcome = (enum outcome)i;
			return true;
		}
	}
	return false;
}

static struct verdict say(enum outcome outcome, const struct graph_error *error)
{
	return (struct verdict){ .outcome = outcome, .error = error };
}

static struct verdict say_case(enum outcome outcome, enum graph_case which)
{
	return say(outcome, graph_error_case(which));
}

static bool is_2xx(int status)
{
	return status >= 200 && status <= 299;
}

static bool is_4xx(int status)
{
	return status >= 400 && status <= 499;
}

/* Meta's own "failed for now, nothing was sent" as the contract takes it. */
static bool is_complete_failure(int status)
{
	return status == 500 || status == 503;
}

static bool says_nothing(int code)
{
	return code == 1 || code == 2 || code == 131000 || code == 131016;
}

/* The case of an answer that may hide a sent message. */
static enum graph_case lost_case(int status)
{
	if (is_2xx(status))
		return GRAPH_CASE_HTTP_2XX;
	if (status >= 500 && status <= 599)
		return GRAPH_CASE_HTTP_5XX;
	return GRAPH_CASE_NET_AFTER;
}

/* A failure that proves nothing by itself: row says what it is when it counts as refused. */
static struct verdict decide_failure(const struct graph_error *row, int status, bool ambiguous_5xx)
{
	if (!is_complete_failure(status))
		return say_case(OUTCOME_LOST, lost_case(status));
	return say(ambiguous_5xx ? OUTCOME_LOST : OUTCOME_REFUSED, row);
}

static struct verdict decide_4xx(bool is_transient)
{
	return say_case(OUTCOME_REFUSED,
			is_transient ? GRAPH_CASE_UNKNOWN_5XX : GRAPH_CASE_UNKNOWN_4XX);
}

static struct verdict decide_by_code(const struct call_facts *facts, bool ambiguous_5xx)
{
	const struct graph_error *row = graph_error_find(facts->error_code, facts->error_subcode);

	if (row == NULL) {
		if (is_4xx(facts->http_status))
			return decide_4xx(facts->is_transient);
		return decide_failure(graph_error_case(GRAPH_CASE_UNKNOWN_5XX), facts->http_status,
				      ambiguous_5xx);
	}
	if (!says_nothing(facts->error_code))
		return say(OUTCOME_REFUSED, row);
	if (!is_4xx(facts->http_status))
		return decide_failure(row, facts->http_status, ambiguous_5xx);
	if (facts->error_code == 1)
		return decide_4xx(facts->is_transient);
	return say(OUTCOME_REFUSED, row);
}

static struct verdict decide_by_status(int status, bool ambiguous_5xx)
{
	if (status == 429)
		return say_case(OUTCOME_REFUSED, GRAPH_CASE_HTTP_429);
	if (status == 408 || status == 425)
		return say_case(OUTCOME_LOST, GRAPH_CASE_NET_AFTER);
	if (status >= 300 && status <= 499)
		return say_case(OUTCOME_REFUSED, GRAPH_CASE_HTTP_4XX);
	return decide_failure(graph_error_case(GRAPH_CASE_HTTP_500), status, ambiguous_5xx);
}

struct verdict outcome_decide(const struct call_facts *facts, bool ambiguous_5xx)
{
	if (facts->end == CALL_NOT_SENT)
		return say_case(OUTCOME_NOT_SENT, GRAPH_CASE_NET_BEFORE);
	if (facts->end == CALL_LOST)
		return say_case(OUTCOME_LOST, GRAPH_CASE_NET_AFTER);
	if (is_2xx(facts->http_status) && facts->has_message_id)
		return say_case(OUTCOME_ACCEPTED, GRAPH_CASE_ACCEPTED);
	if (facts->has_error)
		return decide_by_code(facts, ambiguous_5xx);
	return decide_by_status(facts->http_status, ambiguous_5xx);
}
