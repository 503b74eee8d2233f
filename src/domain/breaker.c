#include "domain/breaker.h"

#include <stddef.h>

static const char *const names[BREAKER_STATES] = {
	[BREAKER_CLOSED] = "closed",
	[BREAKER_OPEN] = "open",
	[BREAKER_HALF_OPEN] = "half_open",
};

const char *breaker_state_name(enum breaker_state state)
{
	return (size_t)state < BREAKER_STATES ? names[state] : "";
}

enum breaker_sign breaker_sign_of_host(const struct call_facts *facts)
{
	return facts->end == CALL_ANSWERED ? BREAKER_ANSWERED : BREAKER_FAILED;
}

enum breaker_sign breaker_sign_of_number(const struct call_facts *facts,
					 const struct verdict *verdict)
{
	if (facts->end != CALL_ANSWERED)
		return BREAKER_NOTHING;
	if (verdict->outcome == OUTCOME_REFUSED)
		return verdict->error->class == GRAPH_TRANSIENT ? BREAKER_FAILED : BREAKER_ANSWERED;
	if (verdict->outcome == OUTCOME_LOST)
		return facts->http_status >= 500 ? BREAKER_FAILED : BREAKER_NOTHING;
	return BREAKER_ANSWERED;
}

enum breaker_verdict breaker_look(const struct breaker *b, int64_t now_ms, int64_t *ret_at_ms)
{
	if (now_ms >= b->until_ms)
		return BREAKER_GO;
	*ret_at_ms = b->until_ms;
	switch (b->state) {
	case BREAKER_OPEN:
		return BREAKER_LATER;
	case BREAKER_HALF_OPEN:
		return BREAKER_SOON;
	case BREAKER_CLOSED:
	case BREAKER_STATES:
		break;
	}
	return b->window && b->out >= b->window ? BREAKER_SOON : BREAKER_GO;
}

void breaker_begin(struct breaker *b, const struct breaker_policy *policy, int64_t now_ms)
{
	if (b->state == BREAKER_CLOSED) {
		if (now_ms >= b->until_ms)
			b->window = 0;
		if (b->window)
			b->out++;
		return;
	}
	b->state = BREAKER_HALF_OPEN;
	b->until_ms = now_ms + policy->probe_ms;
}

static void open_up(struct breaker *b, const struct breaker_policy *policy, int64_t now_ms)
{
	int64_t open_ms = policy->open_ms;

	for (unsigned i = 0; i < b->openings && open_ms < policy->open_max_ms; i++)
		open_ms *= 2;
	*b = (struct breaker){
		.state = BREAKER_OPEN,
		.openings = b->openings + 1,
		.until_ms =
			now_ms + (open_ms < policy->open_max_ms ? open_ms : policy->open_max_ms),
	};
}

static bool failed(struct breaker *b, const struct breaker_policy *policy, int64_t now_ms)
{
	const enum breaker_state before = b->state;

	if (!policy->failures)
		return false;
	switch (b->state) {
	case BREAKER_CLOSED:
		if (++b->failures >= policy->failures)
			open_up(b, policy, now_ms);
		break;
	case BREAKER_OPEN: /* begun before it opened, or by somebody who waits: then a probe */
		if (now_ms >= b->until_ms)
			open_up(b, policy, now_ms);
		break;
	case BREAKER_HALF_OPEN:
		open_up(b, policy, now_ms);
		break;
	case BREAKER_STATES:
		break;
	}
	return b->state != before;
}

static bool answered(struct breaker *b, int64_t now_ms)
{
	if (b->state != BREAKER_CLOSED) {
		*b = (struct breaker){ .window = BREAKER_FIRST,
				       .until_ms = now_ms + BREAKER_RAMP_MS };
		return true;
	}
	b->failures = 0;
	if (b->window && (++b->window >= BREAKER_WHOLE || now_ms >= b->until_ms))
		*b = (struct breaker){ .window = 0 };
	return false;
}

bool breaker_note(struct breaker *b, const struct breaker_policy *policy, enum breaker_sign sign,
		  int64_t now_ms)
{
	if (b->out > 0)
		b->out--;
	switch (sign) {
	case BREAKER_ANSWERED:
		return answered(b, now_ms);
	case BREAKER_FAILED:
		return failed(b, policy, now_ms);
	case BREAKER_NOTHING:
		break;
	}
	return false;
}

bool breaker_is_whole(const struct breaker *b)
{
	return b->state == BREAKER_CLOSED && !b->failures && !b->window;
}
