/*
 * What the store does when PostgreSQL, or the way to it, is not well: nothing is lost,
 * nothing is there twice, nobody waits longer than agreed.
 */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "harness.h"

static struct harness h;
static int64_t clock_ahead_s; /* this process's loop time */

/* In place of the C library's. */
int clock_gettime(clockid_t id, struct timespec *t)
{
	int rc = (int)syscall(SYS_clock_gettime, id, t);

	if (id == CLOCK_BOOTTIME)
		t->tv_sec += clock_ahead_s;
	return rc;
}

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

static void expect_range(unsigned from, unsigned to, enum store_verdict verdict)
{
	for (unsigned i = from; i < to; i++) {
		ck_assert_uint_eq(h.done[i].times, 1);
		ck_assert_msg(h.done[i].verdict == verdict, "op %u: verdict %d: %s", i,
			      (int)h.done[i].verdict, h.done[i].err.text);
	}
}

static bool rows_are_there(struct harness *harness, void *arg)
{
	return harness_sql_long(harness, "SELECT count(*) FROM message_sender.message") ==
	       *(long *)arg;
}

static bool is_settled(struct harness *harness, void *arg)
{
	(void)arg;
	return store_ready(harness->store) && store_pending(harness->store) == 0;
}

static void until_settled(int64_t within_ms)
{
	harness_until(&h, within_ms, is_settled, NULL);
}

static void kill_backends(void)
{
	harness_sql_long(&h, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
			     "WHERE application_name = 'store-test'");
}

START_TEST(a_killed_backend_loses_and_doubles_nothing)
{
	for (unsigned i = 0; i < 900; i++)
		harness_accept(&h, i, true);
	for (unsigned kills = 0; kills < 3; kills++) {
		harness_until_ready(&h, 5000);
		harness_run_for(&h, 5);
		kill_backends();
	}
	harness_until_done(&h, 900, 10000);
	for (unsigned i = 0; i < 900; i++)
		ck_assert_uint_eq(h.done[i].times, 1);
	until_settled(5000);
	expect_range(0, 900, STORE_DONE);
	ck_assert_int_eq(count("message"), 900);
	ck_assert_int_eq(count("work"), 900);
}
END_TEST

START_TEST(a_commit_whose_answer_was_lost_is_settled)
{
	long wanted = 50;

	proxy_mode(h.proxy, PROXY_SWALLOW);
	for (unsigned i = 0; i < 50; i++)
		harness_accept(&h, i, true);
	harness_until(&h, 3000, rows_are_there, &wanted);
	ck_assert_uint_eq(h.done_count, 0);
	proxy_mode(h.proxy, PROXY_FORWARD);
	proxy_cut(h.proxy);
	harness_until_done(&h, 50, 1400);
	expect_range(0, 50, STORE_DONE);
	for (unsigned i = 0; i < 50; i++)
		ck_assert_int_eq((long)h.done[i].seq,
				 harness_sql_long(&h,
						  "SELECT seq FROM "
						  "message_sender.work WHERE message_id = '%s'",
						  harness_id(&h, i)));
	ck_assert_int_eq(count("message"), 50);
	ck_assert_int_eq(count("work"), 50);
}
END_TEST

START_TEST(a_batch_cut_before_its_end_is_repeated)
{
	proxy_mode(h.proxy, PROXY_HOLD);
	for (unsigned i = 0; i < 50; i++)
		harness_accept(&h, i, true);
	harness_run_for(&h, 50);
	proxy_mode(h.proxy, PROXY_FORWARD);
	proxy_cut(h.proxy);
	harness_until_done(&h, 50, 1400);
	expect_range(0, 50, STORE_DONE);
	ck_assert_int_eq(count("message"), 50);
}
END_TEST

START_TEST(an_accept_in_doubt_is_told_in_time_and_cancelled)
{
	long wanted = 10;

	proxy_mode(h.proxy, PROXY_SWALLOW);
	for (unsigned i = 0; i < 10; i++)
		harness_accept(&h, i, i < 5);
	harness_until(&h, 1400, rows_are_there, &wanted);
	harness_until_done(&h, 10, 2000);
	expect_range(0, 10, STORE_UNCERTAIN);
	for (unsigned i = 0; i < 10; i++)
		ck_assert_int_le(h.done[i].after_ms, 1900);
	proxy_mode(h.proxy, PROXY_FORWARD);
	proxy_cut(h.proxy);
	until_settled(5000);
	ck_assert_int_eq(count("work"), 0);
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.message "
					      "WHERE state = 'cancelled'"),
			 10);
	harness_status(&h, 3, 20);
	ck_assert_int_eq(h.status.state, STATE_CANCELLED);
}
END_TEST

START_TEST(what_was_never_committed_is_cancelled_as_well)
{
	proxy_mode(h.proxy, PROXY_HOLD);
	for (unsigned i = 0; i < 10; i++)
		harness_accept(&h, i, false);
	harness_until_done(&h, 10, 2000);
	expect_range(0, 10, STORE_UNCERTAIN);
	proxy_cut(h.proxy);
	proxy_mode(h.proxy, PROXY_FORWARD);
	until_settled(5000);
	ck_assert_int_eq(count("work"), 0);
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.message "
					      "WHERE state = 'cancelled'"),
			 10);
}
END_TEST

START_TEST(an_answer_that_is_only_late_cancels_too)
{
	proxy_mode(h.proxy, PROXY_HOLD);
	harness_accept(&h, 0, true);
	harness_until_done(&h, 1, 2000);
	expect_range(0, 1, STORE_UNCERTAIN);
	proxy_mode(h.proxy, PROXY_FORWARD); /* nothing was cut: the batch now commits */
	until_settled(3000);
	ck_assert_int_eq(count("work"), 0);
	ck_assert_str_eq(harness_sql_text(&h, "SELECT state FROM message_sender.message"),
			 "cancelled");
}
END_TEST

START_TEST(a_message_that_another_attempt_has_begun_for_is_not_cancelled)
{
	long wanted = 1;

	proxy_mode(h.proxy, PROXY_SWALLOW);
	harness_accept(&h, 0, false);
	harness_until(&h, 1400, rows_are_there, &wanted);
	harness_sql_long(&h, "UPDATE message_sender.work SET attempt = 1, attempt_open = true, "
			     "incarnation = message_id");
	harness_until_done(&h, 1, 2000);
	proxy_mode(h.proxy, PROXY_FORWARD);
	proxy_cut(h.proxy);
	until_settled(5000);
	expect_range(0, 1, STORE_UNCERTAIN);
	ck_assert_int_eq(count("work"), 1);
	ck_assert_str_eq(harness_sql_text(&h, "SELECT state FROM message_sender.message"),
			 "queued");
}
END_TEST

START_TEST(an_accept_never_written_is_away)
{
	proxy_mode(h.proxy, PROXY_REFUSE);
	proxy_cut(h.proxy);
	harness_run_for(&h, 20);
	ck_assert(!store_ready(h.store));
	ck_assert_ptr_nonnull(store_trouble(h.store));
	harness_accept(&h, 0, true);
	harness_until_done(&h, 1, 2000);
	expect_range(0, 1, STORE_AWAY);
	ck_assert_int_ne(h.done[0].err.text[0], '\0');
	proxy_mode(h.proxy, PROXY_FORWARD);
	harness_until_ready(&h, 5000);
	ck_assert_int_eq(count("message"), 0);
}
END_TEST

START_TEST(facts_wait_for_the_server_and_land)
{
	struct store_outcome row = harness_outcome(&h, 0);

	harness_accept(&h, 0, true);
	harness_until_done(&h, 1, 3000);
	proxy_mode(h.proxy, PROXY_REFUSE);
	proxy_cut(h.proxy);
	store_outcome(h.store, 1, &row);
	harness_run_for(&h, 2500);
	ck_assert_uint_eq(h.done_count, 1);
	proxy_mode(h.proxy, PROXY_FORWARD);
	harness_until_done(&h, 2, 5000);
	expect_range(1, 2, STORE_DONE);
	ck_assert_int_eq(count("work"), 0);
}
END_TEST

START_TEST(an_outcome_committed_without_answer_is_recorded_once)
{
	struct store_outcome row = harness_outcome(&h, 0);

	harness_accept(&h, 0, true);
	harness_until_done(&h, 1, 3000);
	proxy_mode(h.proxy, PROXY_SWALLOW);
	row.outcome = OUTCOME_NOT_SENT;
	row.wamid = "";
	row.next = STORE_NEXT_RETRY;
	row.due_wall_us = clock_wall_us();
	store_outcome(h.store, 1, &row);
	harness_run_for(&h, 100);
	ck_assert_int_eq(count("attempt"), 1);
	proxy_mode(h.proxy, PROXY_FORWARD);
	proxy_cut(h.proxy);
	harness_until_done(&h, 2, 3000);
	ck_assert_int_eq(count("attempt"), 1);
	ck_assert_str_eq(harness_sql_text(&h, "SELECT concat_ws(' ', state, attempt, attempt_open)"
					      " FROM message_sender.work"),
			 "retrying 1 f");
}
END_TEST

START_TEST(a_defer_committed_without_answer_is_done)
{
	struct store_defer row = { .failed = true, .failure_code = -3, .reason = "x" };

	for (unsigned i = 0; i < 2; i++)
		harness_accept(&h, i, i == 1);
	harness_until_done(&h, 2, 3000);
	proxy_mode(h.proxy, PROXY_SWALLOW);
	for (unsigned i = 0; i < 2; i++) {
		row.id = harness_message(&h, i)->id;
		row.failed = i == 0;
		row.attempt = i;
		store_defer(h.store, 2 + i, &row);
	}
	harness_run_for(&h, 100);
	ck_assert_int_eq(count("work"), 1);
	proxy_mode(h.proxy, PROXY_FORWARD);
	proxy_cut(h.proxy);
	harness_until_done(&h, 4, 3000);
	expect_range(2, 3, STORE_DONE);
	expect_range(3, 4, STORE_CONFLICT);
}
END_TEST

/* A store of another owner completes what is submitted from now on. */
static struct store *change_owner(void)
{
	struct store *before = h.store;

	h.incarnation.bytes[0] ^= 1;
	harness_open(&h, harness_url(), true);
	return before;
}

/* Before it was written the way is cut, for longer than a lease: the next owner has sent it, or its
 * reply was lost. */
START_TEST(a_give_up_in_doubt_is_not_done_when_another_has_gone_on)
{
	const struct store_defer row = {
		.id = harness_message(&h, 0)->id, .failed = true, .failure_code = -3, .reason = "x"
	};
	const struct store_begin begin = { .id = row.id,
					   .attempt = 1,
					   .number = "1234567890",
					   .deadline_wall_us = clock_wall_us() + 10000000 };
	struct store_outcome outcome;
	struct store *first;
	struct err err;

	harness_accept(&h, 0, false);
	harness_until_done(&h, 1, 3000);
	proxy_mode(h.proxy, PROXY_HOLD);
	store_defer(h.store, 1, &row);
	harness_run_for(&h, 50);
	first = change_owner();
	ck_assert_int_eq(store_begin(h.store, 2, &begin, &err), 0);
	harness_until_done(&h, 2, 3000);
	outcome = harness_outcome(&h, 0);
	if (_i > 0) {
		outcome.outcome = OUTCOME_LOST;
		outcome.wamid = "";
		outcome.next = STORE_NEXT_UNKNOWN;
		outcome.due_wall_us = clock_wall_us();
	}
	store_outcome(h.store, 3, &outcome);
	harness_until_done(&h, 3, 3000);
	expect_range(2, 4, STORE_DONE);
	proxy_mode(h.proxy, PROXY_FORWARD);
	proxy_cut(h.proxy);
	harness_until_done(&h, 4, 5000);
	expect_range(1, 2, STORE_CONFLICT);
	harness_status(&h, 0, 4);
	ck_assert_int_eq(h.status.state, _i > 0 ? STATE_UNKNOWN : STATE_SENT);
	store_free(h.store);
	h.store = first;
}
END_TEST

static long partitions(void)
{
	return harness_sql_long(&h, "SELECT count(*) FROM pg_inherits WHERE inhparent = "
				    "'message_sender.message'::regclass");
}

/* That of the day fails: another comes after a minute, and only then. */
START_TEST(upkeep_that_failed_is_tried_again)
{
	static const char save[] =
		"CREATE TABLE public.kept AS SELECT pg_get_functiondef("
		"'message_sender.partitions_ahead(integer)'::regprocedure) AS text";
	static const char breaks[] =
		"CREATE OR REPLACE FUNCTION message_sender.partitions_ahead(months integer) "
		"RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$";
	static const char restore[] = "DO $$ BEGIN EXECUTE (SELECT text FROM public.kept); "
				      "DROP TABLE public.kept; END $$";
	long there = partitions();

	harness_sql_text(&h, save);
	harness_sql_text(&h, breaks);
	harness_sql_text(&h, "DO $$ BEGIN EXECUTE 'DROP TABLE message_sender.message' || "
			     "to_char(now() + interval '3 months', '_YYYY_MM'); END $$");
	ck_assert_int_eq(partitions(), there - 1);
	harness_accept(&h, 0, false); /* something to do wakes it up */
	clock_ahead_s += 24 * 3600 + 1;
	harness_run_for(&h, 300);
	harness_sql_text(&h, restore);
	clock_ahead_s += 58;
	harness_accept(&h, 1, false);
	harness_run_for(&h, 300);
	ck_assert_int_eq(partitions(), there - 1);
	clock_ahead_s += 3;
	harness_accept(&h, 2, false);
	harness_run_for(&h, 500);
	ck_assert_int_eq(partitions(), there);
}
END_TEST

static bool in_trouble(struct harness *harness, void *arg)
{
	(void)arg;
	return store_trouble(harness->store) != NULL;
}

START_TEST(a_server_that_hangs_is_trouble_and_given_up)
{
	struct store_outcome row = harness_outcome(&h, 0);
	int64_t start;

	harness_accept(&h, 0, true);
	harness_until_done(&h, 1, 3000);
	proxy_mode(h.proxy, PROXY_HOLD);
	start = clock_boot_ms();
	store_outcome(h.store, 1, &row);
	harness_run_for(&h, 1500);
	ck_assert_ptr_null(store_trouble(h.store));
	harness_until(&h, 1500, in_trouble, NULL);
	ck_assert_int_ge(clock_boot_ms() - start, 1950);
	harness_run_for(&h, 4000);
	ck_assert(!store_ready(h.store)); /* given up; connecting hangs as well */
	proxy_mode(h.proxy, PROXY_FORWARD);
	harness_until_done(&h, 2, 5000);
	expect_range(1, 2, STORE_DONE);
}
END_TEST

START_TEST(a_stopped_backend_that_wakes_up_later_changes_nothing)
{
	struct store_outcome row = harness_outcome(&h, 0);
	pid_t backend;

	harness_accept(&h, 0, true);
	harness_until_done(&h, 1, 3000);
	backend = (pid_t)harness_sql_long(
		&h, "SELECT pid FROM pg_stat_activity WHERE application_name = 'store-test' AND "
		    "query LIKE '%%accept:%%'");
	ck_assert_int_gt(backend, 0);
	ck_assert_int_eq(kill(backend, SIGSTOP), 0);
	store_outcome(h.store, 1, &row);
	harness_accept(&h, 2, true);
	harness_accept(&h, 3, false);
	harness_until_done(&h, 3, 2000); /* the accepts */
	expect_range(2, 4, STORE_UNCERTAIN);
	harness_until_done(&h, 4, 8000); /* the outcome, over another connection */
	expect_range(1, 2, STORE_DONE);
	until_settled(2000);
	/* Its batch still lies in the old connection's socket. */
	ck_assert_int_eq(kill(backend, SIGCONT), 0);
	while (harness_sql_long(&h, "SELECT count(*) FROM pg_stat_activity WHERE pid = %d",
				(int)backend) > 0)
		harness_run_for(&h, 10);
	ck_assert_int_eq(count("message"), 3);
	ck_assert_int_eq(count("attempt"), 1);
	ck_assert_int_eq(count("work"), 0);
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.message "
					      "WHERE state = 'cancelled'"),
			 2);
}
END_TEST

START_TEST(reads_fail_fast_while_the_server_is_away)
{
	struct err err;

	proxy_mode(h.proxy, PROXY_REFUSE);
	proxy_cut(h.proxy);
	ck_assert_int_eq(store_status(h.store, 0, harness_message(&h, 0)->id, NULL, &err), 0);
	ck_assert_int_eq(store_load_copies(h.store, 1, 1, 0, 1, &err), 0);
	harness_until_done(&h, 2, 2200);
	expect_range(0, 2, STORE_AWAY);
	ck_assert_int_le(h.done[0].after_ms, 2200);
}
END_TEST

START_TEST(a_read_without_answer_fails_fast)
{
	struct err err;

	proxy_mode(h.proxy, PROXY_HOLD);
	ck_assert_int_eq(store_status(h.store, 0, harness_message(&h, 0)->id, NULL, &err), 0);
	harness_until_done(&h, 1, 2000);
	expect_range(0, 1, STORE_AWAY);
	proxy_mode(h.proxy, PROXY_FORWARD);
	harness_until_ready(&h, 5000);
	harness_status(&h, 0, 1);
	expect_range(1, 2, STORE_DONE);
}
END_TEST

static void hold_row(unsigned tag)
{
	harness_sql_text(&h, "BEGIN");
	harness_sql_text(&h, "SELECT 1 FROM message_sender.work WHERE message_id = '%s' FOR UPDATE",
			 harness_id(&h, tag));
}

static void accept_each_20_ms(unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++) {
		harness_accept(&h, i, i % 2 == 0);
		harness_run_for(&h, 20);
	}
}

static void expect_each_within(unsigned from, unsigned to, int64_t ms)
{
	for (unsigned i = from; i < to; i++)
		ck_assert_msg(h.done[i].after_ms - h.done[i].submitted_ms <= ms, "%u: %ld ms", i,
			      (long)(h.done[i].after_ms - h.done[i].submitted_ms));
}

START_TEST(a_row_held_by_somebody_else_delays_only_its_own_message)
{
	struct store_outcome row = harness_outcome(&h, 0);
	struct store_begin next = { .id = row.id, .attempt = 2, .number = "1" };
	struct err err;

	harness_accept(&h, 0, true);
	harness_until_done(&h, 1, 3000);
	hold_row(0);
	row.outcome = OUTCOME_NOT_SENT;
	row.wamid = "";
	row.next = STORE_NEXT_RETRY;
	row.due_wall_us = clock_wall_us();
	store_outcome(h.store, 1, &row);
	accept_each_20_ms(100, 130);
	ck_assert_int_eq(store_begin(h.store, 2, &next, &err), 0);
	accept_each_20_ms(130, 180);
	harness_run_for(&h, 300);
	ck_assert_uint_eq(h.done_count, 81);
	expect_range(100, 180, STORE_DONE);
	expect_each_within(100, 180, 300);
	ck_assert_uint_eq(store_pending(h.store), 2);
	ck_assert_ptr_null(store_trouble(h.store));
	harness_sql_text(&h, "COMMIT");
	harness_until_done(&h, 83, 1500);
	expect_range(1, 3, STORE_DONE);
	until_settled(1000);
	ck_assert_str_eq(harness_sql_text(&h,
					  "SELECT concat_ws(' ', state, attempt, attempt_open) "
					  "FROM message_sender.work WHERE message_id = '%s'",
					  harness_id(&h, 0)),
			 "sending 2 t");
}
END_TEST

START_TEST(a_row_held_by_somebody_else_in_a_batch_delays_only_itself)
{
	for (unsigned i = 0; i < 100; i++)
		harness_accept(&h, i, true);
	harness_until_done(&h, 100, 3000);
	hold_row(42);
	for (unsigned i = 0; i < 100; i++) {
		struct store_outcome row = harness_outcome(&h, i);

		store_outcome(h.store, 200 + i, &row);
	}
	harness_accept(&h, 300, true);
	/* Eight times the lock time-out, and some: nobody is told 503. */
	harness_until_done(&h, 200, 1400);
	ck_assert_uint_eq(h.done[242].times, 0);
	expect_range(300, 301, STORE_DONE);
	accept_each_20_ms(301, 340);
	harness_run_for(&h, 300);
	expect_range(301, 340, STORE_DONE);
	expect_each_within(301, 340, 300);
	harness_sql_text(&h, "COMMIT");
	harness_until_done(&h, 240, 1500);
	expect_range(242, 243, STORE_DONE);
	ck_assert_int_eq(count("attempt"), 100);
}
END_TEST

START_TEST(an_accept_whose_lock_is_not_to_be_had_is_told_in_time)
{
	harness_sql_text(&h, "BEGIN");
	harness_sql_text(&h, "LOCK TABLE message_sender.work IN SHARE MODE");
	for (unsigned i = 0; i < 5; i++)
		harness_accept(&h, i, false);
	harness_until_done(&h, 5, 1900);
	harness_sql_text(&h, "COMMIT");
	until_settled(1500);
	for (unsigned i = 0; i < 5; i++) /* one may have been tried at that moment */
		ck_assert(h.done[i].verdict == STORE_AWAY || h.done[i].verdict == STORE_UNCERTAIN);
	ck_assert_int_eq(count("work"), 0);
	harness_accept(&h, 5, false);
	harness_until_done(&h, 6, 1000);
	expect_range(5, 6, STORE_DONE);
}
END_TEST

/* As a damaged page would: an internal error for one row. */
START_TEST(a_row_that_fails_unexpectedly_costs_only_itself)
{
	harness_sql_text(&h, "CREATE OR REPLACE FUNCTION public.poison() RETURNS trigger LANGUAGE "
			     "plpgsql AS $$ BEGIN RAISE 'poison' USING ERRCODE = 'XX001'; END $$");
	harness_sql_text(&h,
			 "CREATE TRIGGER poison BEFORE INSERT ON message_sender.message FOR EACH "
			 "ROW WHEN (NEW.message_id = '%s') EXECUTE FUNCTION public.poison()",
			 harness_id(&h, 13));
	for (unsigned i = 0; i < 50; i++)
		harness_accept(&h, i, true);
	harness_until_done(&h, 50, 1900);
	harness_sql_text(&h, "DROP TRIGGER poison ON message_sender.message");
	expect_range(0, 13, STORE_DONE);
	expect_range(13, 14, STORE_REJECTED);
	expect_range(14, 50, STORE_DONE);
	ck_assert_int_eq(count("message"), 49);
	ck_assert(store_ready(h.store));
	ck_assert_ptr_null(store_trouble(h.store));
}
END_TEST

START_TEST(a_table_that_is_gone_is_trouble_until_it_is_back)
{
	harness_sql_text(&h, "ALTER TABLE message_sender.work RENAME TO work_gone");
	harness_accept(&h, 0, false);
	harness_until_done(&h, 1, 2000);
	expect_range(0, 1, STORE_AWAY); /* refused for certain, each time */
	ck_assert_ptr_nonnull(store_trouble(h.store));
	/* With nothing left to try, trouble is no reason to refuse the next one. */
	harness_run_for(&h, 2100);
	ck_assert_ptr_null(store_trouble(h.store));
	harness_sql_text(&h, "ALTER TABLE message_sender.work_gone RENAME TO work");
	harness_accept(&h, 1, false);
	harness_until_done(&h, 2, 2500);
	expect_range(1, 2, STORE_DONE);
	ck_assert_ptr_null(store_trouble(h.store));
}
END_TEST

static bool knows_mismatch(struct harness *harness, void *arg)
{
	(void)arg;
	return store_schema_mismatch(harness->store);
}

START_TEST(another_schema_is_refused)
{
	harness_sql_text(&h, "INSERT INTO message_sender.schema_migration VALUES ('9999_new', '')");
	kill_backends();
	harness_until(&h, 5000, knows_mismatch, NULL);
	ck_assert_ptr_nonnull(strstr(store_trouble(h.store)->text, "schema"));
	harness_sql_text(&h, "DELETE FROM message_sender.schema_migration WHERE name = '9999_new'");
	harness_until_ready(&h, 5000);
	ck_assert(!store_schema_mismatch(h.store));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store_trouble");
	TCase *tcase = tcase_create("store_trouble");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_killed_backend_loses_and_doubles_nothing);
	tcase_add_test(tcase, a_commit_whose_answer_was_lost_is_settled);
	tcase_add_test(tcase, a_batch_cut_before_its_end_is_repeated);
	tcase_add_test(tcase, an_accept_in_doubt_is_told_in_time_and_cancelled);
	tcase_add_test(tcase, what_was_never_committed_is_cancelled_as_well);
	tcase_add_test(tcase, an_answer_that_is_only_late_cancels_too);
	tcase_add_test(tcase, a_message_that_another_attempt_has_begun_for_is_not_cancelled);
	tcase_add_test(tcase, an_accept_never_written_is_away);
	tcase_add_test(tcase, facts_wait_for_the_server_and_land);
	tcase_add_test(tcase, an_outcome_committed_without_answer_is_recorded_once);
	tcase_add_test(tcase, a_defer_committed_without_answer_is_done);
	tcase_add_loop_test(tcase, a_give_up_in_doubt_is_not_done_when_another_has_gone_on, 0, 2);
	tcase_add_test(tcase, upkeep_that_failed_is_tried_again);
	tcase_add_test(tcase, a_server_that_hangs_is_trouble_and_given_up);
	tcase_add_test(tcase, a_stopped_backend_that_wakes_up_later_changes_nothing);
	tcase_add_test(tcase, reads_fail_fast_while_the_server_is_away);
	tcase_add_test(tcase, a_read_without_answer_fails_fast);
	tcase_add_test(tcase, a_row_held_by_somebody_else_delays_only_its_own_message);
	tcase_add_test(tcase, a_row_held_by_somebody_else_in_a_batch_delays_only_itself);
	tcase_add_test(tcase, an_accept_whose_lock_is_not_to_be_had_is_told_in_time);
	tcase_add_test(tcase, a_row_that_fails_unexpectedly_costs_only_itself);
	tcase_add_test(tcase, a_table_that_is_gone_is_trouble_until_it_is_back);
	tcase_add_test(tcase, another_schema_is_refused);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
