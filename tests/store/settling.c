#include "settling.h"

#include <check.h>

#include "base/clock.h"

void settling_lose(struct harness *h, unsigned tag, int ago_s)
{
	harness_lose(h, tag, 500 + tag);
	harness_sql_text(h,
			 "WITH a AS (UPDATE message_sender.attempt SET ended_at = ended_at - %d * "
			 "interval '1 s' WHERE message_id = '%s') "
			 "UPDATE message_sender.work SET lost_at = lost_at - %d * interval '1 s' "
			 "WHERE message_id = '%s'",
			 ago_s, harness_id(h, tag), ago_s, harness_id(h, tag));
}

unsigned settling_look(struct harness *h, enum unknown_policy policy, bool changed)
{
	const unsigned target = h->done_count + 1;
	struct err err;

	h->unknown_count = 0;
	ck_assert_int_eq(
		store_load_unknown(h->store, 999, ~UINT64_C(0), 100, policy, 60, changed, &err), 0);
	harness_until_done(h, target, 3000);
	ck_assert_int_eq(h->done[999].verdict, STORE_DONE);
	return h->unknown_count;
}

const struct store_unknown *settling_look_at_one(struct harness *h, enum unknown_policy policy)
{
	ck_assert_uint_eq(settling_look(h, policy, false), 1);
	return &h->unknown[0].row;
}

struct store_settle settling_decision(struct harness *h, unsigned tag, enum settle_verdict verdict)
{
	return (struct store_settle){
		.id = harness_message(h, tag)->id,
		.attempt = 1,
		.verdict = verdict,
		.due_wall_us = clock_wall_us() + 60000000,
		.policy = UNKNOWN_RESEND,
		.quarantine_s = 60,
		.policy_wall_us =
			harness_sql_long(h,
					 "SELECT coalesce((SELECT extract(epoch FROM set_at) * "
					 "1000000 FROM message_sender.tenant_policy "
					 "WHERE tenant_id = '%s'), 0)::bigint",
					 harness_message(h, tag)->tenant_id),
		.why = "as the test says"
	};
}

enum store_verdict settling_settle(struct harness *h, unsigned tag, enum settle_verdict verdict)
{
	const struct store_settle row = settling_decision(h, tag, verdict);
	const unsigned target = h->done_count + 1;

	store_settle(h->store, 700 + tag, &row);
	harness_until_done(h, target, 3000);
	return h->done[700 + tag].verdict;
}

const char *settling_stands(struct harness *h, unsigned tag)
{
	return harness_sql_text(h,
				"SELECT concat_ws(' ', m.state, w.state, w.wait, w.settle_policy, "
				"w.settle_quarantine) FROM message_sender.message m "
				"LEFT JOIN message_sender.work w USING (message_id) "
				"WHERE message_id = '%s'",
				harness_id(h, tag));
}

const char *settling_decided(struct harness *h, unsigned tag)
{
	return harness_sql_text(h,
				"SELECT coalesce((SELECT concat_ws(' ', attempt, decision, "
				"decided_by, why) FROM message_sender.decision "
				"WHERE message_id = '%s'), 'none')",
				harness_id(h, tag));
}
