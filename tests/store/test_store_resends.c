/* What Meta reports as failed for now is sent again: once, and never what it has delivered. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "receiving.h"
#include "settling.h"

static struct harness h;

static void setup(void)
{
	harness_start(&h);
}

static void teardown(void)
{
	harness_stop(&h);
}

/* Of an attempt of message `tag`; what has failed has done so for now. */
static struct receipt receipt_of(unsigned tag, unsigned attempt, enum receipt_status status,
				 int at_s)
{
	static char wamids[4][16];
	struct receipt r = receiving_receipt(&h, tag, status, at_s);

	if (attempt > 1) {
		snprintf(wamids[attempt % 4], sizeof(wamids[0]), "w.%u.%u", tag, attempt);
		r.wamid = wamids[attempt % 4];
	}
	r.attempt = attempt;
	if (status == RECEIPT_FAILED) {
		r.code = 131000;
		r.title = "Something went wrong";
	}
	return r;
}

static void give(unsigned tag, unsigned attempt, enum receipt_status status, int at_s)
{
	const struct receipt r = receipt_of(tag, attempt, status, at_s);

	receiving_give(&h, &r, 1);
}

static const char *stands(unsigned tag)
{
	return receiving_stands(&h, tag);
}

static const char *column(unsigned tag, const char *expression)
{
	return harness_sql_text(&h,
				"SELECT coalesce((%s)::text, 'null') FROM message_sender.message m "
				"LEFT JOIN message_sender.work w USING (message_id) "
				"WHERE message_id = '%s'",
				expression, harness_id(&h, tag));
}

static long decisions(void)
{
	return harness_sql_long(&h, "SELECT count(*) FROM message_sender.decision "
				    "WHERE decided_by = 'policy:receipt'");
}

static void begin(unsigned tag, unsigned attempt, enum store_verdict verdict)
{
	const unsigned op = 100 + 10 * tag + attempt;

	harness_begin(&h, tag, attempt, op);
	harness_until_done(&h, h.done_count + 1, 3000);
	harness_expect(&h, op, verdict);
}

static void accepted(unsigned tag, unsigned attempt)
{
	struct store_outcome row = harness_outcome(&h, tag);
	char wamid[16];

	snprintf(wamid, sizeof(wamid), "w.%u.%u", tag, attempt);
	row.attempt = attempt;
	row.wamid = wamid;
	store_outcome(h.store, 900 + tag, &row);
	harness_until_done(&h, h.done_count + 1, 3000);
}

START_TEST(what_failed_for_now_waits_for_its_next_attempt)
{
	receiving_send(&h, 0);
	give(0, 1, RECEIPT_FAILED, 5);
	ck_assert_str_eq(stands(0), "retrying retrying 0");
	ck_assert_uint_eq(h.received.act_count, 1);
	ck_assert_int_eq(h.acts[0].kind, STORE_ACT_AGAIN);
	ck_assert_ptr_nonnull(strstr(settling_decided(&h, 0), "1 resend policy:receipt"));
	ck_assert_str_eq(column(0, "concat_ws(' ', w.attempt, w.attempt_open, w.counted, w.number, "
				   "w.due_at - now() BETWEEN '55 s' AND '66 s', w.expires_at - "
				   "m.accepted_at, m.failed_at, m.failure_code)"),
			 "1 f 1 1234567890 t 1 day");
	/* Of it `sent` says nothing new, nor does another event of the same. */
	give(0, 1, RECEIPT_SENT, 1);
	give(0, 1, RECEIPT_FAILED, 5);
	give(0, 1, RECEIPT_FAILED, 6);
	ck_assert_str_eq(stands(0), "retrying retrying 0");
	ck_assert_int_eq(decisions(), 1);
	begin(0, 2, STORE_DONE);
	give(0, 1, RECEIPT_FAILED, 7);
	ck_assert_str_eq(stands(0), "retrying sending 0");
	accepted(0, 2);
	ck_assert_str_eq(stands(0), "sent");
	ck_assert_str_eq(column(0, "concat_ws(' ', m.wamid, m.attempts)"), "w.0.2 2");
	give(0, 1, RECEIPT_FAILED, 8);
	ck_assert_str_eq(stands(0), "sent");
	give(0, 2, RECEIPT_DELIVERED, 9);
	ck_assert_str_eq(stands(0), "delivered");
	ck_assert_int_eq(decisions(), 1);
}
END_TEST

/* Whoever asks, it stays sent. */
START_TEST(its_status_does_not_go_back)
{
	static const char *const shown[] = {
		"(SELECT o.body FROM message_sender.message_whole(m.message_id) AS o)",
		"message_sender.message_timeline(m.message_id)",
		"(message_sender.message_list(m.tenant_id, 'sent', NULL, NULL, 9)"
		" -> 'messages' -> 0)",
		"(SELECT to_json(v) FROM report.message v WHERE v.message_id = m.message_id)",
	};
	char expression[512];

	receiving_send(&h, 0);
	give(0, 1, RECEIPT_FAILED, 5);
	for (unsigned i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
		snprintf(expression, sizeof(expression),
			 "(%s ->> 'status') || ' ' || (%s ->> 'state_detail')", shown[i], shown[i]);
		ck_assert_str_eq(column(0, expression), "sent retrying");
	}
	ck_assert_str_eq(column(0, "json_array_length(message_sender.message_list(m.tenant_id, "
				   "'queued', NULL, NULL, 9) -> 'messages')"),
			 "0");
	harness_status(&h, 0, 900);
	ck_assert_int_eq(h.status.state, STATE_RETRYING);
	ck_assert_int_ne(h.status.sent_wall_us, 0);
}
END_TEST

/* Of message 0: what happened, in order. */
static const char *timeline(void)
{
	return harness_sql_text(
		&h,
		"SELECT string_agg(concat_ws(':', e ->> 'event', coalesce(e ->> 'status', "
		"e ->> 'by'), e ->> 'code'), ' ' ORDER BY ord) FROM json_array_elements("
		"message_sender.message_timeline('%s') -> 'events') WITH ORDINALITY AS t "
		"(e, ord)",
		harness_id(&h, 0));
}

/* The wait says what it is for. */
START_TEST(the_timeline_tells_why_it_is_sent_again)
{
	receiving_send(&h, 0);
	give(0, 1, RECEIPT_SENT, 1);
	give(0, 1, RECEIPT_FAILED, 5);
	ck_assert_str_eq(timeline(),
			 "accepted attempt_begun attempt_ended receipt:sent receipt:failed:131000 "
			 "resolved:policy:receipt waiting:131000 sent");
	begin(0, 2, STORE_DONE);
	give(0, 2, RECEIPT_DELIVERED, 9);
	ck_assert_str_eq(
		timeline(),
		"accepted attempt_begun attempt_ended receipt:sent receipt:failed:131000 "
		"resolved:policy:receipt waited:131000 attempt_begun receipt:delivered sent "
		"delivered");
}
END_TEST

/* Two are allowed: the third failure is the end. */
START_TEST(no_more_often_than_others_are_tried_again)
{
	receiving_send(&h, 0);
	for (unsigned attempt = 1; attempt <= 2; attempt++) {
		give(0, attempt, RECEIPT_FAILED, (int)attempt);
		ck_assert_str_eq(stands(0), "retrying retrying 0");
		ck_assert_int_eq(h.acts[0].kind, STORE_ACT_AGAIN);
		begin(0, attempt + 1, STORE_DONE);
		accepted(0, attempt + 1);
	}
	give(0, 3, RECEIPT_FAILED, 9);
	ck_assert_str_eq(stands(0), "failed");
	ck_assert_int_eq(h.acts[0].kind, STORE_ACT_FAILED);
	ck_assert_str_eq(column(0, "concat_ws(' ', m.failure_code, m.failure_reason LIKE "
				   "'Something went wrong%', m.wamid)"),
			 "131000 t w.0.3");
	ck_assert_int_eq(decisions(), 2);
}
END_TEST

/* Refusals by a rate limit and while all was away do not count, as with every retry. */
START_TEST(what_does_not_count_uses_up_nothing)
{
	static const int codes[] = { 130429, -3, 131000 };

	for (unsigned i = 0; i < 3; i++) {
		receiving_send(&h, i);
		for (unsigned nth = 2; nth <= 3; nth++) {
			harness_sql_text(&h,
					 "INSERT INTO message_sender.attempt (message_id, attempt, "
					 "incarnation, outcome, code, begun_at, ended_at) SELECT "
					 "message_id, %u, incarnation, 'refused', %d, now(), now() "
					 "FROM message_sender.attempt WHERE message_id = '%s' "
					 "AND attempt = 1",
					 nth, codes[i], harness_id(&h, i));
		}
		harness_sql_text(&h,
				 "UPDATE message_sender.message SET attempts = 3 WHERE "
				 "message_id = '%s'",
				 harness_id(&h, i));
		give(i, 3, RECEIPT_FAILED, 1);
		ck_assert_str_eq(stands(i), i < 2 ? "retrying retrying 0" : "failed");
	}
}
END_TEST

START_TEST(neither_for_good_causes_nor_beyond_its_validity_nor_in_a_cancelled_batch)
{
	struct receipt r;

	for (unsigned i = 0; i < 4; i++)
		receiving_send(&h, i);
	r = receipt_of(0, 1, RECEIPT_FAILED, 1);
	r.code = 131026;
	receiving_give(&h, &r, 1);
	ck_assert_str_eq(stands(0), "failed");
	/* The wait is 60 to 66 s. */
	for (unsigned i = 1; i <= 2; i++) {
		harness_sql_text(&h,
				 "UPDATE message_sender.message SET accepted_at = now() - "
				 "interval '86400 s' + interval '%d s' WHERE message_id = '%s'",
				 i == 1 ? 59 : 90, harness_id(&h, i));
		give(i, 1, RECEIPT_FAILED, 1);
		ck_assert_str_eq(stands(i), i == 1 ? "failed" : "retrying retrying 0");
	}
	harness_sql_text(
		&h,
		"WITH b AS (INSERT INTO message_sender.batch (batch_id, tenant_id, "
		"opened_at, messages, cancelled_at) SELECT message_id, tenant_id, now(), 1, "
		"now() FROM message_sender.message WHERE "
		"message_id = '%s' RETURNING batch_id) UPDATE message_sender.message m SET "
		"batch_id = b.batch_id FROM b WHERE m.message_id = b.batch_id",
		harness_id(&h, 3));
	give(3, 1, RECEIPT_FAILED, 1);
	ck_assert_str_eq(stands(3), "failed");
}
END_TEST

/* A rate limit has a least wait of its own: 131064, an hour; 131048, a day. */
START_TEST(a_rate_limit_is_waited_for)
{
	struct receipt r;

	receiving_send(&h, 0);
	receiving_send(&h, 1);
	r = receipt_of(0, 1, RECEIPT_FAILED, 1);
	r.code = 131064;
	receiving_give(&h, &r, 1);
	ck_assert_str_eq(column(0, "w.due_at - now() BETWEEN '3590 s' AND '3960 s'"), "true");
	r = receipt_of(1, 1, RECEIPT_FAILED, 1);
	r.code = 131048;
	receiving_give(&h, &r, 1);
	ck_assert_str_eq(stands(1), "failed");
}
END_TEST

START_TEST(what_is_delivered_after_all_is_not_sent_again)
{
	receiving_send(&h, 0);
	give(0, 1, RECEIPT_FAILED, 5);
	give(0, 1, RECEIPT_DELIVERED, 6);
	ck_assert_str_eq(stands(0), "delivered unknown 2");
	begin(0, 2, STORE_CONFLICT);
	ck_assert_uint_eq(settling_look_at_one(&h, UNKNOWN_HOLD)->receipt_attempt, 1);
}
END_TEST

/* The delivery was being recorded when the failure was, and saw no work: the last gate sees it. */
START_TEST(nor_does_it_begin_when_both_came_at_once)
{
	receiving_send(&h, 0);
	give(0, 1, RECEIPT_FAILED, 5);
	harness_sql_text(&h, "UPDATE message_sender.message SET state = 'delivered', "
			     "delivered_at = now()");
	harness_sql_text(&h,
			 "INSERT INTO message_sender.receipt (message_id, at, attempt, status, "
			 "number, wamid) VALUES ('%s', now(), 1, 'delivered', '1', 'w.0')",
			 harness_id(&h, 0));
	begin(0, 2, STORE_CONFLICT);
	ck_assert_str_eq(stands(0), "delivered unknown 2");
	ck_assert_uint_eq(settling_look_at_one(&h, UNKNOWN_HOLD)->receipt_attempt, 1);
}
END_TEST

static bool somebody_waits(struct harness *of, void *arg)
{
	(void)arg;
	return harness_sql_long(of, "SELECT count(*) FROM pg_locks WHERE NOT granted") > 0;
}

/* Two events of the same failure, at two workers: the second has waited for the first. */
START_TEST(two_that_come_at_once_lead_to_one)
{
	const struct receipt r = receipt_of(0, 1, RECEIPT_FAILED, 5);
	struct receipts *list = receipts_new();
	struct err err;

	receiving_send(&h, 0);
	ck_assert_int_eq(receipts_add(list, &r), RECEIPTS_ADDED);
	harness_sql_text(&h, "BEGIN");
	harness_sql_text(&h, "UPDATE message_sender.message SET state = 'retrying'");
	harness_sql_text(
		&h, "INSERT INTO message_sender.work (message_id, tenant_id, lane, seq, "
		    "state, caller_waits, attempt, attempt_open, due_at, expires_at, queue) SELECT "
		    "message_id, tenant_id, message_sender.tenant_lane(tenant_id), 1, "
		    "'retrying', false, 1, false, now() + '1 min', now() + '1 h', 1 "
		    "FROM message_sender.message");
	ck_assert_int_eq(store_receipts(h.store, 50, list, NULL, NULL, 0, &err), 0);
	harness_until(&h, 3000, somebody_waits, NULL);
	harness_sql_text(&h, "COMMIT");
	harness_until_done(&h, h.done_count + 1, 5000);
	harness_expect(&h, 50, STORE_DONE);
	ck_assert_uint_eq(h.received.act_count, 0);
	ck_assert_str_eq(stands(0), "retrying retrying 0");
	ck_assert_int_eq(decisions(), 0);
}
END_TEST

/* The store looks after its tables while it is in use. */
static void until_adopted(void)
{
	const int64_t deadline_ms = clock_boot_ms() + 20000;

	receiving_send(&h, 90);
	harness_sql_text(&h, "UPDATE message_sender.receipt_orphan SET due_at = now()");
	for (int i = 0; h.adopted_count == 0; i++) {
		ck_assert_int_lt(clock_boot_ms(), deadline_ms);
		give(90, 1, RECEIPT_SENT, i);
		harness_run_for(&h, 60);
	}
}

/* Before our own outcome; then it is recorded first. */
START_TEST(while_its_attempt_is_under_way_it_waits)
{
	harness_accept(&h, 0, true);
	harness_until_done(&h, 1, 3000);
	give(0, 1, RECEIPT_FAILED, 5);
	ck_assert_uint_eq(h.received.orphans, 1);
	ck_assert_str_eq(stands(0), "queued sending 0");
	accepted(0, 1);
	ck_assert_str_eq(stands(0), "sent");
	until_adopted();
	ck_assert_str_eq(stands(0), "retrying retrying 0");
	ck_assert_int_eq(decisions(), 1);
}
END_TEST

/* Known by its wamid only: as one that has found its message, so that its work is locked. */
START_TEST(without_callback_data_it_goes_again_too)
{
	struct receipt r = receipt_of(0, 1, RECEIPT_FAILED, 5);

	r.has_callback = false;
	receiving_send(&h, 0);
	receiving_give(&h, &r, 1);
	ck_assert_str_eq(stands(0), "sent");
	until_adopted();
	ck_assert_str_eq(stands(0), "retrying retrying 0");
}
END_TEST

/* A lost reply: the failure settles it, and what comes late of that call undoes nothing. */
START_TEST(a_lost_reply_that_failed_is_sent_again)
{
	settling_lose(&h, 0, 100);
	give(0, 1, RECEIPT_FAILED, 5);
	ck_assert_str_eq(stands(0), "retrying retrying 0");
	ck_assert_str_eq(column(0, "m.sent_at IS NOT NULL AND m.wamid = 'w.0'"), "true");
	accepted(0, 1);
	ck_assert_str_eq(stands(0), "retrying retrying 0");
	begin(0, 2, STORE_DONE);
}
END_TEST

/* Of two attempts in one webhook. */
START_TEST(receipts_of_two_attempts_in_one_webhook)
{
	struct receipt rows[3];

	receiving_send(&h, 0);
	give(0, 1, RECEIPT_FAILED, 1);
	begin(0, 2, STORE_DONE);
	accepted(0, 2);
	rows[0] = receipt_of(0, 1, RECEIPT_FAILED, 2);
	rows[1] = receipt_of(0, 2, RECEIPT_FAILED, 3);
	rows[2] = receipt_of(0, 1, RECEIPT_SENT, 0);
	receiving_give(&h, rows, 3);
	ck_assert_uint_eq(h.received.fresh, 3);
	ck_assert_str_eq(stands(0), "retrying retrying 0");
	ck_assert_str_eq(column(0, "concat_ws(' ', w.attempt, w.counted)"), "2 2");
	ck_assert_int_eq(decisions(), 2);
}
END_TEST

/* Stored after the first attempt: not once more; what is not stored yet is, after the last. */
START_TEST(its_copy_is_stored_once)
{
	struct store_outcome row;

	receiving_send(&h, 0);
	harness_accept(&h, 1, true);
	harness_until_done(&h, h.done_count + 1, 3000);
	row = harness_outcome(&h, 1);
	row.wamid = "w.1";
	row.next = STORE_NEXT_CONVERSATION;
	store_outcome(h.store, 1, &row);
	harness_until_done(&h, h.done_count + 1, 3000);
	ck_assert_str_eq(stands(1), "sent sent 1");
	for (unsigned i = 0; i < 2; i++) {
		give(i, 1, RECEIPT_FAILED, 1);
		ck_assert_str_eq(stands(i), "retrying retrying 0");
		ck_assert_str_eq(column(i, "w.copied"), i == 0 ? "true" : "false");
	}
}
END_TEST

START_TEST(what_was_sent_once_fails_and_does_not_expire)
{
	struct store_outcome row;

	receiving_send(&h, 0);
	harness_sql_text(&h, "UPDATE message_sender.message SET valid_until = now() + "
			     "interval '1 h'");
	give(0, 1, RECEIPT_FAILED, 1);
	begin(0, 2, STORE_DONE);
	row = harness_outcome(&h, 0);
	row.attempt = 2;
	row.outcome = OUTCOME_REFUSED;
	row.wamid = "";
	row.next = STORE_NEXT_EXPIRED;
	store_outcome(h.store, 0, &row);
	harness_until_done(&h, h.done_count + 1, 3000);
	ck_assert_str_eq(stands(0), "failed");
}
END_TEST

/* Its reply lost, and a person decides: what was sent once keeps that. */
START_TEST(a_person_does_not_take_back_that_it_was_sent)
{
	struct store_outcome row;

	receiving_send(&h, 0);
	give(0, 1, RECEIPT_FAILED, 1);
	begin(0, 2, STORE_DONE);
	row = harness_lost(&h, 0);
	row.attempt = 2;
	store_outcome(h.store, 0, &row);
	harness_until_done(&h, h.done_count + 1, 3000);
	ck_assert_str_eq(stands(0), "unknown unknown 2");
	ck_assert_str_eq(column(0,
				"message_sender.resolve(m.message_id, 'resend', 'w', 'r', NULL)"),
			 "null");
	ck_assert_str_eq(column(0, "m.sent_at IS NOT NULL AND m.wamid = 'w.0'"), "true");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store_resends");
	TCase *tcase = tcase_create("store_resends");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, what_failed_for_now_waits_for_its_next_attempt);
	tcase_add_test(tcase, its_status_does_not_go_back);
	tcase_add_test(tcase, the_timeline_tells_why_it_is_sent_again);
	tcase_add_test(tcase, no_more_often_than_others_are_tried_again);
	tcase_add_test(tcase, what_does_not_count_uses_up_nothing);
	tcase_add_test(tcase,
		       neither_for_good_causes_nor_beyond_its_validity_nor_in_a_cancelled_batch);
	tcase_add_test(tcase, a_rate_limit_is_waited_for);
	tcase_add_test(tcase, what_is_delivered_after_all_is_not_sent_again);
	tcase_add_test(tcase, nor_does_it_begin_when_both_came_at_once);
	tcase_add_test(tcase, two_that_come_at_once_lead_to_one);
	tcase_add_test(tcase, while_its_attempt_is_under_way_it_waits);
	tcase_add_test(tcase, without_callback_data_it_goes_again_too);
	tcase_add_test(tcase, a_lost_reply_that_failed_is_sent_again);
	tcase_add_test(tcase, receipts_of_two_attempts_in_one_webhook);
	tcase_add_test(tcase, its_copy_is_stored_once);
	tcase_add_test(tcase, what_was_sent_once_fails_and_does_not_expire);
	tcase_add_test(tcase, a_person_does_not_take_back_that_it_was_sent);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
