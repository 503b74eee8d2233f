/*
 * What the timeline tells beside attempts: who took a message's lane over from whom, when and
 * why, and when it was put off without an attempt.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/text.h"
#include "harness.h"

#define NOBODY "00000000-0000-0000-0000-000000000000"

static struct harness h;
static struct message_id other; /* an incarnation that has had all lanes */
static char other_text[MESSAGE_ID_TEXT_BYTES];

static void setup(void)
{
	harness_start(&h);
	random_bytes(other.bytes, sizeof(other.bytes));
	message_id_text(other, other_text);
	harness_sql_text(&h,
			 "INSERT INTO message_sender.incarnation (id, node, worker, node_id, "
			 "lease_until) VALUES ('%s', 'other-node', 'other-worker', "
			 "gen_random_uuid(), clock_timestamp() + interval '10 s')",
			 other_text);
	harness_sql_text(&h,
			 "UPDATE message_sender.lane SET incarnation = '%s', "
			 "last_incarnation = '%s'",
			 other_text, other_text);
}

static void teardown(void)
{
	harness_stop(&h);
}

static void change(const struct store_lanes *lanes)
{
	store_lanes(h.store, 999, lanes);
	harness_until_done(&h, h.done_count + 1, 3000);
	ck_assert_msg(h.done[999].verdict == STORE_DONE, "%s", h.done[999].err.text);
}

static void other_releases(bool draining)
{
	harness_sql_text(&h, "UPDATE message_sender.lane SET incarnation = NULL");
	harness_sql_text(&h, "UPDATE message_sender.incarnation SET draining = %s WHERE id = '%s'",
			 draining ? "true" : "false", other_text);
}

static void take_all(void)
{
	const struct store_lanes all = { .take = ~UINT64_C(0) };

	change(&all);
}

/* The events of message `tag`, with why they came. */
static const char *events(unsigned tag)
{
	return harness_sql_text(
		&h,
		"SELECT string_agg(concat_ws(' ', e ->> 'event', e ->> 'why', e ->> 'reason'), "
		"', ') FROM json_array_elements(message_sender.message_events('%s') -> 'events') "
		"AS e",
		harness_id(&h, tag));
}

static const char *reasons(void)
{
	return harness_sql_text(&h, "SELECT string_agg(DISTINCT why, ' ') || ' ' || count(*) "
				    "FROM message_sender.lane_change");
}

START_TEST(the_lane_of_a_tenant_is_the_programs)
{
	static const char *const tenants[] = {
		"",
		"a",
		"tenant-7",
		"123e4567-e89b-12d3-a456-426614174000",
		"~!{}|",
		("a tenant of very many characters, as many as one may have: 0123456789 0123456789 "
		 "0123456789 0123456789 0123456789"),
	};

	for (unsigned i = 0; i < sizeof(tenants) / sizeof(tenants[0]); i++)
		ck_assert_int_eq(harness_sql_long(&h, "SELECT message_sender.tenant_lane('%s')",
						  tenants[i]),
				 message_lane(tenants[i]));
}
END_TEST

START_TEST(lanes_of_who_is_dead_say_so)
{
	const struct store_lanes takeover = { .take = ~UINT64_C(0),
					      .fence = { { other, true } },
					      .fence_count = 1 };

	change(&takeover);
	ck_assert_str_eq(reasons(), "death 64");
	ck_assert_int_eq(harness_sql_long(&h,
					  "SELECT count(*) FROM message_sender.lane_change c "
					  "JOIN message_sender.lane l ON l.lane = c.lane "
					  "AND l.since = c.at AND l.incarnation = c.to_incarnation "
					  "WHERE c.from_incarnation = '%s'",
					  other_text),
			 64);
}
END_TEST

START_TEST(lanes_of_who_has_no_lease_say_so)
{
	const struct store_lanes takeover = { .take = 3,
					      .fence = { { other, false } },
					      .fence_count = 1 };

	harness_sql_text(&h,
			 "UPDATE message_sender.incarnation SET "
			 "lease_until = clock_timestamp() WHERE id = '%s'",
			 other_text);
	change(&takeover);
	ck_assert_str_eq(reasons(), "lease 2");
}
END_TEST

START_TEST(released_lanes_say_whether_a_worker_a_node_or_nobody_stopped)
{
	const struct store_lanes release = { .release = ~UINT64_C(0) };

	other_releases(false);
	take_all();
	ck_assert_str_eq(reasons(), "share 64");
	/* Back and forth to itself is nothing to tell. */
	change(&release);
	take_all();
	ck_assert_str_eq(reasons(), "share 64");
	harness_sql_text(&h, "DELETE FROM message_sender.lane_change");
	harness_sql_text(&h, "UPDATE message_sender.lane SET last_incarnation = '%s'", other_text);
	other_releases(true);
	take_all();
	ck_assert_str_eq(reasons(), "stop 64");
	harness_sql_text(&h, "DELETE FROM message_sender.lane_change");
	harness_sql_text(&h, "UPDATE message_sender.lane SET last_incarnation = '%s'", other_text);
	harness_sql_text(&h,
			 "INSERT INTO message_sender.incarnation (id, node, worker, node_id, "
			 "lease_until) SELECT gen_random_uuid(), node, 'successor', node_id, now() "
			 "FROM message_sender.incarnation WHERE id = '%s'",
			 other_text);
	other_releases(true);
	take_all();
	ck_assert_str_eq(reasons(), "reload 64");
}
END_TEST

START_TEST(lanes_that_others_have_leave_nothing_to_tell)
{
	take_all();
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.lane_change"),
			 0);
}
END_TEST

static void record(unsigned tag, enum outcome outcome, enum store_next next)
{
	struct store_outcome row = harness_outcome(&h, tag);

	row.outcome = outcome;
	row.next = next;
	row.title = "refused for now";
	row.wamid = outcome == OUTCOME_ACCEPTED ? row.wamid : "";
	row.begun_wall_us = harness_message(&h, tag)->accepted_wall_us;
	row.ended_wall_us = clock_wall_us();
	row.due_wall_us = clock_wall_us() + 3600 * INT64_C(1000000);
	store_outcome(h.store, tag, &row);
	harness_until_done(&h, h.done_count + 1, 3000);
}

/* Of four messages of one lane: one ended before, one waits, one is in flight, one comes after. */
START_TEST(who_waits_or_is_in_flight_is_handed_over)
{
	harness_accept(&h, 0, true);
	harness_accept(&h, 10, true);
	harness_accept(&h, 20, true);
	harness_until_done(&h, 3, 3000);
	record(0, OUTCOME_ACCEPTED, STORE_NEXT_DONE);
	record(10, OUTCOME_REFUSED, STORE_NEXT_RETRY);
	other_releases(true);
	take_all();
	harness_accept(&h, 30, false);
	harness_until_done(&h, h.done_count + 1, 3000);
	ck_assert_str_eq(events(0), "accepted, attempt_begun, attempt_ended, sent");
	ck_assert_str_eq(events(10), "accepted, attempt_begun, attempt_ended, handed_over stop, "
				     "waiting refused for now");
	ck_assert_str_eq(events(20), "accepted, attempt_begun, handed_over stop");
	ck_assert_str_eq(events(30), "accepted");
	/* In flight it was, and stays, when its outcome comes. */
	record(20, OUTCOME_ACCEPTED, STORE_NEXT_DONE);
	ck_assert_str_eq(events(20),
			 "accepted, attempt_begun, handed_over stop, attempt_ended, sent");
	ck_assert_str_eq(
		harness_sql_text(&h,
				 "SELECT concat_ws(' ', e ->> 'worker', e ->> 'from_worker', "
				 "e ->> 'from_node', e ->> 'from_incarnation' = '%s') FROM "
				 "json_array_elements(message_sender.message_events('%s') "
				 "-> 'events') AS e WHERE e ->> 'event' = 'handed_over'",
				 other_text, harness_id(&h, 20)),
		"store-test other-worker other-node t");
}
END_TEST

static void put_off(unsigned tag, unsigned attempt, int code, const char *reason)
{
	const struct store_defer row = { .id = harness_message(&h, tag)->id,
					 .attempt = attempt,
					 .due_wall_us = clock_wall_us() + 5000000,
					 .failure_code = code,
					 .reason = reason };

	store_defer(h.store, tag, &row);
	harness_until_done(&h, h.done_count + 1, 3000);
}

static void begin(unsigned tag, unsigned attempt)
{
	harness_begin(&h, tag, attempt, tag);
	harness_until_done(&h, h.done_count + 1, 3000);
	ck_assert_int_eq(h.done[tag].verdict, STORE_DONE);
}

START_TEST(what_is_put_off_is_told_once_for_each_reason)
{
	harness_accept(&h, 0, false);
	harness_until_done(&h, 1, 3000);
	put_off(0, 0, -3, "the Tenant Service is away");
	put_off(0, 0, -3, "the Tenant Service is still away");
	ck_assert_str_eq(events(0), "accepted, waiting the Tenant Service is still away");
	put_off(0, 0, 0, "something else");
	ck_assert_str_eq(events(0), "accepted, waited the Tenant Service is still away, "
				    "waiting something else");
	begin(0, 1);
	ck_assert_str_eq(events(0), "accepted, waited the Tenant Service is still away, "
				    "waited something else, attempt_begun");
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.wait "
					      "WHERE until > since + interval '4 s'"),
			 2);
}
END_TEST

/* Nothing is put off while an attempt is under way: nothing is told either. */
START_TEST(what_was_not_put_off_is_not_told)
{
	harness_accept(&h, 0, true);
	harness_until_done(&h, 1, 3000);
	put_off(0, 1, -3, "away");
	ck_assert_int_eq(h.done[0].verdict, STORE_CONFLICT);
	ck_assert_str_eq(events(0), "accepted, attempt_begun");
}
END_TEST

START_TEST(a_wait_that_ended_its_message_is_told)
{
	struct store_defer expired = {
		.attempt = 1, .failed = true, .failure_code = -6, .reason = "expired"
	};

	harness_accept(&h, 0, true);
	harness_until_done(&h, 1, 3000);
	record(0, OUTCOME_REFUSED, STORE_NEXT_RETRY);
	expired.id = harness_message(&h, 0)->id;
	store_defer(h.store, 0, &expired);
	harness_until_done(&h, h.done_count + 1, 3000);
	ck_assert_str_eq(events(0), "accepted, attempt_begun, attempt_ended, "
				    "waited refused for now, failed expired");
}
END_TEST

static const char *hold_text(void)
{
	static char text[300];

	text_copy_cut(text, sizeof(text),
		      harness_sql_text(&h, "SELECT message_sender.hold_text(h) "
					   "FROM message_sender.hold h"));
	return text;
}

/* Message 0 is held, and sent afterwards; 10, of the same tenant, was under way; 1 is another's. */
START_TEST(what_a_hold_held_says_so)
{
	char expected[500];

	harness_accept(&h, 0, false);
	harness_accept(&h, 10, true);
	harness_accept(&h, 1, false);
	harness_until_done(&h, 3, 3000);
	harness_sql_text(&h, "INSERT INTO message_sender.hold (scope, tenant_id, reason, set_by) "
			     "VALUES ('tenant', 'tenant-0', 'paused', 'rani')");
	harness_sql_text(&h,
			 "UPDATE message_sender.work SET state = 'held', wait = 3, "
			 "hold = (SELECT id FROM message_sender.hold) WHERE message_id = '%s'",
			 harness_id(&h, 0));
	record(10, OUTCOME_ACCEPTED, STORE_NEXT_DONE);
	(void)snprintf(expected, sizeof(expected), "accepted, waiting %s", hold_text());
	ck_assert_str_eq(events(0), expected);
	harness_sql_text(&h, "UPDATE message_sender.hold SET released_at = now(), "
			     "released_by = 'rani'");
	harness_sql_text(&h,
			 "UPDATE message_sender.work SET state = 'queued', wait = 0, hold = NULL "
			 "WHERE message_id = '%s'",
			 harness_id(&h, 0));
	begin(0, 1);
	begin(1, 1);
	(void)snprintf(expected, sizeof(expected), "accepted, waited %s, attempt_begun",
		       hold_text());
	ck_assert_str_eq(events(0), expected);
	ck_assert_str_eq(events(10), "accepted, attempt_begun, attempt_ended, sent");
	ck_assert_str_eq(events(1), "accepted, attempt_begun");
}
END_TEST

START_TEST(a_long_way_to_the_first_attempt_is_a_wait)
{
	static const char *const begun[] = { "1999 ms", "2 s" };
	static const char *const expected[] = {
		"accepted, attempt_begun",
		"accepted, waited its turn: messages before it to the same recipient, room for "
		"one more call, or a new owner of its lane, attempt_begun",
	};

	for (unsigned i = 0; i < 2; i++) {
		harness_accept(&h, i, true);
		harness_until_done(&h, h.done_count + 1, 3000);
		harness_sql_text(&h,
				 "UPDATE message_sender.work w SET begun_at = accepted_at + "
				 "interval '%s' FROM message_sender.message m "
				 "WHERE m.message_id = w.message_id AND w.message_id = '%s'",
				 begun[i], harness_id(&h, i));
		ck_assert_str_eq(events(i), expected[i]);
	}
}
END_TEST

static bool two_left(struct harness *harness, void *arg)
{
	(void)arg;
	return harness_sql_long(harness, "SELECT (SELECT count(*) FROM message_sender.wait) + "
					 "(SELECT count(*) FROM message_sender.lane_change)") == 2;
}

/* A session expires what is old when it begins. */
START_TEST(old_history_goes)
{
	harness_prepare(&h);
	harness_sql_text(&h,
			 "INSERT INTO message_sender.wait SELECT message_sender.id_floor(now() - "
			 "days * interval '1 day'), 1, 0, now(), now(), '' "
			 "FROM unnest(ARRAY[29, 31, 400]) AS d (days)");
	harness_sql_text(&h,
			 "INSERT INTO message_sender.lane_change SELECT 63, now() - days * "
			 "interval '1 day', '%s', '%s', 'stop' "
			 "FROM unnest(ARRAY[29, 31, 400]) AS d (days)",
			 NOBODY, NOBODY);
	harness_open(&h, harness_url(), true);
	harness_until(&h, 5000, two_left, NULL);
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.wait"), 1);
	harness_stop(&h);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store_timeline");
	TCase *tcase = tcase_create("store_timeline");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, the_lane_of_a_tenant_is_the_programs);
	tcase_add_test(tcase, lanes_of_who_is_dead_say_so);
	tcase_add_test(tcase, lanes_of_who_has_no_lease_say_so);
	tcase_add_test(tcase, released_lanes_say_whether_a_worker_a_node_or_nobody_stopped);
	tcase_add_test(tcase, lanes_that_others_have_leave_nothing_to_tell);
	tcase_add_test(tcase, who_waits_or_is_in_flight_is_handed_over);
	tcase_add_test(tcase, what_is_put_off_is_told_once_for_each_reason);
	tcase_add_test(tcase, what_was_not_put_off_is_not_told);
	tcase_add_test(tcase, a_wait_that_ended_its_message_is_told);
	tcase_add_test(tcase, what_a_hold_held_says_so);
	tcase_add_test(tcase, a_long_way_to_the_first_attempt_is_a_wait);
	suite_add_tcase(suite, tcase);
	tcase = tcase_create("store_expiry");
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, old_history_goes);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
