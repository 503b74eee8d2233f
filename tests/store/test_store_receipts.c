/* What receipts do to messages and their work, in whatever order they and outcomes come. */
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

static unsigned give(unsigned tag, enum receipt_status status, int at_s)
{
	return receiving_give_one(&h, tag, status, at_s);
}

static const char *stands(unsigned tag)
{
	return receiving_stands(&h, tag);
}

static const char *column(unsigned tag, const char *expression)
{
	return harness_sql_text(&h,
				"SELECT coalesce((%s)::text, 'null') FROM message_sender.message m "
				"WHERE message_id = '%s'",
				expression, harness_id(&h, tag));
}

static long recorded(unsigned tag)
{
	return harness_sql_long(
		&h, "SELECT count(*) FROM message_sender.receipt WHERE message_id = '%s'",
		harness_id(&h, tag));
}

static long orphans(void)
{
	return harness_sql_long(&h, "SELECT count(*) FROM message_sender.receipt_orphan");
}

START_TEST(a_state_follows_and_each_event_is_recorded_once)
{
	receiving_send(&h, 0);
	ck_assert_uint_eq(give(0, RECEIPT_SENT, 0), 1);
	ck_assert_str_eq(stands(0), "sent");
	ck_assert_uint_eq(give(0, RECEIPT_READ, 9), 1);
	ck_assert_str_eq(stands(0), "read");
	ck_assert_str_eq(column(0, "delivered_at = read_at"), "true");
	ck_assert_uint_eq(give(0, RECEIPT_DELIVERED, 4), 1);
	ck_assert_str_eq(stands(0), "read");
	ck_assert_str_eq(column(0, "read_at - delivered_at"), "00:00:05");
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(give(0, RECEIPT_DELIVERED, 4), 0);
		ck_assert_uint_eq(h.received.repeated, 1);
	}
	ck_assert_uint_eq(give(0, RECEIPT_PLAYED, 20), 1);
	ck_assert_str_eq(stands(0), "read");
	ck_assert_int_eq(recorded(0), 4);
}
END_TEST

/* The rule of the program, said once more in SQL: each status upon each state. */
START_TEST(it_does_what_the_rule_says)
{
	static const enum state states[] = { STATE_SENT,   STATE_DELIVERED, STATE_READ,
					     STATE_FAILED, STATE_CANCELLED, STATE_EXPIRED };

	receiving_send(&h, 0);
	for (unsigned s = 0; s < sizeof(states) / sizeof(states[0]); s++) {
		for (int r = 0; r <= RECEIPT_OTHER; r++) {
			struct receipt row =
				receiving_receipt(&h, 0, (enum receipt_status)r, (int)(10 * s));

			row.status_text = "deleted";
			harness_sql_text(&h, "TRUNCATE message_sender.receipt");
			harness_sql_text(&h,
					 "UPDATE message_sender.message SET state = '%s', "
					 "delivered_at = now(), read_at = now()",
					 state_name(states[s]));
			receiving_give(&h, &row, 1);
			ck_assert_uint_eq(h.received.fresh, 1);
			ck_assert_msg(strcmp(stands(0),
					     state_name(receipt_state(states[s], row.status))) == 0,
				      "%s upon %s: %s", row.status_text, state_name(states[s]),
				      stands(0));
		}
	}
}
END_TEST

START_TEST(who_has_failed_says_why_and_what_to_do)
{
	struct receipt r;

	receiving_send(&h, 0);
	r = receiving_receipt(&h, 0, RECEIPT_FAILED, 3);
	r.code = 131026;
	r.title = "Message undeliverable";
	r.details = "Recipient cannot receive it";
	receiving_give(&h, &r, 1);
	ck_assert_str_eq(stands(0), "failed");
	ck_assert_uint_eq(h.received.act_count, 1);
	ck_assert_int_eq(h.acts[0].kind, STORE_ACT_FAILED);
	ck_assert_str_eq(h.acts[0].tenant_id, harness_message(&h, 0)->tenant_id);
	ck_assert_uint_eq(h.acts[0].lane, harness_message(&h, 0)->lane);
	ck_assert_int_eq(h.acts[0].receipt.code, 131026);
	harness_status(&h, 0, 900);
	ck_assert_int_eq(h.status.state, STATE_FAILED);
	ck_assert_int_eq(h.status.failure_code, 131026);
	ck_assert_ptr_eq(strstr(h.status.failure_reason,
				"Message undeliverable: Recipient cannot receive it. "),
			 h.status.failure_reason);
}
END_TEST

static const char *events(unsigned tag)
{
	return harness_sql_text(
		&h,
		"SELECT string_agg(concat(e ->> 'status', CASE WHEN (e ->> 'contradicts')::boolean "
		"THEN '!' END), ' ' ORDER BY ord) FROM json_array_elements("
		"message_sender.message_timeline('%s') -> 'events') WITH ORDINALITY AS t (e, ord) "
		"WHERE e ->> 'event' = 'receipt'",
		harness_id(&h, tag));
}

START_TEST(what_contradicts_is_kept_and_marked)
{
	receiving_send(&h, 0);
	receiving_send(&h, 1);
	(void)give(0, RECEIPT_FAILED, 1);
	(void)give(0, RECEIPT_DELIVERED, 2);
	ck_assert_str_eq(stands(0), "failed");
	ck_assert_str_eq(column(0, "delivered_at"), "null");
	ck_assert_str_eq(events(0), "failed delivered!");
	(void)give(1, RECEIPT_SENT, 0);
	(void)give(1, RECEIPT_DELIVERED, 1);
	(void)give(1, RECEIPT_FAILED, 2);
	ck_assert_str_eq(stands(1), "delivered");
	ck_assert_str_eq(column(1, "failed_at"), "null");
	ck_assert_str_eq(events(1), "sent delivered failed!");
}
END_TEST

/* The last lines of the timeline are what it came to. */
START_TEST(the_timeline_has_receipts_in_order_with_both_times)
{
	struct receipt r;

	receiving_send(&h, 0);
	(void)give(0, RECEIPT_DELIVERED, 5);
	r = receiving_receipt(&h, 0, RECEIPT_SENT, 1);
	r.category = "utility";
	receiving_give(&h, &r, 1);
	ck_assert_str_eq(
		harness_sql_text(
			&h,
			"SELECT string_agg(e ->> 'event', ' ' ORDER BY ord) FROM "
			"json_array_elements(message_sender.message_timeline('%s') -> 'events') "
			"WITH ORDINALITY AS t (e, ord)",
			harness_id(&h, 0)),
		"accepted attempt_begun attempt_ended receipt receipt sent delivered");
	ck_assert_str_eq(
		harness_sql_text(
			&h,
			"SELECT concat_ws(' ', e ->> 'source', e ->> 'category', e ->> 'at', "
			"(e ->> 'received_at')::timestamptz > now() - interval '1 min') FROM "
			"json_array_elements(message_sender.message_timeline('%s') -> 'events') e "
			"WHERE e ->> 'status' = 'sent'",
			harness_id(&h, 0)),
		"meta utility 2026-11-23T00:00:01.000Z t");
}
END_TEST

START_TEST(a_receipt_may_overtake_its_outcome)
{
	struct store_outcome row = harness_outcome(&h, 0);

	row.wamid = "w.0";
	row.next = STORE_NEXT_CONVERSATION;
	harness_accept(&h, 0, true);
	harness_until_done(&h, 1, 3000);
	(void)give(0, RECEIPT_DELIVERED, 5);
	ck_assert_uint_eq(h.received.act_count, 0);
	ck_assert_str_eq(stands(0), "delivered sending 0");
	ck_assert_str_eq(column(0, "wamid"), "w.0");
	store_outcome(h.store, 0, &row);
	harness_until_done(&h, 3, 3000);
	ck_assert_str_eq(stands(0), "delivered sent 1");
	ck_assert_str_eq(column(0, "concat_ws(' ', number, attempts, wamid)"), "1234567890 1 w.0");
}
END_TEST

/* Also when the outcome says that the reply was lost, or that it failed: Meta had it. */
START_TEST(a_lost_reply_behind_its_receipt_is_accepted)
{
	struct store_outcome row = harness_lost(&h, 0);

	harness_accept(&h, 0, true);
	harness_accept(&h, 1, true);
	harness_until_done(&h, 2, 3000);
	(void)give(0, RECEIPT_SENT, 5);
	(void)give(1, RECEIPT_FAILED, 5);
	ck_assert_str_eq(stands(1), "failed sending 0");
	store_outcome(h.store, 0, &row);
	row = harness_lost(&h, 1);
	store_outcome(h.store, 1, &row);
	harness_until_done(&h, 6, 3000);
	ck_assert_str_eq(stands(0),
			 harness_message(&h, 0)->conversation_id[0] ? "sent sent 1" : "sent");
	ck_assert_str_eq(stands(1), "failed");
	ck_assert_str_eq(column(1, "failed_at IS NOT NULL AND sent_at IS NOT NULL"), "true");
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.attempt "
					      "WHERE outcome = 'accepted' AND wamid LIKE 'w.%%'"),
			 2);
}
END_TEST

START_TEST(what_is_unknown_is_due_for_its_owner_also_when_kept_for_a_person)
{
	const struct store_unknown *row;

	settling_lose(&h, 0, 100);
	settling_lose(&h, 1, 100);
	ck_assert_int_eq(settling_settle(&h, 0, SETTLE_KEEP), STORE_DONE);
	ck_assert_int_eq(settling_settle(&h, 1, SETTLE_WAIT), STORE_DONE);
	ck_assert_uint_eq(settling_look(&h, UNKNOWN_RESEND, false), 0);
	(void)give(0, RECEIPT_SENT, 5);
	ck_assert_uint_eq(h.received.act_count, 1);
	ck_assert_int_eq(h.acts[0].kind, STORE_ACT_SETTLE);
	ck_assert_uint_eq(h.acts[0].lane, harness_message(&h, 0)->lane);
	ck_assert_str_eq(stands(0), "sent unknown 2");
	row = settling_look_at_one(&h, UNKNOWN_RESEND);
	ck_assert_uint_eq(row->receipt_attempt, 1);
	ck_assert_str_eq(h.unknown[0].wamid, "w.0");
	(void)give(1, RECEIPT_FAILED, 5);
	ck_assert_str_eq(stands(1), "failed unknown 2");
	ck_assert_int_eq(settling_settle(&h, 1, SETTLE_RESEND), STORE_CONFLICT);
}
END_TEST

/* Decided and not begun yet: what the customer has is not sent again. */
START_TEST(a_receipt_stops_what_a_policy_would_send_again)
{
	settling_lose(&h, 0, 100);
	ck_assert_int_eq(settling_settle(&h, 0, SETTLE_RESEND), STORE_DONE);
	ck_assert_str_eq(stands(0), "retrying retrying 0");
	(void)give(0, RECEIPT_DELIVERED, 5);
	ck_assert_uint_eq(h.received.act_count, 1);
	ck_assert_str_eq(stands(0), "delivered unknown 2");
	harness_begin(&h, 0, 2, 40);
	harness_until_done(&h, h.done_count + 1, 3000);
	harness_expect(&h, 40, STORE_CONFLICT);
}
END_TEST

/* Of the first attempt, while the second is under way, whose reply is lost as well. */
START_TEST(an_attempt_behind_a_receipt_counts)
{
	struct store_outcome row = harness_lost(&h, 0);

	settling_lose(&h, 0, 100);
	ck_assert_int_eq(settling_settle(&h, 0, SETTLE_RESEND), STORE_DONE);
	harness_begin(&h, 0, 2, 40);
	harness_until_done(&h, h.done_count + 1, 3000);
	harness_expect(&h, 40, STORE_DONE);
	(void)give(0, RECEIPT_DELIVERED, 5);
	row.attempt = 2;
	store_outcome(h.store, 41, &row);
	harness_until_done(&h, h.done_count + 1, 3000);
	harness_expect(&h, 41, STORE_DONE);
	ck_assert_str_eq(column(0, "concat_ws(' ', state, attempts)"), "delivered 2");
	ck_assert_str_eq(column(0, "failed_at IS NULL AND failure_code IS NULL"), "true");
}
END_TEST

static bool adopted(void)
{
	return h.adopted_count > 0;
}

static bool none_waits(void)
{
	return orphans() == 0;
}

static bool one_waits(void)
{
	return orphans() == 1;
}

/* The store looks after its tables while it is in use. */
static void until(bool condition(void))
{
	const int64_t deadline_ms = clock_boot_ms() + 20000;

	for (int i = 0; !condition(); i++) {
		ck_assert_int_lt(clock_boot_ms(), deadline_ms);
		(void)give(90, RECEIPT_SENT, i);
		harness_run_for(&h, 60);
	}
}

/* Without callback data, and before our own outcome. */
START_TEST(what_matches_nothing_waits_for_its_message)
{
	struct receipt r;

	receiving_send(&h, 90);
	r = receiving_receipt(&h, 0, RECEIPT_FAILED, 5);
	r.has_callback = false;
	r.code = 131026;
	receiving_give(&h, &r, 1);
	ck_assert_uint_eq(h.received.orphans, 1);
	ck_assert_uint_eq(h.received.fresh, 0);
	receiving_give(&h, &r, 1);
	ck_assert_int_eq(orphans(), 1);
	receiving_send(&h, 0);
	ck_assert_str_eq(stands(0), "sent");
	harness_sql_text(&h, "UPDATE message_sender.receipt_orphan SET due_at = now()");
	until(adopted);
	ck_assert_str_eq(stands(0), "failed");
	ck_assert_uint_eq(h.adopted.act_count, 1);
	harness_sql_text(&h, "UPDATE message_sender.receipt_orphan SET due_at = now()");
	until(none_waits);
	ck_assert_int_eq(recorded(0), 1);
	/* From now on it is found at once. */
	r.at_wall_us += 1000000;
	receiving_give(&h, &r, 1);
	ck_assert_uint_eq(h.received.fresh, 1);
}
END_TEST

/* By callback data, then by wamid, whatever number the webhook is of. */
START_TEST(nothing_is_matched_by_its_number)
{
	struct receipt r;

	receiving_send(&h, 0);
	r = receiving_receipt(&h, 0, RECEIPT_DELIVERED, 1);
	r.number = "999";
	r.wamid = "another";
	receiving_give(&h, &r, 1);
	ck_assert_str_eq(stands(0), "delivered");
	r = receiving_receipt(&h, 0, RECEIPT_READ, 2);
	r.number = "999";
	r.has_callback = false;
	receiving_give(&h, &r, 1);
	ck_assert_str_eq(stands(0), "read");
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.receipt "
					      "WHERE number = '999'"),
			 0);
	/* Its own number alone is nothing. */
	r = receiving_receipt(&h, 0, RECEIPT_FAILED, 3);
	r.wamid = "another";
	r.has_callback = false;
	receiving_give(&h, &r, 1);
	ck_assert_uint_eq(h.received.orphans, 1);
	ck_assert_int_eq(recorded(0), 2);
}
END_TEST

START_TEST(what_found_nothing_for_seven_days_goes)
{
	struct receipt r;

	receiving_send(&h, 90);
	r = receiving_receipt(&h, 0, RECEIPT_SENT, 5);
	receiving_give(&h, &r, 1);
	r.at_wall_us += 1000000;
	receiving_give(&h, &r, 1);
	ck_assert_int_eq(orphans(), 2);
	harness_sql_text(&h,
			 "UPDATE message_sender.receipt_orphan SET due_at = now(), received_at = "
			 "now() - interval '7 days' + interval '1 min' * CASE WHEN at = "
			 "(SELECT max(at) FROM message_sender.receipt_orphan) THEN 1 ELSE -1 END");
	until(one_waits);
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.receipt_orphan "
					      "WHERE received_at > now() - interval '7 days'"),
			 1);
}
END_TEST

START_TEST(a_bad_one_costs_only_itself)
{
	struct receipt rows[30];

	for (unsigned i = 0; i < 30; i++) {
		receiving_send(&h, i);
		rows[i] = receiving_receipt(&h, i, i % 3 ? RECEIPT_DELIVERED : RECEIPT_FAILED, 1);
		rows[i].category = i == 7 || i == 12 ? "bad" : "good";
	}
	harness_sql_text(&h, "ALTER TABLE message_sender.receipt ADD CONSTRAINT test "
			     "CHECK (category <> 'bad')");
	receiving_give(&h, rows, 30);
	harness_sql_text(&h, "ALTER TABLE message_sender.receipt DROP CONSTRAINT test");
	ck_assert_uint_eq(h.received.fresh, 28);
	ck_assert_uint_eq(h.received.rejected, 2);
	ck_assert_uint_eq(h.received.act_count, 9);
	ck_assert_str_eq(stands(7), "sent");
	ck_assert_str_eq(stands(8), "delivered");
}
END_TEST

START_TEST(a_thousand_go_in_one_call_and_the_body_is_kept)
{
	struct receipts *list = receipts_new();
	const unsigned target = 2 * 10 + 1;
	struct err err;

	for (unsigned i = 0; i < 10; i++)
		receiving_send(&h, i);
	for (unsigned i = 0; i < 1000; i++) {
		struct receipt r =
			receiving_receipt(&h, i % 10, (enum receipt_status)(i % 2), (int)i);

		ck_assert_int_eq(receipts_add(list, &r), RECEIPTS_ADDED);
	}
	ck_assert_int_eq(store_receipts(h.store, 807, list, NULL, strdup("{\"raw\xff"), 6, &err),
			 0);
	harness_until_done(&h, target, 10000);
	harness_expect(&h, 807, STORE_DONE);
	ck_assert_uint_eq(h.received.fresh, 1000);
	ck_assert_str_eq(harness_sql_text(&h, "SELECT encode(body, 'escape') FROM "
					      "message_sender.webhook WHERE tableoid <> "
					      "'message_sender.webhook_default'::regclass"),
			 "{\"raw\\377");
	ck_assert_int_eq(store_receipts(h.store, 808, NULL, NULL, strdup("{}"), 2, &err), 0);
	ck_assert_int_eq(store_receipts(h.store, 809, NULL, NULL, NULL, 0, &err), 0);
	harness_until_done(&h, target + 2, 10000);
	harness_expect(&h, 808, STORE_DONE);
	harness_expect(&h, 809, STORE_DONE);
}
END_TEST

/* Somebody holds one message: its receipt is told as away in time, the others are recorded. */
START_TEST(what_somebody_holds_holds_up_nothing_else)
{
	struct receipts *list = receipts_new();
	struct err err;

	for (unsigned i = 0; i < 8; i++) {
		struct receipt row;

		receiving_send(&h, i);
		row = receiving_receipt(&h, i, RECEIPT_DELIVERED, 1);
		ck_assert_int_eq(receipts_add(list, &row), RECEIPTS_ADDED);
	}
	harness_sql_text(&h, "BEGIN");
	harness_sql_text(&h,
			 "SELECT 1 FROM message_sender.message WHERE message_id = '%s' FOR UPDATE",
			 harness_id(&h, 3));
	ck_assert_int_eq(store_receipts(h.store, 50, list, NULL, NULL, 0, &err), 0);
	harness_until_done(&h, 17, 5000);
	harness_expect(&h, 50, STORE_AWAY);
	harness_sql_text(&h, "COMMIT");
	ck_assert_int_ge(harness_sql_long(&h, "SELECT count(*) FROM message_sender.message "
					      "WHERE state = 'delivered'"),
			 7);
}
END_TEST

START_TEST(while_the_database_is_away_it_is_told_in_time)
{
	struct err err;
	size_t held = 0;
	unsigned calls = 0;

	harness_stop(&h);
	harness_start_behind_proxy(&h);
	proxy_mode(h.proxy, PROXY_HOLD);
	for (; held < STORE_WEBHOOK_BYTES; held += 1u << 20) {
		ck_assert_int_eq(store_receipts(h.store, 60, NULL, NULL, calloc(1, 1u << 20),
						1u << 20, &err),
				 0);
		calls++;
	}
	ck_assert_int_eq(store_receipts(h.store, 61, NULL, NULL, NULL, 0, &err), -1);
	ck_assert_int_eq(err.class, ERR_LIMIT);
	harness_until_done(&h, calls, 4000);
	ck_assert_int_eq(h.done[60].verdict, STORE_AWAY);
	/* And their room is free again. */
	ck_assert_int_eq(store_receipts(h.store, 61, NULL, NULL, NULL, 0, &err), 0);
	harness_until_done(&h, calls + 1, 4000);
}
END_TEST

/* What WhatsApp reported as failed is definite; what was delivered is never sent again. */
START_TEST(what_has_failed_by_receipt_may_be_replayed)
{
	receiving_send(&h, 0);
	receiving_send(&h, 1);
	(void)give(0, RECEIPT_FAILED, 1);
	(void)give(1, RECEIPT_FAILED, 1);
	(void)give(1, RECEIPT_DELIVERED, 2);
	ck_assert_str_eq(column(0, "message_sender.was_accepted(message_id)"), "false");
	ck_assert_str_eq(column(1, "message_sender.was_accepted(message_id)"), "true");
}
END_TEST

static bool is_there(const char *partition)
{
	return harness_sql_long(&h, "SELECT count(to_regclass('message_sender.webhook' || %s))",
				partition);
}

/* The store keeps them, too, while the test looks: what counts is what is there. */
START_TEST(days_of_webhooks_come_and_go)
{
	const char *const past = "'_2026_01_01'";
	const char *const ahead = "to_char(now() AT TIME ZONE 'UTC' + interval '9 days', "
				  "'_YYYY_MM_DD')";
	const int64_t deadline_ms = clock_boot_ms() + 20000;

	harness_sql_text(&h,
			 "CREATE TABLE message_sender.webhook_2026_01_01 PARTITION OF "
			 "message_sender.webhook FOR VALUES FROM ('2026-01-01') TO ('2026-01-02')");
	ck_assert(!is_there(ahead));
	while (!is_there(ahead) || is_there(past)) {
		ck_assert_int_lt(clock_boot_ms(), deadline_ms);
		(void)harness_sql_long(&h, "SELECT message_sender.webhook_days(9, 7)");
	}
	ck_assert_int_eq(harness_sql_long(&h, "SELECT message_sender.webhook_days(9, 7)"), 0);
	harness_sql_text(&h, "DROP TABLE %s",
			 harness_sql_text(&h, "SELECT 'message_sender.webhook' || %s", ahead));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store_receipts");
	TCase *tcase = tcase_create("store_receipts");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_state_follows_and_each_event_is_recorded_once);
	tcase_add_test(tcase, it_does_what_the_rule_says);
	tcase_add_test(tcase, who_has_failed_says_why_and_what_to_do);
	tcase_add_test(tcase, what_contradicts_is_kept_and_marked);
	tcase_add_test(tcase, the_timeline_has_receipts_in_order_with_both_times);
	tcase_add_test(tcase, a_receipt_may_overtake_its_outcome);
	tcase_add_test(tcase, a_lost_reply_behind_its_receipt_is_accepted);
	tcase_add_test(tcase, what_is_unknown_is_due_for_its_owner_also_when_kept_for_a_person);
	tcase_add_test(tcase, a_receipt_stops_what_a_policy_would_send_again);
	tcase_add_test(tcase, an_attempt_behind_a_receipt_counts);
	tcase_add_test(tcase, what_matches_nothing_waits_for_its_message);
	tcase_add_test(tcase, nothing_is_matched_by_its_number);
	tcase_add_test(tcase, what_found_nothing_for_seven_days_goes);
	tcase_add_test(tcase, a_bad_one_costs_only_itself);
	tcase_add_test(tcase, a_thousand_go_in_one_call_and_the_body_is_kept);
	tcase_add_test(tcase, what_somebody_holds_holds_up_nothing_else);
	tcase_add_test(tcase, while_the_database_is_away_it_is_told_in_time);
	tcase_add_test(tcase, what_has_failed_by_receipt_may_be_replayed);
	tcase_add_test(tcase, days_of_webhooks_come_and_go);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
