#include "transport/pool.h"

void pool_end_unsent(const struct pool_rules *rules, struct call *c, const struct err *err)
{
	struct transport_result result = {
		.tag = c->tag,
		.end = TRANSPORT_NOT_SENT,
		.body = "",
		.took_ms = loop_now_ms(rules->loop) - c->submitted_boot_ms,
		.err = *err,
	};

	call_free(c);
	rules->done(rules->arg, &result);
}
