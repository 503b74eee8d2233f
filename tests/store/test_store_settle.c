/* What the store does for the settling of lost replies: loading, deciding, and who wins. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "domain/graph_error.h"
#include "settling.h"

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

static enum store_verdict begin(unsigned tag, unsigned attempt)
{
	const unsigned target = h.done_count + 1;

	harness_begin(&h, tag, attempt, 800 + tag);
	harness_until_done(&h, target, 3000);
	return h.done[800 + tag].verdict;
}

START_TEST(what_is_lost_is_due_at_once_and_then_when_its_policy_says)
{
	const struct store_unknown *row;

	settling_lose(&h, 0, 0);
	row = settling_look_at_one(&h, UNKNOWN_FAIL);
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

	ck_assert_int_eq(settling_settle(&h, 0, SETTLE_WAIT), STORE_DONE);
	ck_assert_str_eq(settling_stands(&h, 0), "unknown unknown 2 resend 60");
	ck_assert_str_eq(settling_decided(&h, 0), "none");
	ck_assert_int_eq(harness_sql_long(&h, "SELECT round(extract(epoch FROM due_at - now())) "
					      "FROM message_sender.work"),
			 60);
	ck_assert_uint_eq(settling_look(&h, UNKNOWN_FAIL, false), 0);
	harness_sql_text(&h, "UPDATE message_sender.work SET due_at = now() - interval '1 ms'");
	ck_assert_uint_eq(settling_look(&h, UNKNOWN_FAIL, false), 1);
}
END_TEST

START_TEST(what_is_kept_is_looked_at_only_when_its_policy_is_another)
{
	struct store_settle row = settling_decision(&h, 0, SETTLE_KEEP);
	const unsigned target = 5;

	settling_lose(&h, 0, 0);
	settling_lose(&h, 1, 0);
	row.policy = UNKNOWN_HOLD;
	store_settle(h.store, 0, &row);
	harness_until_done(&h, target, 3000);
	ck_assert_str_eq(settling_stands(&h, 0), "unknown unknown 4 hold 60");
	ck_assert_int_eq(settling_settle(&h, 1, SETTLE_WAIT), STORE_DONE);
	ck_assert_uint_eq(settling_look(&h, UNKNOWN_HOLD, false), 0);
	/* 1 was looked at as `resend`. */
	ck_assert_uint_eq(settling_look(&h, UNKNOWN_HOLD, true), 1);
	ck_assert(message_id_equal(h.unknown[0].row.id, h.messages[1]->id));
	ck_assert_uint_eq(settling_look(&h, UNKNOWN_RESEND, true), 1);
	ck_assert(message_id_equal(h.unknown[0].row.id, h.messages[0]->id));
	ck_assert_uint_eq(settling_look(&h, UNKNOWN_FAIL, true), 2);
	/* What is due is not told twice. */
	harness_sql_text(&h, "UPDATE message_sender.work SET wait = 2, due_at = now()");
	ck_assert_uint_eq(settling_look(&h, UNKNOWN_FAIL, true), 2);
}
END_TEST

START_TEST(resend_by_policy_is_recorded_and_then_begun_once)
{
	settling_lose(&h, 0, 0);
	ck_assert_int_eq(begin(0, 2), STORE_CONFLICT);
	ck_assert_int_eq(settling_settle(&h, 0, SETTLE_RESEND), STORE_DONE);
	ck_assert_str_eq(settling_stands(&h, 0), "retrying retrying 0 resend 60");
	ck_assert_str_eq(settling_decided(&h, 0), "1 resend policy:resend as the test says");
	ck_assert_int_eq(harness_sql_long(&h, "SELECT counted FROM message_sender.work"), 2);
	ck_assert_str_eq(harness_sql_text(&h, "SELECT caller_waits FROM message_sender.work"), "f");
	ck_assert_int_eq(settling_settle(&h, 0, SETTLE_RESEND), STORE_CONFLICT);
	ck_assert_int_eq(settling_settle(&h, 0, SETTLE_FAIL), STORE_CONFLICT);
	ck_assert_int_eq(begin(0, 2), STORE_DONE);
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.work "
					      "WHERE lost_at IS NULL AND attempt = 2"),
			 1);
	ck_assert_int_eq(settling_settle(&h, 0, SETTLE_WAIT), STORE_CONFLICT);
}
END_TEST

/* Law 2: whatever else says that it may be sent again. */
START_TEST(behind_a_lost_attempt_nothing_begins_without_the_recorded_decision)
{
	settling_lose(&h, 0, 0);
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

	settling_lose(&h, 0, 0);
	late.outcome = OUTCOME_REFUSED;
	late.wamid = "";
	late.next = STORE_NEXT_RETRY;
	late.due_wall_us = clock_wall_us();
	store_outcome(h.store, 900, &late);
	harness_until_done(&h, 3, 3000);
	ck_assert_str_eq(settling_stands(&h, 0), "retrying retrying 0");
	ck_assert_int_eq(settling_settle(&h, 0, SETTLE_FAIL), STORE_CONFLICT);
	ck_assert_int_eq(begin(0, 2), STORE_DONE);
}
END_TEST

START_TEST(fail_is_final_and_says_that_it_was_not_learnt)
{
	struct store_outcome late = harness_outcome(&h, 0);

	settling_lose(&h, 0, 0);
	ck_assert_int_eq(settling_settle(&h, 0, SETTLE_FAIL), STORE_DONE);
	ck_assert_str_eq(settling_stands(&h, 0), "failed");
	ck_assert_str_eq(settling_decided(&h, 0), "1 failed policy:resend as the test says");
	harness_status(&h, 0, 4);
	ck_assert_int_eq(h.status.failure_code, GRAPH_CASE_NET_AFTER);
	ck_assert_ptr_nonnull(strstr(h.status.failure_reason, "not learnt in time"));
	ck_assert_ptr_nonnull(strstr(h.status.failure_reason, "as the test says"));
	ck_assert_int_eq(begin(0, 2), STORE_CONFLICT);
	/* The outcome that comes after all is kept in the timeline, and the state stays. */
	store_outcome(h.store, 900, &late);
	harness_until_done(&h, h.done_count + 1, 3000);
	ck_assert_str_eq(settling_stands(&h, 0), "failed");
	ck_assert_str_eq(harness_sql_text(&h, "SELECT outcome FROM message_sender.attempt"),
			 "accepted");
}
END_TEST

/* Either order in which outcome and policy come. */
START_TEST(an_outcome_that_comes_late_is_worth_more_than_the_policy)
{
	struct store_outcome late[2];
	const struct store_settle again = settling_decision(&h, 0, SETTLE_RESEND);
	unsigned target;

	settling_lose(&h, 0, 0);
	settling_lose(&h, 1, 0);
	for (unsigned tag = 0; tag < 2; tag++)
		late[tag] = harness_outcome(&h, tag);
	target = h.done_count;
	/* Submitted together: the outcome is written first. */
	store_outcome(h.store, 900, &late[0]);
	store_settle(h.store, 901, &again);
	harness_until_done(&h, target + 2, 3000);
	ck_assert_int_eq(h.done[900].verdict, STORE_DONE);
	ck_assert_int_eq(h.done[901].verdict, STORE_CONFLICT);
	ck_assert_str_eq(settling_decided(&h, 0), "none");
	ck_assert_int_eq(strncmp(settling_stands(&h, 0), "sent", 4), 0);
	/* Decided, not begun. */
	ck_assert_int_eq(settling_settle(&h, 1, SETTLE_RESEND), STORE_DONE);
	store_outcome(h.store, 902, &late[1]);
	harness_until_done(&h, h.done_count + 1, 3000);
	ck_assert_int_eq(begin(1, 2), STORE_CONFLICT);
	ck_assert_int_eq(strncmp(settling_stands(&h, 1), "sent", 4), 0);
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
	const struct store_settle row = settling_decision(&h, 0, SETTLE_RESEND);
	PGresult *result;
	char sql[256];

	settling_lose(&h, 0, 0);
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
	ck_assert_str_eq(settling_decided(&h, 0), "1 failed who why");
	ck_assert_str_eq(settling_stands(&h, 0), "failed");
	PQfinish(other);
}
END_TEST

START_TEST(who_is_fenced_settles_nothing)
{
	settling_lose(&h, 0, 0);
	settling_lose(&h, 1, 0);
	harness_sql_text(&h, "UPDATE message_sender.incarnation SET fenced = true");
	ck_assert_int_eq(settling_settle(&h, 0, SETTLE_RESEND), STORE_CONFLICT);
	ck_assert_int_eq(settling_settle(&h, 1, SETTLE_WAIT), STORE_CONFLICT);
	ck_assert_str_eq(settling_stands(&h, 0), "unknown unknown 2");
	ck_assert_str_eq(settling_stands(&h, 1), "unknown unknown 2");
	ck_assert_str_eq(settling_decided(&h, 0), "none");
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
	return settling_look_at_one(&h, UNKNOWN_EVIDENCE)->later_receipts;
}

START_TEST(evidence_is_receipts_of_later_attempts_of_the_number)
{
	settling_lose(&h, 0, 61);
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
	settling_lose(&h, 0, 50);
	for (unsigned tag = 1; tag <= 3; tag++)
		sent_later(tag, NUMBER, "1 s");
	ck_assert_uint_eq(evidence(), 0);
	harness_sql_text(&h, "UPDATE message_sender.work SET lost_at = now() - interval '60 s' "
			     "WHERE wait = 2");
	ck_assert_uint_eq(evidence(), 3);
	ck_assert_uint_eq(settling_look_at_one(&h, UNKNOWN_RESEND)->later_receipts, 0);
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

	settling_lose(&h, 0, 100);
	for (unsigned tag = 1; tag <= 3; tag++)
		sent_later(tag, NUMBER, "1 s");
	restore("(SELECT lost_at - interval '1 min' FROM message_sender.work WHERE wait = 2)");
	ck_assert_uint_eq(evidence(), 3);
	ck_assert(!h.unknown[0].row.restored);
	restore("(SELECT max(ended_at) FROM message_sender.attempt WHERE outcome = 'lost')");
	ck_assert_uint_eq(evidence(), 0);
	ck_assert(h.unknown[0].row.restored);
	harness_sql_text(&h, "UPDATE message_sender.work SET lost_at = %s WHERE wait = 2", sooner);
	ck_assert(settling_look_at_one(&h, UNKNOWN_RESEND)->restored);
	harness_sql_text(&h, "UPDATE message_sender.attempt SET ended_at = now() + interval '1 h' "
			     "WHERE outcome = 'lost'");
	ck_assert(!settling_look_at_one(&h, UNKNOWN_RESEND)->restored);
	harness_sql_text(&h, "UPDATE message_sender.work SET lost_at = now() - interval '1 h' "
			     "WHERE wait = 2");
	ck_assert(settling_look_at_one(&h, UNKNOWN_RESEND)->restored);
	harness_sql_text(&h, "DELETE FROM message_sender.restore");
	ck_assert(!settling_look_at_one(&h, UNKNOWN_RESEND)->restored);
}
END_TEST

START_TEST(a_receipt_of_its_own_is_told_and_stops_every_decision)
{
	const struct store_unknown *row;

	settling_lose(&h, 0, 61);
	receipt(0, 1, "delivered");
	row = settling_look_at_one(&h, UNKNOWN_EVIDENCE);
	ck_assert_uint_eq(row->receipt_attempt, 1);
	ck_assert_str_eq(h.unknown[0].wamid, "wamid.0");
	ck_assert_int_lt(llabs(row->receipt_wall_us - clock_wall_us()), 5000000);
	ck_assert_int_eq(settling_settle(&h, 0, SETTLE_RESEND), STORE_CONFLICT);
	ck_assert_int_eq(settling_settle(&h, 0, SETTLE_FAIL), STORE_CONFLICT);
	ck_assert_str_eq(settling_stands(&h, 0), "unknown unknown 2");
	ck_assert_int_eq(settling_settle(&h, 0, SETTLE_WAIT), STORE_DONE);
}
END_TEST

/* What delivery writes for such a receipt. */
START_TEST(the_outcome_a_receipt_tells_makes_it_sent)
{
	struct store_outcome row = harness_outcome(&h, 0);

	settling_lose(&h, 0, 0);
	row.next = STORE_NEXT_CONVERSATION;
	row.due_wall_us = clock_wall_us();
	store_outcome(h.store, 900, &row);
	harness_until_done(&h, 3, 3000);
	ck_assert_str_eq(settling_stands(&h, 0), "sent sent 1");
	ck_assert_str_eq(harness_sql_text(&h, "SELECT outcome FROM message_sender.attempt"),
			 "accepted");
}
END_TEST

START_TEST(resends_by_policy_are_counted_and_no_others)
{
	settling_lose(&h, 0, 0);
	harness_sql_text(&h,
			 "INSERT INTO message_sender.decision SELECT '%s', n, 'resend', who, 'y', "
			 "now() FROM (VALUES (7, 'policy:resend'), (8, 'policy:evidence'), "
			 "(9, 'somebody')) AS v (n, who)",
			 harness_id(&h, 0));
	ck_assert_uint_eq(settling_look_at_one(&h, UNKNOWN_RESEND)->resends, 2);
}
END_TEST

START_TEST(pages_are_bounded)
{
	struct err err;

	for (unsigned tag = 0; tag < 5; tag++)
		settling_lose(&h, tag, 0);
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
	tcase_add_test(tcase, pages_are_bounded);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
