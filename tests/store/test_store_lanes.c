/* Leases, fence, takeover: on a real PostgreSQL, with a second session that interleaves. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "harness.h"

#define ALL (~UINT64_C(0))
#define HALF UINT64_C(0xffffffff)

static struct harness h;
static struct message_id other;
static PGconn *second; /* the other worker's session */

static void second_sql(const char *text)
{
	PGresult *result = PQexec(second, text);

	ck_assert_msg(PQresultStatus(result) == PGRES_TUPLES_OK ||
			      PQresultStatus(result) == PGRES_COMMAND_OK,
		      "%s: %s", text, PQerrorMessage(second));
	PQclear(result);
}

static const char *text_of(struct message_id id)
{
	static char text[2][MESSAGE_ID_TEXT_BYTES];
	static unsigned turn;

	message_id_text(id, text[++turn % 2]);
	return text[turn % 2];
}

static void setup(void)
{
	harness_start(&h);
	random_bytes(other.bytes, sizeof(other.bytes));
	second = PQconnectdb(harness_url());
	ck_assert_int_eq(PQstatus(second), CONNECTION_OK);
	harness_sql_text(&h,
			 "INSERT INTO message_sender.incarnation (id, node, worker, lease_until)"
			 " VALUES ('%s', 'n', 'w', clock_timestamp() + interval '10 s')",
			 text_of(other));
}

static void teardown(void)
{
	PQfinish(second);
	harness_stop(&h);
}

static void change(unsigned tag, const struct store_lanes *lanes)
{
	store_lanes(h.store, tag, lanes);
}

static void change_now(unsigned tag, const struct store_lanes *lanes)
{
	change(tag, lanes);
	harness_until_done(&h, h.done_count + 1, 3000);
	ck_assert_int_eq(h.done[tag].verdict, STORE_DONE);
}

static const struct store_incarnation *seen(struct message_id id)
{
	for (unsigned i = 0; i < h.view.count; i++) {
		if (message_id_equal(h.view.live[i].id, id))
			return &h.view.live[i];
	}
	return NULL;
}

static struct store_lanes take(uint64_t lanes)
{
	return (struct store_lanes){ .take = lanes };
}

static struct store_lanes takeover(uint64_t lanes, bool dead)
{
	return (struct store_lanes){ .take = lanes,
				     .fence = { { other, dead } },
				     .fence_count = 1 };
}

static void give_to_other(uint64_t lanes, const char *lease)
{
	harness_sql_text(&h,
			 "UPDATE message_sender.lane SET incarnation = '%s'"
			 " WHERE %ld::bigint >> lane & 1 = 1",
			 text_of(other), (long)lanes);
	harness_sql_text(&h,
			 "UPDATE message_sender.incarnation"
			 " SET lease_until = clock_timestamp() + '%s' WHERE id = '%s'",
			 lease, text_of(other));
}

static long lanes_of(struct message_id id)
{
	return harness_sql_long(&h,
				"SELECT count(*) FROM message_sender.lane WHERE incarnation = '%s'",
				text_of(id));
}

START_TEST(free_lanes_are_taken_and_seen)
{
	const struct store_lanes ours = take(HALF | UINT64_C(1) << 63);

	change_now(0, &ours);
	ck_assert(!h.view.fenced);
	ck_assert_uint_eq(h.view.count, 2);
	ck_assert(seen(h.incarnation)->lanes == ours.take);
	ck_assert_int_gt(seen(h.incarnation)->lease_left_ms, 9000);
	ck_assert_int_le(seen(h.incarnation)->lease_left_ms, 10000);
	ck_assert(seen(other)->lanes == 0);
}
END_TEST

START_TEST(lanes_of_a_live_incarnation_are_not_taken)
{
	const struct store_lanes all = takeover(ALL, false);

	give_to_other(HALF, "1 s");
	change_now(0, &all);
	ck_assert(seen(h.incarnation)->lanes == ~HALF);
	ck_assert(seen(other)->lanes == HALF);
}
END_TEST

START_TEST(a_lease_that_ran_out_is_fenced_and_its_lanes_taken)
{
	const struct store_lanes all = takeover(ALL, false);

	give_to_other(HALF, "-0.001 s");
	change_now(0, &all);
	ck_assert_ptr_null(seen(other));
	ck_assert(seen(h.incarnation)->lanes == ALL);
	ck_assert_str_eq(harness_sql_text(&h,
					  "SELECT fenced::text || gone::text FROM"
					  " message_sender.incarnation WHERE id = '%s'",
					  text_of(other)),
			 "truefalse");
}
END_TEST

START_TEST(the_dead_are_fenced_whatever_their_lease)
{
	const struct store_lanes all = takeover(ALL, true);

	give_to_other(ALL, "10 s");
	change_now(0, &all);
	ck_assert(seen(h.incarnation)->lanes == ALL);
	ck_assert_str_eq(harness_sql_text(&h,
					  "SELECT gone::text FROM message_sender.incarnation"
					  " WHERE id = '%s'",
					  text_of(other)),
			 "true");
}
END_TEST

START_TEST(lanes_are_released_for_others)
{
	const struct store_lanes all = take(ALL);
	const struct store_lanes less = { .release = HALF, .draining = true };

	change_now(0, &all);
	change_now(1, &less);
	ck_assert(seen(h.incarnation)->lanes == ~HALF);
	ck_assert(seen(h.incarnation)->draining);
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.lane"
					      " WHERE incarnation IS NULL"),
			 32);
}
END_TEST

START_TEST(a_takeover_waits_for_a_batch_that_begins)
{
	const struct store_lanes all = takeover(ALL, true);
	char hold[128];

	give_to_other(ALL, "10 s");
	(void)snprintf(hold, sizeof(hold), "SELECT message_sender.hold_lease('%s')",
		       text_of(other));
	second_sql("BEGIN");
	second_sql(hold);
	change(0, &all);
	harness_until_done(&h, 1, 1000);
	ck_assert_int_eq(h.done[0].verdict, STORE_AWAY); /* to be tried again */
	second_sql("COMMIT");
	change_now(1, &all);
	ck_assert(seen(h.incarnation)->lanes == ALL);
}
END_TEST

START_TEST(one_that_another_takes_first_is_left)
{
	const struct store_lanes all = take(ALL);

	second_sql("BEGIN");
	PQclear(PQexec(second, "UPDATE message_sender.lane SET incarnation ="
			       " (SELECT id FROM message_sender.incarnation WHERE worker = 'w')"
			       " WHERE lane = 5"));
	change(0, &all);
	harness_until_done(&h, 1, 1000);
	ck_assert_int_eq(h.done[0].verdict, STORE_AWAY); /* to be tried again */
	second_sql("COMMIT");
	change_now(1, &all);
	ck_assert(seen(h.incarnation)->lanes == (ALL & ~(UINT64_C(1) << 5)));
	ck_assert(seen(other)->lanes == UINT64_C(1) << 5);
}
END_TEST

START_TEST(a_lease_renewed_while_the_takeover_waits_stands)
{
	const struct store_lanes all = takeover(ALL, false);
	char renew[256];

	give_to_other(ALL, "-1 s");
	(void)snprintf(renew, sizeof(renew),
		       "UPDATE message_sender.incarnation SET lease_until = clock_timestamp()"
		       " + interval '10 s' WHERE id = '%s' AND NOT fenced",
		       text_of(other));
	second_sql("BEGIN");
	second_sql(renew);
	change(0, &all);
	harness_until_done(&h, 1, 1000);
	ck_assert_int_eq(h.done[0].verdict, STORE_AWAY); /* to be tried again */
	second_sql("COMMIT");
	change_now(1, &all);
	ck_assert(seen(other)->lanes == ALL);
	ck_assert(seen(h.incarnation)->lanes == 0);
}
END_TEST

static void fence_us(PGconn *session)
{
	char text[160];

	(void)snprintf(text, sizeof(text),
		       "UPDATE message_sender.incarnation SET fenced = true WHERE id = '%s'",
		       text_of(h.incarnation));
	PQclear(PQexec(session, text));
}

START_TEST(a_fenced_incarnation_stores_but_begins_nothing)
{
	struct store_outcome outcome;

	harness_accept(&h, 0, true); /* begins before the fence */
	harness_accept(&h, 1, false);
	harness_until_done(&h, 2, 3000);
	fence_us(h.sql);
	harness_accept(&h, 2, true);
	harness_accept(&h, 3, false);
	harness_begin(&h, 1, 1, 4);
	outcome = harness_outcome(&h, 0);
	store_outcome(h.store, 5, &outcome);
	harness_until_done(&h, 6, 3000);
	ck_assert_int_eq(h.done[2].verdict, STORE_NOT_BEGUN);
	ck_assert_uint_gt(h.done[2].seq, 0);
	ck_assert_int_eq(h.done[3].verdict, STORE_DONE);
	ck_assert_int_eq(h.done[4].verdict, STORE_CONFLICT);
	ck_assert_int_eq(h.done[5].verdict, STORE_DONE);
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.work"
					      " WHERE attempt = 0 AND state = 'queued'"),
			 3);
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.attempt"), 1);
	/* For good. */
	harness_accept(&h, 6, true);
	harness_until_done(&h, 7, 3000);
	ck_assert_int_eq(h.done[6].verdict, STORE_NOT_BEGUN);
}
END_TEST

START_TEST(a_fence_that_came_first_is_waited_for_and_obeyed)
{
	second_sql("BEGIN");
	fence_us(second);
	harness_accept(&h, 0, true);
	harness_run_for(&h, 200);
	ck_assert_uint_eq(h.done_count, 0);
	second_sql("COMMIT");
	harness_until_done(&h, 1, 1400);
	ck_assert_int_eq(h.done[0].verdict, STORE_NOT_BEGUN);
}
END_TEST

START_TEST(a_fence_rolled_back_was_none)
{
	second_sql("BEGIN");
	fence_us(second);
	harness_accept(&h, 0, true);
	harness_run_for(&h, 200);
	second_sql("ROLLBACK");
	harness_until_done(&h, 1, 1400);
	ck_assert_int_eq(h.done[0].verdict, STORE_DONE);
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.work"
					      " WHERE attempt = 1 AND attempt_open"),
			 1);
}
END_TEST

START_TEST(a_fenced_incarnation_takes_and_keeps_nothing)
{
	const struct store_lanes all = take(ALL);

	fence_us(h.sql);
	change_now(0, &all);
	ck_assert(h.view.fenced);
	ck_assert_int_eq(lanes_of(h.incarnation), 0);
}
END_TEST

START_TEST(a_release_goes_behind_what_was_to_begin_before_it)
{
	const struct store_lanes all = take(ALL);
	const struct store_lanes none = { .release = ALL };

	change_now(0, &all);
	harness_accept(&h, 1, true);
	change(2, &none);
	harness_until_done(&h, 3, 3000);
	ck_assert_int_eq(h.done[1].verdict, STORE_DONE);
	ck_assert_int_le(h.done[1].after_ms, h.done[2].after_ms);
	/* The attempt began while the lane was ours. */
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.work w,"
					      " message_sender.lane l WHERE l.lane = w.lane"
					      " AND w.begun_at <= l.since AND w.attempt_open"),
			 1);
}
END_TEST

START_TEST(two_that_fence_each_other_do_not_hang)
{
	struct harness *const us = &h;
	const struct store_lanes all = takeover(ALL, true);
	char fence[256];

	give_to_other(HALF, "10 s");
	(void)snprintf(fence, sizeof(fence),
		       "SELECT FROM message_sender.incarnation WHERE id IN ('%s', '%s')"
		       " ORDER BY id FOR NO KEY UPDATE",
		       text_of(other), text_of(us->incarnation));
	second_sql("BEGIN");
	second_sql(fence);
	fence_us(second);
	change(0, &all);
	harness_until_done(&h, 1, 1000);
	ck_assert_int_eq(h.done[0].verdict, STORE_AWAY); /* to be tried again */
	second_sql("COMMIT");
	change_now(1, &all);
	ck_assert(us->view.fenced);
	ck_assert_int_eq(lanes_of(us->incarnation), 0);
}
END_TEST

static bool rung(struct harness *harness, void *arg)
{
	return harness->rung_count >= *(unsigned *)arg;
}

START_TEST(bells_reach_the_one_and_all)
{
	char text[STORE_RING_BYTES + 2];
	unsigned count = 1;

	store_ring(h.store, &h.incarnation, "o one");
	harness_until(&h, 1000, rung, &count);
	ck_assert_str_eq(h.rung, "o one");
	store_ring(h.store, &other, "not for us");
	store_ring(h.store, NULL, "all");
	count = 2;
	harness_until(&h, 1000, rung, &count);
	ck_assert_str_eq(h.rung, "all");
	memset(text, 'x', sizeof(text));
	text[STORE_RING_BYTES] = 0;
	store_ring(h.store, NULL, text);
	count = 3;
	harness_until(&h, 1000, rung, &count);
	ck_assert_uint_eq(strlen(h.rung), STORE_RING_BYTES);
	text[STORE_RING_BYTES] = 'x';
	text[STORE_RING_BYTES + 1] = 0;
	store_ring(h.store, NULL, text);
	harness_run_for(&h, 100);
	ck_assert_uint_eq(h.rung_count, 3);
	ck_assert_uint_eq(store_pending(h.store), 0);
}
END_TEST

static bool missed(struct harness *harness, void *arg)
{
	return harness->missed_count >= *(unsigned *)arg;
}

/* Told twice: when bells are not heard any more, and when they are again. */
START_TEST(bells_that_may_be_lost_are_told_of)
{
	unsigned count = h.missed_count + 1;

	harness_until_ready(&h, 5000);
	ck_assert(store_hears(h.store));
	harness_sql_long(&h, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
			     "WHERE application_name = 'store-test'");
	harness_until(&h, 5000, missed, &count);
	ck_assert(!store_hears(h.store));
	count++;
	harness_until(&h, 5000, missed, &count);
	ck_assert(store_hears(h.store));
}
END_TEST

static int by_size(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a;
	const int64_t y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* From the ringing to the hearing, over PostgreSQL. */
START_TEST(a_bell_between_nodes_takes_less_than_50_ms)
{
	enum { ROUNDS = 500 };
	static int64_t times[ROUNDS];

	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned count = i + 1;
		const int64_t began_us = clock_wall_us();

		store_ring(h.store, &h.incarnation, "o");
		harness_until(&h, 1000, rung, &count);
		times[i] = clock_wall_us() - began_us;
	}
	qsort(times, ROUNDS, sizeof(times[0]), by_size);
	printf("bell over PostgreSQL: p50 %ld us, p99 %ld us\n", (long)times[ROUNDS / 2],
	       (long)times[ROUNDS * 99 / 100]);
	ck_assert_int_lt(times[ROUNDS * 99 / 100], 50000);
}
END_TEST

START_TEST(messages_are_loaded_by_id_if_of_our_lanes)
{
	struct message_id ids[2];
	struct err err;
	uint64_t lane;

	for (unsigned i = 0; i < 3; i++)
		harness_accept(&h, i, false);
	harness_until_done(&h, 3, 3000);
	ids[0] = harness_message(&h, 0)->id;
	ids[1] = harness_message(&h, 2)->id;
	lane = UINT64_C(1) << harness_message(&h, 0)->lane;
	ck_assert_int_eq(store_load_ids(h.store, 3, ALL, ids, 2, &err), 0);
	harness_until_done(&h, 4, 3000);
	ck_assert_uint_eq(h.loaded_count, 2);
	ck_assert_int_eq(store_load_ids(h.store, 4, ~lane, ids, 1, &err), 0);
	harness_until_done(&h, 5, 3000);
	ck_assert_uint_eq(h.loaded_count, 2);
	ck_assert_int_ne(store_load_ids(h.store, 5, ALL, ids, 0, &err), 0);
	ck_assert_int_ne(store_load_ids(h.store, 5, ALL, ids, STORE_CALLS_MAX + 1, &err), 0);
	ck_assert_int_ne(store_load_ids(h.store, 5, 0, ids, 1, &err), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store_lanes");
	TCase *tcase = tcase_create("store_lanes");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, free_lanes_are_taken_and_seen);
	tcase_add_test(tcase, lanes_of_a_live_incarnation_are_not_taken);
	tcase_add_test(tcase, a_lease_that_ran_out_is_fenced_and_its_lanes_taken);
	tcase_add_test(tcase, the_dead_are_fenced_whatever_their_lease);
	tcase_add_test(tcase, lanes_are_released_for_others);
	tcase_add_test(tcase, a_takeover_waits_for_a_batch_that_begins);
	tcase_add_test(tcase, one_that_another_takes_first_is_left);
	tcase_add_test(tcase, a_lease_renewed_while_the_takeover_waits_stands);
	tcase_add_test(tcase, a_fenced_incarnation_stores_but_begins_nothing);
	tcase_add_test(tcase, a_fence_that_came_first_is_waited_for_and_obeyed);
	tcase_add_test(tcase, a_fence_rolled_back_was_none);
	tcase_add_test(tcase, a_fenced_incarnation_takes_and_keeps_nothing);
	tcase_add_test(tcase, a_release_goes_behind_what_was_to_begin_before_it);
	tcase_add_test(tcase, two_that_fence_each_other_do_not_hang);
	tcase_add_test(tcase, bells_reach_the_one_and_all);
	tcase_add_test(tcase, bells_that_may_be_lost_are_told_of);
	tcase_add_test(tcase, a_bell_between_nodes_takes_less_than_50_ms);
	tcase_add_test(tcase, messages_are_loaded_by_id_if_of_our_lanes);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
