/* Replays in a real PostgreSQL: what stands in the way of one, and races. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

static struct harness h;

static void setup(void)
{
	harness_start(&h);
	harness_sql_text(&h, "DELETE FROM message_sender.replay");
}

static void teardown(void)
{
	harness_stop(&h);
}

/* Messages 0 to count - 1, of one tenant each, failed by their first attempt. */
static void fail_all(unsigned count, enum outcome outcome)
{
	const unsigned target = h.done_count + 2 * count;

	for (unsigned i = 0; i < count; i++)
		harness_accept(&h, i, true);
	for (unsigned i = 0; i < count; i++) {
		struct store_outcome row = harness_outcome(&h, i);

		row.outcome = outcome;
		row.wamid = "";
		row.code = 131026;
		row.next = STORE_NEXT_FAILED;
		row.failure_reason = "refused";
		store_outcome(h.store, i, &row);
	}
	harness_until_done(&h, target, 10000);
}

/* The statement of the command, for message `tag`; how many were replayed. */
static long replay(unsigned tag, bool again, bool include_unknown)
{
	return harness_sql_long(&h,
				"SELECT count(*) FROM message_sender.replay(ARRAY['%s']::uuid[], "
				"ARRAY[%u]::smallint[], 'rani', 'why', '1 hour', %s, %s)",
				harness_id(&h, tag), harness_message(&h, tag)->lane,
				again ? "true" : "false", include_unknown ? "true" : "false");
}

START_TEST(a_replay_is_a_new_message_with_work)
{
	fail_all(1, OUTCOME_REFUSED);
	ck_assert_int_eq(replay(0, false, false), 1);
	/* All that makes it the same message, and nothing of what became of the old one. */
	ck_assert_int_eq(
		harness_sql_long(
			&h,
			"SELECT count(*) FROM message_sender.replay r "
			"JOIN message_sender.message o ON o.message_id = r.replay_of "
			"JOIN message_sender.message n ON n.message_id = r.message_id "
			"JOIN message_sender.work w ON w.message_id = n.message_id "
			"WHERE o.state = 'failed' AND n.state = 'queued' AND n.attempts = 0 "
			"AND n.failed_at IS NULL AND n.number IS NULL AND (o.tenant_id, "
			"o.outlet_id, o.conversation_id, o.recipient, o.payload) = (n.tenant_id, "
			"n.outlet_id, n.conversation_id, n.recipient, n.payload) "
			"AND w.state = 'queued' AND w.wait = 0 AND NOT w.caller_waits "
			"AND w.lane = %u AND w.expires_at - w.due_at = interval '1 hour' "
			"AND r.number = 1 AND r.replayed_by = 'rani'",
			harness_message(&h, 0)->lane),
		1);
	/* A UUIDv7 of now. */
	ck_assert_int_eq(harness_sql_long(&h,
					  "SELECT count(*) FROM message_sender.replay "
					  "WHERE substr(message_id::text, 15, 1) = '7' "
					  "AND substr(message_id::text, 20, 1) IN ('8', '9', "
					  "'a', 'b') AND message_id > message_sender.id_floor("
					  "now() - interval '1 minute') AND message_id < "
					  "message_sender.id_floor(now() + interval '1 minute')"),
			 1);
}
END_TEST

START_TEST(once_unless_again)
{
	fail_all(1, OUTCOME_REFUSED);
	ck_assert_int_eq(replay(0, false, false), 1);
	ck_assert_int_eq(replay(0, false, false), 0);
	ck_assert_int_eq(replay(0, true, false), 1);
	ck_assert_int_eq(replay(0, false, false), 0);
	ck_assert_int_eq(harness_sql_long(&h, "SELECT max(number) FROM message_sender.replay"), 2);
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.work"), 2);
}
END_TEST

START_TEST(only_what_failed)
{
	harness_accept(&h, 0, false);
	harness_until_done(&h, 1, 10000);
	ck_assert_int_eq(replay(0, true, true), 0);
	harness_sql_text(&h, "UPDATE message_sender.message SET state = 'sent'");
	ck_assert_int_eq(replay(0, true, true), 0);
	harness_sql_text(&h, "UPDATE message_sender.message SET state = 'cancelled'");
	ck_assert_int_eq(replay(0, true, true), 0);
	harness_sql_text(&h, "UPDATE message_sender.message SET state = 'expired'");
	ck_assert_int_eq(replay(0, false, false), 1);
}
END_TEST

static long in_the_way(const char *what)
{
	return harness_sql_long(&h,
				"SELECT count(*) FROM message_sender.replayable(NULL, NULL, NULL, "
				"NULL, now() - interval '1 day', now() + interval '1 day', NULL) "
				"WHERE %s",
				what);
}

START_TEST(a_lost_reply_stands_in_the_way)
{
	fail_all(1, OUTCOME_LOST);
	ck_assert_int_eq(replay(0, false, false), 0);
	ck_assert_int_eq(replay(0, true, false), 0);
	ck_assert_int_eq(in_the_way("lost AND NOT accepted"), 1);
	ck_assert_int_eq(replay(0, false, true), 1);
}
END_TEST

/* Whatever is asked for: by the outcome that comes after it was given up, or by a receipt. */
START_TEST(what_whatsapp_has_is_never_replayed)
{
	struct store_outcome late;

	fail_all(2, OUTCOME_LOST);
	late = harness_outcome(&h, 0);
	store_outcome(h.store, 0, &late);
	harness_until_done(&h, 5, 3000);
	harness_sql_text(&h,
			 "INSERT INTO message_sender.receipt (message_id, attempt, status, number, "
			 "wamid, at, received_at) VALUES ('%s', 1, 'delivered', '1', "
			 "'wamid.r', now(), now())",
			 harness_id(&h, 1));
	for (unsigned tag = 0; tag < 2; tag++) {
		ck_assert_int_eq(replay(tag, false, false), 0);
		ck_assert_int_eq(replay(tag, true, true), 0);
	}
	ck_assert_int_eq(in_the_way("accepted"), 2);
	ck_assert_str_eq(harness_sql_text(&h,
					  "SELECT body ->> 'status' || ' ' || (body ->> "
					  "'whatsapp_message_id') FROM "
					  "message_sender.message_whole('%s')",
					  harness_id(&h, 1)),
			 "failed wamid.r");
	ck_assert_int_eq(harness_sql_long(&h,
					  "SELECT count(*) FROM message_sender.message_whole('%s') "
					  "WHERE body ->> 'whatsapp_message_id' = '%s'",
					  harness_id(&h, 0), late.wamid),
			 1);
}
END_TEST

/* It may have been replayed after the moment that PostgreSQL went back to. */
START_TEST(what_failed_before_a_restore_may_have_been_replayed)
{
	fail_all(2, OUTCOME_REFUSED);
	harness_sql_text(&h,
			 "UPDATE message_sender.message SET failed_at = now() + interval '1 us' * "
			 "CASE message_id WHEN '%s' THEN 0 ELSE 1 END",
			 harness_id(&h, 0));
	harness_sql_text(&h, "INSERT INTO message_sender.restore (noticed_at, why, last_seq) "
			     "SELECT min(failed_at), 'test', 0 FROM message_sender.message");
	ck_assert_int_eq(in_the_way("lost"), 1);
	ck_assert_int_eq(replay(0, true, false), 0);
	ck_assert_int_eq(replay(1, false, false), 1);
	ck_assert_int_eq(replay(0, false, true), 1);
}
END_TEST

/* Two commands at the same time: the one that comes second waits, and has nothing left. */
START_TEST(two_at_once_send_it_once)
{
	PGconn *second = PQconnectdb(harness_url());
	PGresult *result;
	char text[512];

	ck_assert_int_eq(PQstatus(second), CONNECTION_OK);
	fail_all(1, OUTCOME_REFUSED);
	harness_sql_text(&h, "BEGIN");
	ck_assert_int_eq(replay(0, false, false), 1);
	snprintf(text, sizeof(text),
		 "SELECT count(*) FROM message_sender.replay(ARRAY['%s']::uuid[], "
		 "ARRAY[0]::smallint[], 'ari', 'why', '1 hour', false, false)",
		 harness_id(&h, 0));
	ck_assert_int_eq(PQsendQuery(second, text), 1);
	while (harness_sql_long(&h,
				"SELECT count(*) FROM pg_stat_activity WHERE pid = %d AND "
				"wait_event_type = 'Lock'",
				PQbackendPID(second)) == 0)
		; /* the test's time-out ends this */
	harness_sql_text(&h, "COMMIT");
	result = PQgetResult(second);
	ck_assert_str_eq(PQgetvalue(result, 0, 0), "0");
	PQclear(result);
	PQfinish(second);
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.work"), 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store_replay");
	TCase *tcase = tcase_create("store_replay");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_replay_is_a_new_message_with_work);
	tcase_add_test(tcase, once_unless_again);
	tcase_add_test(tcase, only_what_failed);
	tcase_add_test(tcase, a_lost_reply_stands_in_the_way);
	tcase_add_test(tcase, what_whatsapp_has_is_never_replayed);
	tcase_add_test(tcase, what_failed_before_a_restore_may_have_been_replayed);
	tcase_add_test(tcase, two_at_once_send_it_once);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
