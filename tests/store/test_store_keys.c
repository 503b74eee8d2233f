/*
 * Idempotency keys on a real PostgreSQL: one key is one message, whoever comes first, whatever
 * happens to the connection; the first answer stays.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "harness.h"

static struct harness h;

static void setup(void)
{
	harness_start_behind_proxy(&h);
}

static void teardown(void)
{
	harness_stop(&h);
}

static long count(const char *table)
{
	return harness_sql_long(&h, "SELECT count(*) FROM message_sender.%s", table);
}

static bool is_settled(struct harness *harness, void *arg)
{
	(void)arg;
	return store_ready(harness->store) && store_pending(harness->store) == 0;
}

static void until_settled(void)
{
	harness_until(&h, 5000, is_settled, NULL);
}

static bool keys_are_there(struct harness *harness, void *arg)
{
	return harness_sql_long(harness, "SELECT count(*) FROM message_sender.idempotency_key") ==
	       *(long *)arg;
}

/* Messages 0 and 10 are of one tenant. */
#define SAME_TENANT 10

START_TEST(a_key_comes_with_its_message_and_work)
{
	harness_accept_keyed(&h, 0, true, "k", 7);
	harness_until_done(&h, 1, 3000);
	harness_expect(&h, 0, STORE_DONE);
	ck_assert_uint_gt(h.done[0].seq, 0);
	ck_assert_str_eq(
		harness_sql_text(
			&h,
			"SELECT concat_ws(' ', w.state, w.attempt, "
			"k.answer_status IS NULL, extract(day FROM k.expires_at - k.created_at), "
			"extract(epoch FROM k.runs_until - k.created_at)::int, "
			"encode(substr(k.fingerprint, 31), 'hex')) "
			"FROM message_sender.idempotency_key k JOIN message_sender.message m "
			"USING (message_id, tenant_id) JOIN message_sender.work w "
			"USING (message_id)"),
		"sending 1 t 7 60 0707");
	harness_find_key(&h, 0, 1, "k");
	harness_expect(&h, 1, STORE_DONE);
	ck_assert(h.first.found);
	ck_assert(h.first.running);
	ck_assert_int_eq(h.first.answer_status, 0);
	ck_assert_str_eq(h.first_body, "");
	ck_assert_uint_eq(h.first.fingerprint[31], 7);
	ck_assert(message_id_equal(h.first.id, harness_message(&h, 0)->id));
	ck_assert(h.first.message.found);
	ck_assert_int_eq(h.first.message.state, STATE_SENDING);
	ck_assert_uint_eq(h.first.seq, h.done[0].seq);
}
END_TEST

START_TEST(nobody_finds_a_key_that_is_not_his)
{
	harness_accept_keyed(&h, 0, false, "k", 7);
	harness_until_done(&h, 1, 3000);
	harness_find_key(&h, 1, 1, "k"); /* another tenant */
	harness_expect(&h, 1, STORE_DONE);
	ck_assert(!h.first.found);
	harness_find_key(&h, 0, 2, "K");
	ck_assert(!h.first.found);
	harness_sql_long(&h, "UPDATE message_sender.idempotency_key SET expires_at = now()");
	harness_find_key(&h, 0, 3, "k");
	ck_assert(!h.first.found);
}
END_TEST

START_TEST(of_one_key_one_is_stored)
{
	unsigned stored = 0;

	/* 5 messages for each of 10 tenants. */
	for (unsigned i = 0; i < 50; i++)
		harness_accept_keyed(&h, i, i % 2 == 0, "k", 7);
	harness_until_done(&h, 50, 3000);
	for (unsigned i = 0; i < 50; i++) {
		harness_expect(&h, i,
			       i < 10 ? STORE_DONE : STORE_CONFLICT); /* the first of each tenant */
		stored += h.done[i].verdict == STORE_DONE;
	}
	ck_assert_uint_eq(stored, 10);
	ck_assert_int_eq(count("message"), 10);
	ck_assert_int_eq(count("work"), 10);
	harness_accept_keyed(&h, 50, true, "k", 7); /* and later */
	harness_until_done(&h, 51, 3000);
	harness_expect(&h, 50, STORE_CONFLICT);
	ck_assert_int_eq(count("message"), 10);
}
END_TEST

START_TEST(seq_follows_the_order_of_submission_with_and_without_keys)
{
	char key[16];

	for (unsigned i = 0; i < 150; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		if (i % 3 == 0)
			harness_accept_keyed(&h, i, false, key, 7);
		else
			harness_accept(&h, i, false);
	}
	harness_until_done(&h, 150, 3000);
	for (unsigned i = 1; i < 150; i++)
		ck_assert_uint_gt(h.done[i].seq, h.done[i - 1].seq);
	ck_assert_int_eq(count("message"), 150);
	ck_assert_int_eq(count("idempotency_key"), 50);
}
END_TEST

/* Another session has the key, and is not at its end yet. */
static void other_takes_key(const char *key)
{
	harness_sql_text(&h, "BEGIN");
	harness_sql_text(&h,
			 "INSERT INTO message_sender.idempotency_key VALUES ('%s', '%s', '\\x00',"
			 " gen_random_uuid(), now(), now(), now() + interval '7 days')",
			 harness_message(&h, 0)->tenant_id, key);
}

START_TEST(who_commits_first_has_the_key)
{
	other_takes_key("k");
	harness_accept_keyed(&h, 0, true, "k", 7);
	harness_run_for(&h, 700); /* longer than one lock time-out */
	ck_assert_uint_eq(h.done_count, 0);
	harness_sql_text(&h, "COMMIT");
	harness_until_done(&h, 1, 3000);
	harness_expect(&h, 0, STORE_CONFLICT);
	ck_assert_int_eq(count("message"), 0);
	ck_assert_int_eq(count("work"), 0);
}
END_TEST

START_TEST(who_rolls_back_leaves_the_key)
{
	other_takes_key("k");
	harness_accept_keyed(&h, 0, true, "k", 7);
	harness_run_for(&h, 100);
	harness_sql_text(&h, "ROLLBACK");
	harness_until_done(&h, 1, 3000);
	harness_expect(&h, 0, STORE_DONE);
	ck_assert_int_eq(count("message"), 1);
}
END_TEST

START_TEST(a_key_that_has_expired_is_free)
{
	harness_accept_keyed(&h, 0, false, "k", 7);
	harness_until_done(&h, 1, 3000);
	store_answer(h.store, 1, harness_message(&h, 0)->id, 200, "old");
	harness_until_done(&h, 2, 3000);
	harness_sql_long(&h, "UPDATE message_sender.idempotency_key SET expires_at = now()");
	harness_accept_keyed(&h, SAME_TENANT, false, "k", 8);
	harness_until_done(&h, 3, 3000);
	harness_expect(&h, SAME_TENANT, STORE_DONE);
	harness_find_key(&h, 0, 3, "k");
	ck_assert(message_id_equal(h.first.id, harness_message(&h, SAME_TENANT)->id));
	ck_assert_uint_eq(h.first.fingerprint[0], 8);
	ck_assert_int_eq(h.first.answer_status, 0);
	store_answer(h.store, 4, harness_message(&h, 0)->id, 200, "late");
	harness_until_done(&h, 5, 3000);
	harness_expect(&h, 4, STORE_CONFLICT);
}
END_TEST

START_TEST(one_bad_row_costs_only_itself)
{
	struct message bad = *harness_message(&h, 37);
	struct store_key key = { .key = "bad" };
	struct store_accept row = { .message = &bad,
				    .expires_wall_us = clock_wall_us(),
				    .key = &key };
	char name[16];
	struct err err;

	bad.payload = "\xff is not UTF-8";
	for (unsigned i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "k%u", i);
		if (i == 37)
			ck_assert_int_eq(store_accept(h.store, i, &row, &err), 0);
		else
			harness_accept_keyed(&h, i, i % 2 == 0, name, 7);
	}
	harness_until_done(&h, 100, 5000);
	for (unsigned i = 0; i < 100; i++)
		harness_expect(&h, i, i == 37 ? STORE_REJECTED : STORE_DONE);
	ck_assert_int_eq(count("idempotency_key"), 99);
}
END_TEST

START_TEST(the_first_answer_stays)
{
	harness_accept_keyed(&h, 0, false, "k", 7);
	harness_until_done(&h, 1, 3000);
	store_answer(h.store, 1, harness_message(&h, 0)->id, 200, "{\"a\":\"\xc3\xa9\"}");
	harness_until_done(&h, 2, 3000);
	harness_expect(&h, 1, STORE_DONE);
	store_answer(h.store, 2, harness_message(&h, 0)->id, 202, "{}");
	harness_until_done(&h, 3, 3000);
	harness_expect(&h, 2, STORE_CONFLICT);
	store_answer(h.store, 3, harness_message(&h, 1)->id, 202, "{}"); /* without key */
	harness_until_done(&h, 4, 3000);
	harness_expect(&h, 3, STORE_CONFLICT);
	harness_find_key(&h, 0, 4, "k");
	ck_assert_int_eq(h.first.answer_status, 200);
	ck_assert_str_eq(h.first_body, "{\"a\":\"\xc3\xa9\"}");
	ck_assert(!h.first.running);
}
END_TEST

START_TEST(an_answer_known_at_once_comes_with_the_message)
{
	char body[] = "{\"status\":\"queued\"}";
	struct store_key key = { .key = "k", .answer_status = 202, .answer_body = body };
	struct store_accept row = { .message = harness_message(&h, 0),
				    .expires_wall_us = clock_wall_us() + 1000000,
				    .key = &key };
	struct err err;

	ck_assert_int_eq(store_accept(h.store, 0, &row, &err), 0);
	body[0] = 'x'; /* it was copied */
	harness_until_done(&h, 1, 3000);
	harness_find_key(&h, 0, 1, "k");
	ck_assert_int_eq(h.first.answer_status, 202);
	ck_assert_str_eq(h.first_body, "{\"status\":\"queued\"}");
}
END_TEST

START_TEST(a_commit_whose_answer_was_lost_is_settled)
{
	long wanted = 50;
	char key[16];

	proxy_mode(h.proxy, PROXY_SWALLOW);
	for (unsigned i = 0; i < 50; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		harness_accept_keyed(&h, i, true, key, 7);
	}
	harness_until(&h, 3000, keys_are_there, &wanted);
	ck_assert_uint_eq(h.done_count, 0);
	proxy_mode(h.proxy, PROXY_FORWARD);
	proxy_cut(h.proxy);
	harness_until_done(&h, 50, 1400);
	for (unsigned i = 0; i < 50; i++) {
		harness_expect(&h, i, STORE_DONE);
		ck_assert_int_eq((long)h.done[i].seq,
				 harness_sql_long(&h,
						  "SELECT seq FROM "
						  "message_sender.work WHERE message_id = '%s'",
						  harness_id(&h, i)));
	}
	ck_assert_int_eq(count("message"), 50);
	ck_assert_int_eq(count("work"), 50);
}
END_TEST

START_TEST(an_answer_committed_without_reply_is_ours)
{
	harness_accept_keyed(&h, 0, false, "k", 7);
	harness_until_done(&h, 1, 3000);
	proxy_mode(h.proxy, PROXY_SWALLOW);
	store_answer(h.store, 1, harness_message(&h, 0)->id, 200, "{}");
	harness_run_for(&h, 200);
	ck_assert_int_eq(harness_sql_long(&h, "SELECT answer_status FROM "
					      "message_sender.idempotency_key"),
			 200);
	proxy_mode(h.proxy, PROXY_FORWARD);
	proxy_cut(h.proxy);
	harness_until_done(&h, 2, 3000);
	harness_expect(&h, 1, STORE_DONE);
}
END_TEST

static void accept_in_doubt(unsigned n)
{
	char key[16];

	for (unsigned i = 0; i < n; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		harness_accept_keyed(&h, i, i < n / 2, key, 7);
	}
}

/* All n go on: queued, nothing begun, and nobody is waited for. */
static void expect_released(unsigned n)
{
	ck_assert_int_eq(count("message"), n);
	ck_assert_int_eq(harness_sql_long(&h,
					  "SELECT count(*) FROM message_sender.work WHERE "
					  "state = 'queued' AND attempt = 0 AND NOT attempt_open "
					  "AND incarnation IS NULL"),
			 n);
	ck_assert_int_eq(
		harness_sql_long(&h,
				 "SELECT count(*) FROM message_sender.idempotency_key "
				 "WHERE runs_until <= clock_timestamp() AND answer_status IS NULL"),
		n);
}

START_TEST(in_doubt_with_a_key_it_is_told_in_time_and_goes_on)
{
	long wanted = 10;

	proxy_mode(h.proxy, PROXY_SWALLOW);
	accept_in_doubt(10);
	harness_until(&h, 1400, keys_are_there, &wanted);
	harness_until_done(&h, 10, 2000);
	for (unsigned i = 0; i < 10; i++)
		harness_expect(&h, i, STORE_UNCERTAIN);
	/* Their callers have gone, and their messages with them. */
	for (unsigned i = 0; i < 10; i++) {
		message_free(h.messages[i]);
		h.messages[i] = NULL;
	}
	proxy_mode(h.proxy, PROXY_FORWARD);
	proxy_cut(h.proxy);
	until_settled();
	expect_released(10);
}
END_TEST

START_TEST(in_doubt_and_never_committed_it_is_taken_after_all)
{
	proxy_mode(h.proxy, PROXY_HOLD);
	accept_in_doubt(10);
	harness_until_done(&h, 10, 2000);
	proxy_cut(h.proxy);
	proxy_mode(h.proxy, PROXY_FORWARD);
	until_settled();
	expect_released(10);
}
END_TEST

START_TEST(in_doubt_and_only_late_it_goes_on)
{
	proxy_mode(h.proxy, PROXY_HOLD);
	accept_in_doubt(10);
	harness_until_done(&h, 10, 2000);
	proxy_mode(h.proxy, PROXY_FORWARD); /* nothing was cut: the batch now commits */
	until_settled();
	expect_released(10);
}
END_TEST

START_TEST(in_doubt_it_loses_to_who_took_the_key_meanwhile)
{
	proxy_mode(h.proxy, PROXY_HOLD);
	accept_in_doubt(2);
	harness_until_done(&h, 2, 2000);
	other_takes_key("k0");
	harness_sql_text(&h, "COMMIT");
	proxy_cut(h.proxy);
	proxy_mode(h.proxy, PROXY_FORWARD);
	until_settled();
	ck_assert_int_eq(count("message"), 1);
	ck_assert_int_eq(count("work"), 1);
	ck_assert_int_eq(count("idempotency_key"), 2);
}
END_TEST

START_TEST(in_doubt_an_attempt_of_somebody_else_is_left_alone)
{
	long wanted = 2;

	proxy_mode(h.proxy, PROXY_SWALLOW);
	accept_in_doubt(2);
	harness_until(&h, 1400, keys_are_there, &wanted);
	harness_sql_long(&h, "UPDATE message_sender.work SET attempt = 1, attempt_open = true, "
			     "state = 'sending', incarnation = message_id");
	harness_until_done(&h, 2, 2000);
	proxy_mode(h.proxy, PROXY_FORWARD);
	proxy_cut(h.proxy);
	until_settled();
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.work WHERE "
					      "attempt = 1 AND attempt_open"),
			 2);
}
END_TEST

START_TEST(in_doubt_what_is_not_to_be_sent_keeps_reason_and_answer)
{
	char reason[] = "no credentials";
	char body[] = "{\"error\":\"send_failed\"}";
	struct store_key key = { .key = "k", .answer_status = 500, .answer_body = body };
	struct store_accept row = { .message = harness_message(&h, 0),
				    .failed = true,
				    .failure_code = GRAPH_CASE_CREDENTIALS,
				    .failure_reason = reason,
				    .key = &key };
	struct err err;

	proxy_mode(h.proxy, PROXY_HOLD);
	ck_assert_int_eq(store_accept(h.store, 0, &row, &err), 0);
	harness_until_done(&h, 1, 2000);
	harness_expect(&h, 0, STORE_UNCERTAIN);
	reason[0] = 'x';
	proxy_cut(h.proxy);
	proxy_mode(h.proxy, PROXY_FORWARD);
	until_settled();
	ck_assert_str_eq(
		harness_sql_text(&h, "SELECT concat_ws('|', state, failure_reason, "
				     "answer_status, answer_body) FROM message_sender.message JOIN "
				     "message_sender.idempotency_key USING (message_id)"),
		"failed|no credentials|500|{\"error\":\"send_failed\"}");
	ck_assert_int_eq(count("work"), 0);
}
END_TEST

START_TEST(an_accept_never_written_takes_no_key)
{
	proxy_mode(h.proxy, PROXY_REFUSE);
	proxy_cut(h.proxy);
	harness_run_for(&h, 20);
	harness_accept_keyed(&h, 0, true, "k", 7);
	harness_until_done(&h, 1, 2000);
	harness_expect(&h, 0, STORE_AWAY);
	proxy_mode(h.proxy, PROXY_FORWARD);
	harness_until_ready(&h, 5000);
	ck_assert_int_eq(count("idempotency_key"), 0);
}
END_TEST

START_TEST(killed_backends_lose_and_double_nothing)
{
	char key[16];

	for (unsigned i = 0; i < 900; i++) {
		snprintf(key, sizeof(key), "k%u", i / 30); /* 30 keys for each of 10 tenants */
		harness_accept_keyed(&h, i, true, key, 7);
	}
	for (unsigned kills = 0; kills < 3; kills++) {
		harness_until_ready(&h, 5000);
		harness_run_for(&h, 5);
		harness_sql_long(&h,
				 "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
				 "WHERE application_name = 'store-test'");
	}
	harness_until_done(&h, 900, 10000);
	until_settled();
	ck_assert_int_eq(count("idempotency_key"), 300);
	ck_assert_int_eq(count("message"), 300);
	ck_assert_int_eq(count("work"), 300);
	for (unsigned i = 0; i < 900; i++)
		harness_expect(&h, i, i % 30 < 10 ? STORE_DONE : STORE_CONFLICT);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store_keys");
	TCase *tcase = tcase_create("store_keys");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_key_comes_with_its_message_and_work);
	tcase_add_test(tcase, nobody_finds_a_key_that_is_not_his);
	tcase_add_test(tcase, of_one_key_one_is_stored);
	tcase_add_test(tcase, seq_follows_the_order_of_submission_with_and_without_keys);
	tcase_add_test(tcase, who_commits_first_has_the_key);
	tcase_add_test(tcase, who_rolls_back_leaves_the_key);
	tcase_add_test(tcase, a_key_that_has_expired_is_free);
	tcase_add_test(tcase, one_bad_row_costs_only_itself);
	tcase_add_test(tcase, the_first_answer_stays);
	tcase_add_test(tcase, an_answer_known_at_once_comes_with_the_message);
	tcase_add_test(tcase, a_commit_whose_answer_was_lost_is_settled);
	tcase_add_test(tcase, an_answer_committed_without_reply_is_ours);
	tcase_add_test(tcase, in_doubt_with_a_key_it_is_told_in_time_and_goes_on);
	tcase_add_test(tcase, in_doubt_and_never_committed_it_is_taken_after_all);
	tcase_add_test(tcase, in_doubt_and_only_late_it_goes_on);
	tcase_add_test(tcase, in_doubt_it_loses_to_who_took_the_key_meanwhile);
	tcase_add_test(tcase, in_doubt_an_attempt_of_somebody_else_is_left_alone);
	tcase_add_test(tcase, in_doubt_what_is_not_to_be_sent_keeps_reason_and_answer);
	tcase_add_test(tcase, an_accept_never_written_takes_no_key);
	tcase_add_test(tcase, killed_backends_lose_and_double_nothing);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
