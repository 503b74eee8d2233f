/* How much work waits, counted in a real PostgreSQL. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "harness.h"

#define BACKLOG_TAG 900

static struct harness h;

static void setup(void)
{
	harness_start(&h);
}

static void teardown(void)
{
	harness_stop(&h);
}

static void ask(bool anew, int64_t least)
{
	struct err err;

	ck_assert_int_eq(store_backlog(h.store, BACKLOG_TAG, anew, least, &err), 0);
}

static void ask_now(bool anew, int64_t least)
{
	const unsigned target = h.done_count + 1;

	memset(&h.done[BACKLOG_TAG], 0, sizeof(h.done[BACKLOG_TAG]));
	ask(anew, least);
	harness_until_done(&h, target, 10000);
	ck_assert_msg(h.done[BACKLOG_TAG].verdict == STORE_DONE, "%s",
		      h.done[BACKLOG_TAG].err.text);
}

/* So many rows of work of tenant `name`, in this state. */
static void fill(const char *name, int rows, const char *state)
{
	harness_sql_text(
		&h,
		"INSERT INTO message_sender.work (message_id, tenant_id, lane, seq, state, "
		"caller_waits, attempt, attempt_open, due_at, expires_at, queue) "
		"SELECT gen_random_uuid(), '%s', 0, nextval('message_sender.work_seq'), '%s', "
		"false, 0, false, now(), now(), 1 FROM generate_series(1, %d)",
		name, state, rows);
}

START_TEST(all_work_is_counted_whatever_it_waits_for)
{
	ask_now(true, 1);
	ck_assert_int_eq(h.backlog->messages, 0);
	ck_assert_uint_eq(h.backlog->count, 0);
	fill("a", 3, "queued");
	fill("b", 5, "retrying");
	fill("b", 1, "unknown");
	fill("b", 1, "sent");
	ask_now(true, 1);
	ck_assert_int_eq(h.backlog->messages, 10);
	ck_assert_uint_eq(h.backlog->count, 2);
	ck_assert_str_eq(h.backlog->tenants[0].tenant_id, "b");
	ck_assert_int_eq(h.backlog->tenants[0].waiting, 7);
	ck_assert_str_eq(h.backlog->tenants[1].tenant_id, "a");
	ck_assert_int_eq(h.backlog->tenants[1].waiting, 3);
}
END_TEST

/* One of tenant "a", due so many seconds ago. */
static void fill_class(int class, const char *state, int wait, int seconds)
{
	harness_sql_text(
		&h,
		"INSERT INTO message_sender.work (message_id, tenant_id, lane, seq, state, "
		"caller_waits, attempt, attempt_open, due_at, expires_at, queue, class, wait) "
		"SELECT gen_random_uuid(), 'a', 0, nextval('message_sender.work_seq'), '%s', "
		"false, 0, false, now() - interval '%d s', now(), 1, %d, %d",
		state, seconds, class, wait);
}

START_TEST(what_is_to_be_sent_is_told_by_class_and_how_long_it_is_due)
{
	ask_now(true, 1);
	for (int c = 0; c < MESSAGE_CLASSES; c++) {
		ck_assert_int_eq(h.backlog->depth[c], 0);
		ck_assert_int_eq(h.backlog->late_us[c], 0);
	}
	fill_class(MESSAGE_HIGH, "queued", 0, -100); /* not due yet */
	fill_class(MESSAGE_NORMAL, "queued", 0, 1000);
	fill_class(MESSAGE_NORMAL, "retrying", 0, 3000);
	fill_class(MESSAGE_NORMAL, "sending", 0, 2000);
	fill_class(MESSAGE_BULK, "unknown", 2, 5000);
	fill_class(MESSAGE_BULK, "sent", 1, 5000);
	fill_class(MESSAGE_BULK, "held", 3, 5000);
	fill_class(MESSAGE_BULK, "scheduled", 5, 5000);
	ask_now(true, 1);
	ck_assert_int_eq(h.backlog->messages, 8);
	ck_assert_int_eq(h.backlog->depth[MESSAGE_HIGH], 1);
	ck_assert_int_eq(h.backlog->late_us[MESSAGE_HIGH], 0);
	ck_assert_int_eq(h.backlog->depth[MESSAGE_NORMAL], 3);
	ck_assert_int_ge(h.backlog->late_us[MESSAGE_NORMAL], 3000000000);
	ck_assert_int_lt(h.backlog->late_us[MESSAGE_NORMAL], 3600000000);
	ck_assert_int_eq(h.backlog->depth[MESSAGE_BULK], 0);
	ck_assert_int_eq(h.backlog->late_us[MESSAGE_BULK], 0);
	/* The one message that was late has gone; told without counting it is as it was. */
	harness_sql_text(
		&h, "DELETE FROM message_sender.work WHERE due_at < now() - interval '2500 s'");
	ask_now(false, 1);
	ck_assert_int_eq(h.backlog->depth[MESSAGE_NORMAL], 3);
	ask_now(true, 1);
	ck_assert_int_eq(h.backlog->depth[MESSAGE_NORMAL], 2);
	ck_assert_int_lt(h.backlog->late_us[MESSAGE_NORMAL], 3000000000);
}
END_TEST

START_TEST(tenants_below_the_least_are_left_out)
{
	fill("a", 3, "queued");
	fill("b", 4, "queued");
	fill("c", 5, "queued");
	ask_now(true, 4);
	ck_assert_int_eq(h.backlog->messages, 12);
	ck_assert_uint_eq(h.backlog->count, 2);
	ck_assert_str_eq(h.backlog->tenants[1].tenant_id, "b");
	ask_now(true, 6);
	ck_assert_int_eq(h.backlog->messages, 12);
	ck_assert_uint_eq(h.backlog->count, 0);
}
END_TEST

START_TEST(at_most_2000_tenants_the_largest)
{
	harness_sql_text(&h,
			 "INSERT INTO message_sender.work (message_id, tenant_id, lane, seq, "
			 "state, caller_waits, attempt, attempt_open, due_at, expires_at, queue) "
			 "SELECT gen_random_uuid(), 't' || i, 0, i, 'queued', false, 0, false, "
			 "now(), now(), 1 FROM generate_series(1, 2001) i");
	fill("large", 2, "queued");
	ask_now(true, 1);
	ck_assert_int_eq(h.backlog->messages, 2003);
	ck_assert_uint_eq(h.backlog->count, STORE_COUNTED_MAX);
	ck_assert_str_eq(h.backlog->tenants[0].tenant_id, "large");
}
END_TEST

START_TEST(a_view_is_the_last_count_and_its_age)
{
	int64_t drawn;

	fill("a", 3, "queued");
	ask_now(true, 1);
	drawn = h.backlog->accepted;
	ck_assert_int_gt(drawn, 0);
	ck_assert_int_ge(h.backlog->age_us, h.backlog->took_us);
	ck_assert_int_gt(h.backlog->took_us, 0);
	fill("a", 4, "queued");
	harness_run_for(&h, 50);
	ask_now(false, 1);
	ck_assert_int_eq(h.backlog->messages, 3);
	ck_assert_int_eq(h.backlog->tenants[0].waiting, 3);
	ck_assert_int_ge(h.backlog->age_us, 50000);
	ck_assert_int_lt(h.backlog->age_us, 5000000);
	ask_now(true, 1);
	ck_assert_int_eq(h.backlog->messages, 7);
	ck_assert_int_eq(h.backlog->accepted, drawn + 4);
}
END_TEST

START_TEST(a_count_that_was_never_made_is_old)
{
	harness_sql_text(&h, "UPDATE message_sender.backlog SET counted_at = '-infinity'");
	ask_now(false, 1);
	ck_assert_int_gt(h.backlog->age_us, INT64_C(86400000000));
}
END_TEST

/* What was told before it was asked for is in it; what is told behind it is not. */
START_TEST(a_count_runs_between_writes)
{
	for (unsigned i = 0; i < 10; i++)
		harness_accept(&h, i, false);
	harness_until_done(&h, 10, 10000);
	ask(true, 1);
	for (unsigned i = 10; i < 20; i++)
		harness_accept(&h, i, false);
	harness_until_done(&h, 21, 10000);
	for (unsigned i = 10; i < 20; i++) {
		if (h.done[i].order < h.done[BACKLOG_TAG].order)
			ck_assert_int_eq(h.backlog->messages, 20);
		else
			ck_assert_int_eq(h.backlog->messages, 10);
	}
}
END_TEST

START_TEST(a_large_backlog_is_read_once_from_end_to_end)
{
	for (int i = 0; i < 20; i++) {
		char name[24];

		snprintf(name, sizeof(name), "tenant-%d", i);
		fill(name, 2500, "queued");
	}
	harness_sql_text(&h, "VACUUM message_sender.work");
	ask_now(true, 2500);
	ck_assert_int_eq(h.backlog->messages, 50000);
	ck_assert_uint_eq(h.backlog->count, 20);
	ck_assert_int_lt(h.backlog->took_us, 2000000);
}
END_TEST

START_TEST(a_store_that_is_away_tells_nothing)
{
	harness_sql_text(&h, "ALTER TABLE message_sender.backlog RENAME TO gone");
	ask(true, 1);
	harness_until_done(&h, 1, 3000);
	harness_sql_text(&h, "ALTER TABLE message_sender.gone RENAME TO backlog");
	ck_assert_int_eq(h.done[BACKLOG_TAG].verdict, STORE_AWAY);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store_backlog");
	TCase *tcase = tcase_create("store_backlog");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, all_work_is_counted_whatever_it_waits_for);
	tcase_add_test(tcase, what_is_to_be_sent_is_told_by_class_and_how_long_it_is_due);
	tcase_add_test(tcase, tenants_below_the_least_are_left_out);
	tcase_add_test(tcase, at_most_2000_tenants_the_largest);
	tcase_add_test(tcase, a_view_is_the_last_count_and_its_age);
	tcase_add_test(tcase, a_count_that_was_never_made_is_old);
	tcase_add_test(tcase, a_count_runs_between_writes);
	tcase_add_test(tcase, a_large_backlog_is_read_once_from_end_to_end);
	tcase_add_test(tcase, a_store_that_is_away_tells_nothing);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
