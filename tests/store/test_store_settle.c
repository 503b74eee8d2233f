/* What the store does for the settling of lost replies: loading, deciding, and who wins. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "domain/graph_error.h"
#include "harness.h"
#include "store/query.h"

#define ALL_LANES (~UINT64_C(0))
#define NUMBER "1234567890"

static struct harness h;

static void setup(void)
{
	harness_start(&h);
}

static void teardown(void)
{
	harness_stop(&h);
}

/* Message `tag`, whose attempt 1 was lost so many seconds ago. */
static void lose(unsigned tag, int ago_s)
{
	struct store_outcome row = harness_outcome(&h, tag);
	const unsigned target = h.done_count;

	harness_accept(&h, tag, true);
	harness_until_done(&h, target + 1, 3000);
	row.outcome = OUTCOME_LOST;
	row.wamid = "";
	row.next = STORE_NEXT_UNKNOWN;
	row.due_wall_us = clock_wall_us();
	row.counted = 2;
	store_outcome(h.store, 500 + tag, &row);
	harness_until_done(&h, target + 2, 3000);
	harness_sql_text(&h,
			 "WITH a AS (UPDATE message_sender.attempt SET ended_at = ended_at - %d * "
			 "interval '1 s' WHERE message_id = '%s') "
			 "UPDATE message_sender.work SET lost_at = lost_at - %d * interval '1 s' "
			 "WHERE message_id = '%s'",
			 ago_s, harness_id(&h, tag), ago_s, harness_id(&h, tag));
}

/* Loads what is to be looked at, by this policy with a quarantine of 60 s. */
static unsigned look(enum unknown_policy policy, bool changed)
{
	const unsigned target = h.done_count + 1;
	struct err err;

	h.unknown_count = 0;
	ck_assert_int_eq(
		store_load_unknown(h.store, 999, ALL_LANES, 100, policy, 60, changed, &err), 0);
	harness_until_done(&h, target, 3000);
	ck_assert_int_eq(h.done[999].verdict, STORE_DONE);
	return h.unknown_count;
}

static const struct store_unknown *look_at_one(enum unknown_policy policy)
{
	ck_assert_uint_eq(look(policy, false), 1);
	return &h.unknown[0].row;
}

/* By the policy that is in force now. */
static struct store_settle decision(unsigned tag, enum settle_verdict verdict)
{
	return (struct store_settle){ .id = harness_message(&h, tag)->id,
				      .attempt = 1,
				      .verdict = verdict,
				      .due_wall_us = clock_wall_us() + 60000000,
				      .policy = UNKNOWN_RESEND,
				      .quarantine_s = 60,
				      .policy_wall_us = harness_sql_long(
					      &h, "SELECT coalesce((SELECT extract(epoch FROM set_at) * "
						  "1000000 FROM message_sender.tenant_policy "
						  "WHERE tenant_id = '%s'), 0)::bigint",
					      harness_message(&h, tag)->tenant_id),
				      .why = "as the test says" };
}

static enum store_verdict settle(unsigned tag, enum settle_verdict verdict)
{
	const struct store_settle row = decision(tag, verdict);
	const unsigned target = h.done_count + 1;

	store_settle(h.store, 700 + tag, &row);
	harness_until_done(&h, target, 3000);
	return h.done[700 + tag].verdict;
}

static enum store_verdict begin(unsigned tag, unsigned attempt)
{
	const struct store_begin row = { .id = harness_message(&h, tag)->id,
					 .attempt = attempt,
					 .number = NUMBER,
					 .deadline_wall_us = clock_wall_us() + 10000000 };
	const unsigned target = h.done_count + 1;
	struct err err;

	ck_assert_int_eq(store_begin(h.store, 800 + tag, &row, &err), 0);
	harness_until_done(&h, target, 3000);
	return h.done[800 + tag].verdict;
}

/* State of message and work, and how work waits. */
static const char *stands(unsigned tag)
{
	return harness_sql_text(&h,
				"SELECT concat_ws(' ', m.state, w.state, w.wait, w.settle_policy, "
				"w.settle_quarantine) FROM message_sender.message m "
				"LEFT JOIN message_sender.work w USING (message_id) "
				"WHERE message_id = '%s'",
				harness_id(&h, tag));
}

static const char *decided(unsigned tag)
{
	return harness_sql_text(&h,
				"SELECT coalesce((SELECT concat_ws(' ', attempt, decision, "
				"decided_by, why) FROM message_sender.decision "
				"WHERE message_id = '%s'), 'none')",
				harness_id(&h, tag));
}

START_TEST(what_is_lost_is_due_at_once_and_then_when_its_policy_says)
{
	const struct store_unknown *row;

	lose(0, 0);
	row = look_at_one(UNKNOWN_FAIL);
	ck_assert(message_id_equal(row->id, h.messages[0]->id));
	ck_assert_uint_eq(row->attempt, 1);
	ck_assert(message_id_equal(row->incarnation, h.incarnation));
	ck_assert_str_eq(h.unknown[0].number, NUMBER);
	ck_assert(row->to_copy);
	ck_assert_uint_eq(row->policy, UNKNOWN_FAIL);
	ck_assert_uint_eq(row->quarantine_s, 60);
	ck_assert_int_ge(row->lost_for_ms, 0);
	ck_assert_int_lt(row->lost_for_ms, 3000);
	ck_assert_int_gt(row->valid_ms, 86300000);
	ck_assert_int_le(row->valid_ms, 86400000);
	ck_assert_uint_eq(row->receipt_attempt, 0);
	ck_assert_uint_eq(row->resends, 0);

	ck_assert_int_eq(settle(0, SETTLE_WAIT), STORE_DONE);
	ck_assert_str_eq(stands(0), "unknown unknown 2 resend 60");
	ck_assert_str_eq(decided(0), "none");
	ck_assert_int_eq(harness_sql_long(&h, "SELECT round(extract(epoch FROM due_at - now())) "
					      "FROM message_sender.work"),
			 60);
	ck_assert_uint_eq(look(UNKNOWN_FAIL, false), 0);
	harness_sql_text(&h, "UPDATE message_sender.work SET due_at = now() - interval '1 ms'");
	ck_assert_uint_eq(look(UNKNOWN_FAIL, false), 1);
}
END_TEST

START_TEST(what_is_kept_is_looked_at_only_when_its_policy_is_another)
{
	struct store_settle row = decision(0, SETTLE_KEEP);
	const unsigned target = 5;

	lose(0, 0);
	lose(1, 0);
	row.policy = UNKNOWN_HOLD;
	store_settle(h.store, 0, &row);
	harness_until_done(&h, target, 3000);
	ck_assert_str_eq(stands(0), "unknown unknown 4 hold 60");
	ck_assert_int_eq(settle(1, SETTLE_WAIT), STORE_DONE);
	ck_assert_uint_eq(look(UNKNOWN_HOLD, false), 0);
	/* 1 was looked at as `resend`. */
	ck_assert_uint_eq(look(UNKNOWN_HOLD, true), 1);
	ck_assert(message_id_equal(h.unknown[0].row.id, h.messages[1]->id));
	ck_assert_uint_eq(look(UNKNOWN_RESEND, true), 1);
	ck_assert(message_id_equal(h.unknown[0].row.id, h.messages[0]->id));
	ck_assert_uint_eq(look(UNKNOWN_FAIL, true), 2);
	/* What is due is not told twice. */
	harness_sql_text(&h, "UPDATE message_sender.work SET wait = 2, due_at = now()");
	ck_assert_uint_eq(look(UNKNOWN_FAIL, true), 2);
}
END_TEST

START_TEST(resend_by_policy_is_recorded_and_then_begun_once)
{
	lose(0, 0);
	ck_assert_int_eq(begin(0, 2), STORE_CONFLICT);
	ck_assert_int_eq(settle(0, SETTLE_RESEND), STORE_DONE);
	ck_assert_str_eq(stands(0), "retrying retrying 0 resend 60");
	ck_assert_str_eq(decided(0), "1 resend policy:resend as the test says");
	ck_assert_int_eq(harness_sql_long(&h, "SELECT counted FROM message_sender.work"), 2);
	ck_assert_str_eq(harness_sql_text(&h, "SELECT caller_waits FROM message_sender.work"), "f");
	ck_assert_int_eq(settle(0, SETTLE_RESEND), STORE_CONFLICT);
	ck_assert_int_eq(settle(0, SETTLE_FAIL), STORE_CONFLICT);
	ck_assert_int_eq(begin(0, 2), STORE_DONE);
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.work "
					      "WHERE lost_at IS NULL AND attempt = 2"),
			 1);
	ck_assert_int_eq(settle(0, SETTLE_WAIT), STORE_CONFLICT);
}
END_TEST

/* Law 2: whatever else says that it may be sent again. */
START_TEST(behind_a_lost_attempt_nothing_begins_without_the_recorded_decision)
{
	lose(0, 0);
	harness_sql_text(&h, "UPDATE message_sender.work SET state = 'retrying', wait = 0");
	ck_assert_int_eq(begin(0, 2), STORE_CONFLICT);
	harness_sql_text(&h,
			 "INSERT INTO message_sender.decision VALUES ('%s', 1, 'failed', 'x', 'y', "
			 "now())",
			 harness_id(&h, 0));
	ck_assert_int_eq(begin(0, 2), STORE_CONFLICT);
	harness_sql_text(&h, "UPDATE message_sender.decision SET decision = 'resend', attempt = 2");
	ck_assert_int_eq(begin(0, 2), STORE_CONFLICT);
	harness_sql_text(&h, "UPDATE message_sender.decision SET attempt = 1");
	ck_assert_int_eq(begin(0, 2), STORE_DONE);
}
END_TEST

START_TEST(a_lost_attempt_of_which_the_outcome_comes_late_needs_no_decision)
{
	struct store_outcome late = harness_outcome(&h, 0);

	lose(0, 0);
	late.outcome = OUTCOME_REFUSED;
	late.wamid = "";
	late.next = STORE_NEXT_RETRY;
	late.due_wall_us = clock_wall_us();
	store_outcome(h.store, 900, &late);
	harness_until_done(&h, 3, 3000);
	ck_assert_str_eq(stands(0), "retrying retrying 0");
	ck_assert_int_eq(settle(0, SETTLE_FAIL), STORE_CONFLICT);
	ck_assert_int_eq(begin(0, 2), STORE_DONE);
}
END_TEST

START_TEST(fail_is_final_and_says_that_it_was_not_learnt)
{
	struct store_outcome late = harness_outcome(&h, 0);

	lose(0, 0);
	ck_assert_int_eq(settle(0, SETTLE_FAIL), STORE_DONE);
	ck_assert_str_eq(stands(0), "failed");
	ck_assert_str_eq(decided(0), "1 failed policy:resend as the test says");
	harness_status(&h, 0, 4);
	ck_assert_int_eq(h.status.failure_code, GRAPH_CASE_NET_AFTER);
	ck_assert_ptr_nonnull(strstr(h.status.failure_reason, "not learnt in time"));
	ck_assert_ptr_nonnull(strstr(h.status.failure_reason, "as the test says"));
	ck_assert_int_eq(begin(0, 2), STORE_CONFLICT);
	/* The outcome that comes after all is kept in the timeline, and the state stays. */
	store_outcome(h.store, 900, &late);
	harness_until_done(&h, h.done_count + 1, 3000);
	ck_assert_str_eq(stands(0), "failed");
	ck_assert_str_eq(harness_sql_text(&h, "SELECT outcome FROM message_sender.attempt"),
			 "accepted");
}
END_TEST

/* Either order in which outcome and policy come. */
START_TEST(an_outcome_that_comes_late_is_worth_more_than_the_policy)
{
	struct store_outcome late[2];
	const struct store_settle again = decision(0, SETTLE_RESEND);
	unsigned target;

	lose(0, 0);
	lose(1, 0);
	for (unsigned tag = 0; tag < 2; tag++)
		late[tag] = harness_outcome(&h, tag);
	target = h.done_count;
	/* Submitted together: the outcome is written first. */
	store_outcome(h.store, 900, &late[0]);
	store_settle(h.store, 901, &again);
	harness_until_done(&h, target + 2, 3000);
	ck_assert_int_eq(h.done[900].verdict, STORE_DONE);
	ck_assert_int_eq(h.done[901].verdict, STORE_CONFLICT);
	ck_assert_str_eq(decided(0), "none");
	ck_assert_int_eq(strncmp(stands(0), "sent", 4), 0);
	/* Decided, not begun. */
	ck_assert_int_eq(settle(1, SETTLE_RESEND), STORE_DONE);
	store_outcome(h.store, 902, &late[1]);
	harness_until_done(&h, h.done_count + 1, 3000);
	ck_assert_int_eq(begin(1, 2), STORE_CONFLICT);
	ck_assert_int_eq(strncmp(stands(1), "sent", 4), 0);
}
END_TEST

static bool blocked(struct harness *harness, void *arg)
{
	(void)arg;
	return harness_sql_long(harness, "SELECT count(*) FROM pg_stat_activity "
					 "WHERE wait_event_type = 'Lock'") > 0;
}

/* Two that decide at once: who has the row decides, the other one finds it decided. */
START_TEST(of_two_deciders_one_decides)
{
	PGconn *other = PQconnectdb(harness_url());
	const struct store_settle row = decision(0, SETTLE_RESEND);
	PGresult *result;
	char sql[256];

	lose(0, 0);
	snprintf(sql, sizeof(sql),
		 "BEGIN; SELECT message_sender.resolve('%s', 'failed', 'why', 'who', NULL)",
		 harness_id(&h, 0));
	result = PQexec(other, sql);
	ck_assert_int_eq(PQresultStatus(result), PGRES_TUPLES_OK);
	PQclear(result);
	store_settle(h.store, 900, &row);
	harness_until(&h, 3000, blocked, NULL);
	PQclear(PQexec(other, "COMMIT"));
	harness_until_done(&h, 3, 3000);
	ck_assert_int_eq(h.done[900].verdict, STORE_CONFLICT);
	ck_assert_str_eq(decided(0), "1 failed who why");
	ck_assert_str_eq(stands(0), "failed");
	PQfinish(other);
}
END_TEST

START_TEST(who_is_fenced_settles_nothing)
{
	lose(0, 0);
	lose(1, 0);
	harness_sql_text(&h, "UPDATE message_sender.incarnation SET fenced = true");
	ck_assert_int_eq(settle(0, SETTLE_RESEND), STORE_CONFLICT);
	ck_assert_int_eq(settle(1, SETTLE_WAIT), STORE_CONFLICT);
	ck_assert_str_eq(stands(0), "unknown unknown 2");
	ck_assert_str_eq(stands(1), "unknown unknown 2");
	ck_assert_str_eq(decided(0), "none");
}
END_TEST

/* A receipt of message `tag`'s attempt, as its writer will write it. */
static void receipt(unsigned tag, unsigned attempt, const char *status)
{
	harness_sql_text(&h,
			 "INSERT INTO message_sender.receipt (message_id, attempt, status, number, "
			 "wamid, at) VALUES ('%s', %u, '%s', '" NUMBER "', 'wamid.%u', now())",
			 harness_id(&h, tag), attempt, status, tag);
}

/* Message `tag` of this number, sent, and its attempt began so long after the loss of 0. */
static void sent_later(unsigned tag, const char *number, const char *after)
{
	struct store_outcome row = harness_outcome(&h, tag);
	const unsigned target = h.done_count;
	char lost[MESSAGE_ID_TEXT_BYTES];

	message_id_text(harness_message(&h, 0)->id, lost);
	harness_accept(&h, tag, true);
	harness_until_done(&h, target + 1, 3000);
	row.number = number;
	store_outcome(h.store, 500 + tag, &row);
	harness_until_done(&h, target + 2, 3000);
	harness_sql_text(&h,
			 "UPDATE message_sender.attempt SET begun_at = (SELECT ended_at + "
			 "interval '%s' FROM message_sender.attempt WHERE message_id = '%s') "
			 "WHERE message_id = '%s'",
			 after, lost, harness_id(&h, tag));
	harness_sql_text(&h,
			 "INSERT INTO message_sender.receipt (message_id, attempt, status, number, "
			 "wamid, at) VALUES ('%s', 1, 'sent', '%s', 'w', now())",
			 harness_id(&h, tag), number);
}

static unsigned evidence(void)
{
	return look_at_one(UNKNOWN_EVIDENCE)->later_receipts;
}

START_TEST(evidence_is_receipts_of_later_attempts_of_the_number)
{
	lose(0, 61);
	ck_assert_uint_eq(evidence(), 0);
	sent_later(1, NUMBER, "0 s"); /* not after */
	sent_later(2, "555", "1 s");  /* of another number */
	ck_assert_uint_eq(evidence(), 0);
	sent_later(3, NUMBER, "1 us");
	receipt(3, 1, "delivered");
	receipt(3, 1, "read");
	ck_assert_uint_eq(evidence(), 1);
	sent_later(4, NUMBER, "1 s");
	ck_assert_uint_eq(evidence(), 2);
	sent_later(5, NUMBER, "1 s");
	ck_assert_uint_eq(evidence(), 3);
	sent_later(6, NUMBER, "1 s");
	ck_assert_uint_eq(evidence(), 3);
	ck_assert_uint_eq(h.unknown[0].row.receipt_attempt, 0);
	/* Receipts of before the loss are none. */
	harness_sql_text(&h, "UPDATE message_sender.receipt SET received_at = received_at - "
			     "interval '2 minutes'");
	ck_assert_uint_eq(evidence(), 0);
}
END_TEST

START_TEST(evidence_is_not_looked_for_within_the_quarantine_or_by_others)
{
	lose(0, 50);
	for (unsigned tag = 1; tag <= 3; tag++)
		sent_later(tag, NUMBER, "1 s");
	ck_assert_uint_eq(evidence(), 0);
	harness_sql_text(&h, "UPDATE message_sender.work SET lost_at = now() - interval '60 s' "
			     "WHERE wait = 2");
	ck_assert_uint_eq(evidence(), 3);
	ck_assert_uint_eq(look_at_one(UNKNOWN_RESEND)->later_receipts, 0);
}
END_TEST

static void restore(const char *when)
{
	harness_sql_text(&h,
			 "INSERT INTO message_sender.restore (noticed_at, why, last_seq, marked)"
			 " VALUES (%s, 'test', 0, true)",
			 when);
}

/* By either of the two clocks it was lost before, and behind another attempt no more. */
START_TEST(what_was_lost_before_a_restore_is_told)
{
	static const char sooner[] = "lost_at + interval '1 hour'";

	lose(0, 100);
	for (unsigned tag = 1; tag <= 3; tag++)
		sent_later(tag, NUMBER, "1 s");
	restore("(SELECT lost_at - interval '1 min' FROM message_sender.work WHERE wait = 2)");
	ck_assert_uint_eq(evidence(), 3);
	ck_assert(!h.unknown[0].row.restored);
	restore("(SELECT max(ended_at) FROM message_sender.attempt WHERE outcome = 'lost')");
	ck_assert_uint_eq(evidence(), 0);
	ck_assert(h.unknown[0].row.restored);
	harness_sql_text(&h, "UPDATE message_sender.work SET lost_at = %s WHERE wait = 2", sooner);
	ck_assert(look_at_one(UNKNOWN_RESEND)->restored);
	harness_sql_text(&h, "UPDATE message_sender.attempt SET ended_at = now() + interval '1 h' "
			     "WHERE outcome = 'lost'");
	ck_assert(!look_at_one(UNKNOWN_RESEND)->restored);
	harness_sql_text(&h, "UPDATE message_sender.work SET lost_at = now() - interval '1 h' "
			     "WHERE wait = 2");
	ck_assert(look_at_one(UNKNOWN_RESEND)->restored);
	harness_sql_text(&h, "DELETE FROM message_sender.restore");
	ck_assert(!look_at_one(UNKNOWN_RESEND)->restored);
}
END_TEST

START_TEST(a_receipt_of_its_own_is_told_and_stops_every_decision)
{
	const struct store_unknown *row;

	lose(0, 61);
	receipt(0, 1, "delivered");
	row = look_at_one(UNKNOWN_EVIDENCE);
	ck_assert_uint_eq(row->receipt_attempt, 1);
	ck_assert_str_eq(h.unknown[0].wamid, "wamid.0");
	ck_assert_int_lt(llabs(row->receipt_wall_us - clock_wall_us()), 5000000);
	ck_assert_int_eq(settle(0, SETTLE_RESEND), STORE_CONFLICT);
	ck_assert_int_eq(settle(0, SETTLE_FAIL), STORE_CONFLICT);
	ck_assert_str_eq(stands(0), "unknown unknown 2");
	ck_assert_int_eq(settle(0, SETTLE_WAIT), STORE_DONE);
}
END_TEST

/* What delivery writes for such a receipt. */
START_TEST(the_outcome_a_receipt_tells_makes_it_sent)
{
	struct store_outcome row = harness_outcome(&h, 0);

	lose(0, 0);
	row.next = STORE_NEXT_CONVERSATION;
	row.due_wall_us = clock_wall_us();
	store_outcome(h.store, 900, &row);
	harness_until_done(&h, 3, 3000);
	ck_assert_str_eq(stands(0), "sent sent 1");
	ck_assert_str_eq(harness_sql_text(&h, "SELECT outcome FROM message_sender.attempt"),
			 "accepted");
}
END_TEST

START_TEST(resends_by_policy_are_counted_and_no_others)
{
	lose(0, 0);
	harness_sql_text(&h,
			 "INSERT INTO message_sender.decision SELECT '%s', n, 'resend', who, 'y', "
			 "now() FROM (VALUES (7, 'policy:resend'), (8, 'policy:evidence'), "
			 "(9, 'somebody')) AS v (n, who)",
			 harness_id(&h, 0));
	ck_assert_uint_eq(look_at_one(UNKNOWN_RESEND)->resends, 2);
}
END_TEST

/* As the command line does it. */
static void tenant_set(const char *policy, const char *quarantine, long changed, long unknown)
{
	const char *const values[] = { harness_message(&h, 0)->tenant_id, policy, quarantine, "who",
				       "why" };
	struct err err = { .text = "" };
	struct query *q = query_open(harness_url(), &err);

	ck_assert_msg(q != NULL, "%s", err.text);
	ck_assert_msg(query_run(q, "tenant_set", 5, values, &err) == 0, "%s", err.text);
	ck_assert_int_eq(strtol(query_value(q, 0, 0), NULL, 10), changed);
	ck_assert_msg(query_run(q, "tenant_due", 1, values, &err) == 0, "%s", err.text);
	ck_assert_int_eq(strtol(query_value(q, 0, 0), NULL, 10), unknown);
	query_close(q);
}

START_TEST(a_tenants_policy_is_in_force_for_what_is_unknown_already)
{
	lose(0, 0);
	lose(1, 0); /* of another tenant */
	ck_assert_int_eq(settle(0, SETTLE_KEEP), STORE_DONE);
	ck_assert_int_eq(settle(1, SETTLE_KEEP), STORE_DONE);
	tenant_set("fail", "5", 1, 1);
	ck_assert_uint_eq(look_at_one(UNKNOWN_HOLD)->policy, UNKNOWN_FAIL);
	ck_assert_uint_eq(h.unknown[0].row.quarantine_s, 5);
	ck_assert(message_id_equal(h.unknown[0].row.id, h.messages[0]->id));
	tenant_set("resend", NULL, 1, 1);
	ck_assert_uint_eq(look_at_one(UNKNOWN_HOLD)->policy, UNKNOWN_RESEND);
	ck_assert_uint_eq(h.unknown[0].row.quarantine_s, 60);
	ck_assert_int_eq(settle(0, SETTLE_KEEP), STORE_DONE);
	tenant_set(NULL, NULL, 1, 1);
	ck_assert_uint_eq(look_at_one(UNKNOWN_HOLD)->policy, UNKNOWN_HOLD);
	tenant_set(NULL, NULL, 0, 1);
}
END_TEST

/* What was decided by the policy of before is not written after it was changed, whatever it was. */
START_TEST(a_policy_that_is_in_force_no_more_decides_nothing)
{
	static const enum settle_verdict verdicts[] = { SETTLE_WAIT, SETTLE_KEEP, SETTLE_RESEND,
							SETTLE_FAIL };
	static const char *const policies[] = { "fail", "hold", "hold", NULL };
	struct store_settle before;

	lose(0, 90);
	for (unsigned change = 0; change < 4; change++) {
		before = decision(0, SETTLE_KEEP);
		tenant_set(policies[change], NULL, 1, 1);
		for (unsigned i = 0; i < 4; i++) {
			before.verdict = verdicts[i];
			store_settle(h.store, 700, &before);
			harness_until_done(&h, h.done_count + 1, 3000);
			ck_assert_int_eq(h.done[700].verdict, STORE_CONFLICT);
			ck_assert_str_eq(stands(0), "unknown unknown 2");
		}
		ck_assert_str_eq(decided(0), "none");
		ck_assert_int_eq(look_at_one(UNKNOWN_EVIDENCE)->policy_wall_us,
				 decision(0, SETTLE_KEEP).policy_wall_us);
	}
	ck_assert_int_eq(settle(0, SETTLE_FAIL), STORE_DONE);
}
END_TEST

/* What callers are told of it, by its id: as the role that reads for them. */
static const char *shown(unsigned tag)
{
	static char text[300];

	harness_sql_text(&h, "SET ROLE message_sender_reader");
	text_copy_cut(text, sizeof(text),
		      harness_sql_text(&h,
				       "SELECT concat_ws(' ', e ->> 'for', e ->> 'policy', "
				       "e ->> 'policy_of', (e ->> 'until' IS NOT NULL)) FROM "
				       "json_array_elements(message_sender.message_timeline('%s') "
				       "-> 'events') AS e WHERE e ->> 'event' = 'waiting'",
				       harness_id(&h, tag)));
	harness_sql_text(&h, "RESET ROLE");
	return text;
}

static void settle_as(enum unknown_policy policy, enum settle_verdict verdict)
{
	struct store_settle row = decision(0, verdict);
	const unsigned target = h.done_count + 1;

	row.policy = policy;
	store_settle(h.store, 700, &row);
	harness_until_done(&h, target, 3000);
	ck_assert_int_eq(h.done[700].verdict, STORE_DONE);
}

START_TEST(what_is_unknown_says_what_it_waits_for)
{
	lose(0, 0);
	ck_assert_str_eq(shown(0), "evidence or a decision f");
	settle_as(UNKNOWN_EVIDENCE, SETTLE_WAIT);
	ck_assert_str_eq(shown(0), "evidence or a decision evidence service t");
	settle_as(UNKNOWN_EVIDENCE, SETTLE_KEEP);
	ck_assert_str_eq(shown(0), "a person to decide evidence service f");
	settle_as(UNKNOWN_HOLD, SETTLE_KEEP);
	ck_assert_str_eq(shown(0), "a person to decide hold service f");
	settle_as(UNKNOWN_RESEND, SETTLE_WAIT);
	ck_assert_str_eq(shown(0), "its policy, to be sent again resend service t");
	tenant_set("fail", NULL, 1, 1);
	ck_assert_str_eq(shown(0), "evidence or a decision f");
	settle_as(UNKNOWN_FAIL, SETTLE_WAIT);
	ck_assert_str_eq(shown(0), "its policy, to be given up fail tenant t");
	tenant_set(NULL, NULL, 1, 1);
	ck_assert_str_eq(shown(0), "evidence or a decision f");
	settle_as(UNKNOWN_FAIL, SETTLE_FAIL);
	ck_assert_str_eq(shown(0), "");
}
END_TEST

/* As the command line reads them. */
static struct query *read_facts(unsigned tag, struct message_facts *ret_facts)
{
	const char *const values[] = { harness_id(&h, tag) };
	struct err err = { .text = "" };
	struct query *q = query_open(harness_url(), &err);

	ck_assert_msg(q != NULL, "%s", err.text);
	ck_assert_msg(query_run(q, "message_facts", 1, values, &err) == 0, "%s", err.text);
	ck_assert(query_facts(q, ret_facts));
	return q;
}

START_TEST(facts_tell_the_policy_its_times_and_its_resends)
{
	const int64_t now = clock_wall_us();
	struct message_facts f;
	struct query *q;

	lose(0, 10);
	q = read_facts(0, &f);
	ck_assert_str_eq(f.settle_policy, "");
	ck_assert_uint_eq(f.settle_resends, 0);
	query_close(q);
	harness_sql_text(
		&h,
		"INSERT INTO message_sender.decision SELECT '%s', n, what, who, 'y', now() "
		"FROM (VALUES (7, 'resend', 'policy:resend'), (8, 'resend', 'somebody'), "
		"(9, 'failed', 'policy:fail')) AS v (n, what, who)",
		harness_id(&h, 0));
	ck_assert_int_eq(settle(0, SETTLE_WAIT), STORE_DONE);
	q = read_facts(0, &f);
	ck_assert_str_eq(f.settle_policy, "resend");
	ck_assert(!f.settle_by_tenant);
	ck_assert_uint_eq(f.settle_resends, 1);
	/* Lost 10 s ago, with 60 s; decision() says a minute from now. */
	ck_assert_int_lt(llabs(f.quarantine_wall_us - now - 50000000), 3000000);
	ck_assert_int_lt(llabs(f.settle_wall_us - now - 60000000), 3000000);
	query_close(q);
	tenant_set("resend", "60", 1, 1);
	ck_assert_int_eq(settle(0, SETTLE_KEEP), STORE_DONE);
	q = read_facts(0, &f);
	ck_assert_str_eq(f.settle_policy, "resend");
	ck_assert(f.settle_by_tenant);
	ck_assert_int_eq(f.settle_wall_us, 0);
	query_close(q);
}
END_TEST

/* By the id alone: the tables themselves are not the reader's. */
START_TEST(the_reader_learns_a_policy_by_the_id_only)
{
	lose(0, 0);
	ck_assert_int_eq(settle(0, SETTLE_WAIT), STORE_DONE);
	harness_sql_text(&h, "SET ROLE message_sender_reader");
	ck_assert_str_eq(
		harness_sql_text(&h, "SELECT policy FROM message_sender.message_settling('%s')",
				 harness_id(&h, 0)),
		"resend");
	ck_assert_str_eq(harness_sql_text(&h, "SELECT has_table_privilege("
					      "'message_sender.tenant_policy', 'SELECT')"),
			 "f");
	harness_sql_text(&h, "RESET ROLE");
	ck_assert_str_eq(harness_sql_text(&h,
					  "SELECT has_function_privilege('public', "
					  "'message_sender.message_settling(uuid)', 'EXECUTE')"),
			 "f");
}
END_TEST

START_TEST(pages_are_bounded)
{
	struct err err;

	for (unsigned tag = 0; tag < 5; tag++)
		lose(tag, 0);
	for (unsigned limit = 4; limit <= 6; limit++) {
		h.unknown_count = 0;
		ck_assert_int_eq(store_load_unknown(h.store, 999, ALL_LANES, limit, UNKNOWN_FAIL, 1,
						    true, &err),
				 0);
		harness_until_done(&h, h.done_count + 1, 3000);
		ck_assert_uint_eq(h.unknown_count, limit < 5 ? limit : 5);
		ck_assert_int_eq(h.more, limit <= 5);
	}
	ck_assert_int_eq(store_load_unknown(h.store, 999, 0, 1, UNKNOWN_FAIL, 1, true, &err), -1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store_settle");
	TCase *tcase = tcase_create("store_settle");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, what_is_lost_is_due_at_once_and_then_when_its_policy_says);
	tcase_add_test(tcase, what_is_kept_is_looked_at_only_when_its_policy_is_another);
	tcase_add_test(tcase, resend_by_policy_is_recorded_and_then_begun_once);
	tcase_add_test(tcase, behind_a_lost_attempt_nothing_begins_without_the_recorded_decision);
	tcase_add_test(tcase, a_lost_attempt_of_which_the_outcome_comes_late_needs_no_decision);
	tcase_add_test(tcase, fail_is_final_and_says_that_it_was_not_learnt);
	tcase_add_test(tcase, an_outcome_that_comes_late_is_worth_more_than_the_policy);
	tcase_add_test(tcase, of_two_deciders_one_decides);
	tcase_add_test(tcase, who_is_fenced_settles_nothing);
	tcase_add_test(tcase, evidence_is_receipts_of_later_attempts_of_the_number);
	tcase_add_test(tcase, evidence_is_not_looked_for_within_the_quarantine_or_by_others);
	tcase_add_test(tcase, what_was_lost_before_a_restore_is_told);
	tcase_add_test(tcase, a_receipt_of_its_own_is_told_and_stops_every_decision);
	tcase_add_test(tcase, the_outcome_a_receipt_tells_makes_it_sent);
	tcase_add_test(tcase, resends_by_policy_are_counted_and_no_others);
	tcase_add_test(tcase, a_tenants_policy_is_in_force_for_what_is_unknown_already);
	tcase_add_test(tcase, a_policy_that_is_in_force_no_more_decides_nothing);
	tcase_add_test(tcase, what_is_unknown_says_what_it_waits_for);
	tcase_add_test(tcase, facts_tell_the_policy_its_times_and_its_resends);
	tcase_add_test(tcase, the_reader_learns_a_policy_by_the_id_only);
	tcase_add_test(tcase, pages_are_bounded);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
