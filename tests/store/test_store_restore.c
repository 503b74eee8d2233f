/* PostgreSQL restored or failed over: on a real one, whose beacon is made to say so. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "harness.h"
#include "store/check.h"

#define ALL (~UINT64_C(0))
#define RESTORES "SELECT count(*) FROM message_sender.restore"

static struct harness h;

static void setup(void)
{
	harness_prepare(&h);
}

static void teardown(void)
{
	harness_stop(&h);
}

static void serve(void)
{
	harness_open(&h, harness_url(), true);
}

static long count(const char *what)
{
	return harness_sql_long(&h, "SELECT count(*) FROM message_sender.%s", what);
}

static const char *state_of(unsigned tag)
{
	return harness_sql_text(&h,
				"SELECT concat_ws(' ', m.state, w.state, w.attempt, w.attempt_open)"
				" FROM message_sender.message m LEFT JOIN message_sender.work w"
				" USING (message_id) WHERE m.message_id = '%s'",
				harness_id(&h, tag));
}

static const char *attempts_of(unsigned tag)
{
	return harness_sql_text(&h,
				"SELECT coalesce(string_agg(concat_ws(' ', attempt, outcome, code),"
				" ', ' ORDER BY attempt), '') FROM message_sender.attempt"
				" WHERE message_id = '%s'",
				harness_id(&h, tag));
}

/* What a server that was promoted finds in its copy. */
static void fail_over(void)
{
	harness_sql_text(&h, "UPDATE message_sender.beacon SET timeline = timeline - 1");
}

static bool is_away(struct harness *harness, void *arg)
{
	(void)arg;
	return !store_ready(harness->store);
}

static void reconnect(void)
{
	harness_sql_text(&h, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
			     " WHERE application_name = 'store-test'");
	harness_until(&h, 3000, is_away, NULL);
	harness_until_ready(&h, 5000);
}

/* Changes the lanes; how many are ours then. */
static int take_all(unsigned tag)
{
	const struct store_lanes all = { .take = ALL };

	store_lanes(h.store, tag, &all);
	harness_until_done(&h, h.done_count + 1, 3000);
	ck_assert_int_eq(h.done[tag].verdict, STORE_DONE);
	for (unsigned i = 0; i < h.view.count; i++)
		if (message_id_equal(h.view.live[i].id, h.incarnation))
			return __builtin_popcountll(h.view.live[i].lanes);
	return -1;
}

static void accept_now(unsigned tag, bool begin)
{
	harness_accept(&h, tag, begin);
	harness_until_done(&h, h.done_count + 1, 3000);
}

static void end_now(unsigned tag, struct store_outcome outcome)
{
	store_outcome(h.store, tag, &outcome);
	harness_until_done(&h, h.done_count + 1, 3000);
	ck_assert_int_eq(h.done[tag].verdict, STORE_DONE);
}

static struct store_outcome refused(unsigned message)
{
	struct store_outcome row = harness_outcome(&h, message);

	row.outcome = OUTCOME_REFUSED;
	row.wamid = "";
	row.code = 131016;
	row.next = STORE_NEXT_RETRY;
	row.due_wall_us = clock_wall_us() + 60000000;
	return row;
}

static bool all_marked(struct harness *harness, void *arg)
{
	(void)arg;
	return harness_sql_long(harness, "SELECT count(*) FROM message_sender.restore"
					 " WHERE NOT marked") == 0;
}

/* With a look at the lanes, as workers do all the time; then the writer looks at its upkeep. */
static void until_marked(void)
{
	(void)take_all(500);
	harness_run_for(&h, 1000);
	(void)take_all(501);
	harness_until(&h, 5000, all_marked, NULL);
}

static const char *release_all(void)
{
	return harness_sql_text(&h, "SELECT message_sender.release_lanes('tester', 'looked')");
}

static void tell_violation(void *arg, const struct check_result *result)
{
	(void)arg;
	ck_assert_msg(result->count == 0, "%s: %s", result->name, result->samples[0]);
}

static void expect_consistent(void)
{
	unsigned violated = 0;
	struct err err;

	ck_assert_int_eq(check_run(harness_url(), tell_violation, NULL, &violated, &err), 0);
}

START_TEST(who_serves_first_lights_the_beacon)
{
	serve();
	ck_assert_int_eq(count("beacon b, message_sender.server_identity() s"
			       " WHERE b.system_identifier = s.system_identifier"
			       " AND b.timeline = s.timeline"),
			 1);
	ck_assert(store_beacon(h.store)->any);
	ck_assert_str_eq(store_noticed(h.store), "");
	ck_assert_int_eq(take_all(0), 64);
	reconnect();
	ck_assert_str_eq(store_noticed(h.store), "");
	ck_assert_int_eq(harness_sql_long(&h, RESTORES), 0);
}
END_TEST

static bool has_ticked(struct harness *harness, void *arg)
{
	return store_beacon(harness->store)->ticks > *(int64_t *)arg;
}

/* What is remembered is what the database has. */
START_TEST(it_ticks_and_that_is_remembered)
{
	int64_t before;

	serve();
	before = store_beacon(h.store)->ticks;
	for (unsigned i = 0; i < 4; i++) { /* as lanes do: the writer looks at its upkeep then */
		(void)take_all(i);
		harness_run_for(&h, 500);
	}
	harness_until(&h, 3000, has_ticked, &before);
	ck_assert_int_eq(harness_sql_long(&h, "SELECT ticks FROM message_sender.beacon"),
			 store_beacon(h.store)->ticks);
}
END_TEST

/* Each a change of the beacon, or of what is remembered, that is noticed by a new life. */
static const struct {
	const char *change;
	int64_t known; /* ticks more than there are; 0: nothing remembered */
	const char *why;
} changes[] = {
	{ "timeline = timeline - 1", 0, "failed over" },
	{ "timeline = timeline + 1", 0, "failed over" },
	{ "system_identifier = system_identifier - 1", 0, "another PostgreSQL cluster" },
	{ "ticks = ticks", 1, "an earlier copy" },
};

static void change_beacon(const char *change, int64_t known)
{
	h.known = *store_beacon(h.store);
	store_free(h.store);
	loop_free(h.loop);
	h.loop = loop_new(&(struct err){ .text = "" });
	harness_sql_text(&h, "UPDATE message_sender.beacon SET %s", change);
	h.known.any = known > 0;
	h.known.ticks = harness_sql_long(&h, "SELECT ticks FROM message_sender.beacon") + known;
	random_bytes(h.incarnation.bytes, sizeof(h.incarnation.bytes));
}

START_TEST(a_new_life_notices_and_holds_the_lanes)
{
	serve();
	ck_assert_int_eq(take_all(0), 64);
	change_beacon(changes[_i].change, changes[_i].known);
	serve();
	ck_assert_msg(strstr(store_noticed(h.store), changes[_i].why) != NULL, "%s",
		      store_noticed(h.store));
	ck_assert_int_eq(take_all(1), 0);
	ck_assert(h.view.held);
	ck_assert_uint_eq(h.view.count, 1); /* the life of before is fenced */
	ck_assert_int_gt(store_beacon(h.store)->ticks, INT64_C(1) << 31);
	until_marked();
	ck_assert_str_eq(release_all(), "0");
	ck_assert_int_eq(take_all(2), 64);
	ck_assert(!h.view.held);
	reconnect(); /* once is enough */
	ck_assert_int_eq(harness_sql_long(&h, RESTORES), 1);
	ck_assert_int_eq(take_all(3), 64);
}
END_TEST

START_TEST(what_is_as_remembered_is_no_restore)
{
	serve();
	change_beacon("ticks = ticks", 1);
	h.known.ticks--;
	serve();
	ck_assert_str_eq(store_noticed(h.store), "");
	ck_assert_int_eq(take_all(0), 64);
}
END_TEST

START_TEST(a_life_that_goes_on_begins_nothing_after_it)
{
	serve();
	ck_assert_int_eq(take_all(0), 64);
	fail_over();
	reconnect();
	ck_assert_str_ne(store_noticed(h.store), "");
	accept_now(1, true);
	ck_assert_int_eq(h.done[1].verdict, STORE_NOT_BEGUN);
	ck_assert_int_eq(take_all(2), -1);
	ck_assert(h.view.fenced);
	ck_assert_int_eq(count("work WHERE attempt_open"), 0);
}
END_TEST

/* A batch that waits for the connection goes out only after the comparison. */
START_TEST(what_waited_for_the_connection_does_not_begin)
{
	serve();
	ck_assert_int_eq(take_all(0), 64);
	fail_over();
	harness_sql_text(&h, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
			     " WHERE application_name = 'store-test'");
	for (unsigned tag = 1; tag <= 20; tag++)
		harness_accept(&h, tag, true);
	harness_until_done(&h, 21, 5000);
	ck_assert_int_eq(count("work WHERE attempt_open OR attempt > 0"), 0);
	ck_assert_int_eq(harness_sql_long(&h, RESTORES), 1);
}
END_TEST

/* Restored to before it was born: it is not registered again. */
START_TEST(a_life_the_database_does_not_know_begins_nothing)
{
	serve();
	harness_sql_text(&h, "DELETE FROM message_sender.incarnation");
	reconnect();
	accept_now(0, true);
	ck_assert_int_eq(h.done[0].verdict, STORE_NOT_BEGUN);
	ck_assert_int_eq(count("incarnation"), 0);
}
END_TEST

START_TEST(one_of_all_notices)
{
	static const char notice[] =
		"SELECT count(*) FILTER (WHERE found) FROM (SELECT message_sender.restored(b.id,"
		" b.system_identifier, b.timeline, b.ticks, b.ticks + 1000, 'x') AS found"
		" FROM (SELECT * FROM message_sender.beacon) AS b, generate_series(1, 3)) AS t";

	serve();
	ck_assert_int_eq(harness_sql_long(&h, notice), 1);
	ck_assert_int_eq(harness_sql_long(&h, RESTORES), 1);
}
END_TEST

START_TEST(what_was_unfinished_becomes_unknown)
{
	serve();
	accept_now(0, false); /* queued */
	accept_now(1, true);  /* under way */
	accept_now(2, true);
	end_now(3, refused(2)); /* to be tried again */
	accept_now(4, true);
	end_now(5, harness_outcome(&h, 4)); /* sent */
	fail_over();
	reconnect();
	accept_now(6, false); /* after it */
	until_marked();
	ck_assert_str_eq(state_of(0), "unknown unknown 1 f");
	ck_assert_str_eq(attempts_of(0), "1 lost -13");
	ck_assert_str_eq(state_of(1), "unknown unknown 1 f");
	ck_assert_str_eq(attempts_of(1), "1 lost -13");
	ck_assert_str_eq(state_of(2), "unknown unknown 2 f");
	ck_assert_str_eq(attempts_of(2), "1 refused 131016, 2 lost -13");
	ck_assert_str_eq(state_of(4), "sent");
	ck_assert_str_eq(state_of(6), "queued queued 0 f");
	expect_consistent();
	ck_assert_str_eq(release_all(), "3");
}
END_TEST

/* More than one portion. */
START_TEST(a_release_waits_until_all_is_marked)
{
	serve();
	harness_sql_text(&h, "INSERT INTO message_sender.message (message_id, tenant_id, outlet_id,"
			     " recipient, message_type, payload, sender_type, state, accepted_at)"
			     " SELECT gen_random_uuid(), 't', 'o', '+62812', 'text', '{}', 'llm',"
			     " 'queued', now() FROM generate_series(1, 1200)");
	harness_sql_text(&h,
			 "INSERT INTO message_sender.work (message_id, tenant_id, lane, seq, state,"
			 " caller_waits, attempt, attempt_open, due_at, expires_at, queue)"
			 " SELECT message_id, 't', 7, nextval('message_sender.work_seq'), 'queued',"
			 " false, 0, false, now(), now() + interval '1 day', 1"
			 " FROM message_sender.message");
	store_free(h.store);
	h.store = NULL;
	harness_sql_text(&h, "SELECT message_sender.restored(id, system_identifier, timeline,"
			     " ticks, ticks + 1000, 'x') FROM message_sender.beacon");
	ck_assert_int_eq(harness_sql_long(&h, "SELECT message_sender.mark_restored(500)"), 500);
	ck_assert_int_eq(count("work WHERE state = 'unknown'"), 500);
	ck_assert_str_eq(release_all(), "-1");
	ck_assert_int_eq(harness_sql_long(&h, "SELECT message_sender.lanes_held()::int"), 1);
	ck_assert_int_eq(count("work WHERE state = 'unknown'"), 500);
	for (int last = 700; last > 0; last -= 500)
		ck_assert_int_eq(harness_sql_long(&h, "SELECT message_sender.mark_restored(500)"),
				 last < 500 ? last : 500);
	ck_assert_str_eq(release_all(), "-1"); /* until it is seen that nothing is left */
	ck_assert_int_eq(harness_sql_long(&h, "SELECT message_sender.mark_restored(500)"), 0);
	ck_assert_str_eq(release_all(), "1200");
	ck_assert_int_eq(count("work WHERE state = 'unknown'"), 1200);
	ck_assert_int_eq(count("message WHERE state = 'unknown' AND attempts = 1"), 1200);
	ck_assert_str_eq(harness_sql_text(&h, "SELECT released_by || ': ' || release_note"
					      " FROM message_sender.hold"),
			 "tester: looked");
	ck_assert_str_eq(release_all(), "");
	expect_consistent();
}
END_TEST

/* Facts that come later: of the attempt that was under way, and of one that the database had
 * lost. */
START_TEST(what_comes_to_be_known_counts)
{
	serve();
	accept_now(0, true);
	accept_now(1, true);
	accept_now(2, false);
	accept_now(3, false);
	fail_over();
	reconnect();
	until_marked();
	for (unsigned i = 0; i < 4; i++) {
		struct store_outcome row = i % 2 ? refused(i) : harness_outcome(&h, i);

		row.incarnation = h.incarnation;
		end_now(10 + i, row);
		ck_assert_str_eq(attempts_of(i), i % 2 ? "1 refused 131016" : "1 accepted");
		ck_assert_str_eq(state_of(i), i % 2 ? "retrying retrying 1 f" : "sent");
	}
	expect_consistent();
}
END_TEST

START_TEST(a_decision_goes_on_with_it_as_with_any_unknown)
{
	serve();
	accept_now(0, false);
	fail_over();
	reconnect();
	until_marked();
	ck_assert_str_eq(harness_sql_text(&h,
					  "SELECT message_sender.resolve('%s', 'resend', 'w', 'b',"
					  " NULL)",
					  harness_id(&h, 0)),
			 "");
	ck_assert_str_eq(state_of(0), "retrying retrying 1 f");
	expect_consistent();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store_restore");
	TCase *tcase = tcase_create("restore");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, who_serves_first_lights_the_beacon);
	tcase_add_test(tcase, it_ticks_and_that_is_remembered);
	tcase_add_loop_test(tcase, a_new_life_notices_and_holds_the_lanes, 0,
			    sizeof(changes) / sizeof(changes[0]));
	tcase_add_test(tcase, what_is_as_remembered_is_no_restore);
	tcase_add_test(tcase, a_life_that_goes_on_begins_nothing_after_it);
	tcase_add_test(tcase, what_waited_for_the_connection_does_not_begin);
	tcase_add_test(tcase, a_life_the_database_does_not_know_begins_nothing);
	tcase_add_test(tcase, one_of_all_notices);
	tcase_add_test(tcase, what_was_unfinished_becomes_unknown);
	tcase_add_test(tcase, a_release_waits_until_all_is_marked);
	tcase_add_test(tcase, what_comes_to_be_known_counts);
	tcase_add_test(tcase, a_decision_goes_on_with_it_as_with_any_unknown);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
