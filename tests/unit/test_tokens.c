/* Outlets whose token Meta refuses: held, probed, released. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "delivery_house.h"

#define HOLD 7

static void learn(struct hold *holds, unsigned count)
{
	static int64_t version = 1;

	fake_holds(++version, holds, count);
	turn();
}

static struct hold token_hold(int id, const char *tenant, const char *outlet, int64_t since_ms)
{
	struct hold h = { .id = id,
			  .scope = HOLD_OUTLET,
			  .reason = HOLD_TOKEN,
			  .number = "100",
			  .set_wall_us = clock_wall_us() - 1000 * since_ms };

	text_copy_cut(h.tenant_id, sizeof(h.tenant_id), tenant);
	text_copy_cut(h.outlet_id, sizeof(h.outlet_id), outlet);
	return h;
}

/* The outlet of all messages is held for its token of number 100 since so long. */
static void hold_outlet(int64_t since_ms)
{
	struct hold h = token_hold(HOLD, "tenant-0", "outlet", since_ms);

	learn(&h, 1);
}

static struct delivery_order order(unsigned n, bool waits)
{
	static struct message messages[16];
	struct delivery_order o;

	messages[n] = message_of(n);
	o = order_of(&messages[n]);
	o.waiter.waits = waits;
	return o;
}

static void token_is(const char *token)
{
	fake.answers_at_once = true;
	text_copy_cut(fake.credentials.number, sizeof(fake.credentials.number), "100");
	text_copy_cut(fake.credentials.token, sizeof(fake.credentials.token), token);
}

/* A message nobody waits for is refused for its token. */
static void refuse_unwaited(unsigned n)
{
	const struct delivery_order o = order(n, false);

	take(&o);
	commit_begin();
	answer_code(401, 190);
	ck_assert_int_eq(last_outcome()->row.next, STORE_NEXT_RETRY);
	ck_assert_uint_eq(last_outcome()->row.counted, 0);
	commit_outcome();
	turn_for(5);
}

START_TEST(nobody_waits_so_the_outlet_is_held_and_nothing_fails)
{
	token_is("token-1"); /* the same as before */
	refuse_unwaited(1);
	ck_assert_uint_eq(fake.lookup_count, 1);
	ck_assert_str_eq(fake.lookups[0].refused, "token-1");
	ck_assert_uint_eq(fake.hold_count, 1);
	ck_assert_int_eq(fake.held.scope, HOLD_OUTLET);
	ck_assert_int_eq(fake.held.reason, HOLD_TOKEN);
	ck_assert_str_eq(fake.held.tenant_id, "tenant-0");
	ck_assert_str_eq(fake.held.outlet_id, "outlet");
	ck_assert_str_eq(fake.held.number, "100");
	ck_assert_ptr_nonnull(strstr(fake.held_note, "Meta's code 190: "));
	ck_assert_uint_eq(fake.begin_count, 1);
	ck_assert_uint_eq(fake.defer_count, 0);
	hold_outlet(0);
	turn_until(&fake.defer_count, 1);
	ck_assert_int_eq(fake.defers[0].row.hold, HOLD);
	commit_defer();
	ck_assert_uint_eq(delivery_busy(house.d), 0);
}
END_TEST

START_TEST(a_changed_token_is_tried_before_the_outlet_is_held)
{
	token_is("token-2");
	refuse_unwaited(1);
	turn_until(&fake.begin_count, 2);
	ck_assert_uint_eq(fake.hold_count, 0);
	commit_begin();
	ck_assert_str_eq(fake.sends[1].credentials.token, "token-2");
	answer_code(401, 190);
	ck_assert_int_eq(last_outcome()->row.next, STORE_NEXT_RETRY);
	commit_outcome();
	turn_until(&fake.hold_count, 1);
	ck_assert_uint_eq(fake.begin_count, 2);
}
END_TEST

START_TEST(who_waits_is_told_that_it_failed)
{
	const struct delivery_order o = order(1, true);

	token_is("token-1");
	take(&o);
	commit_begin();
	answer_code(401, 190);
	commit_outcome();
	turn_until(&fake.defer_count, 1);
	ck_assert(fake.defers[0].row.failed);
	ck_assert_int_eq(fake.defers[0].row.failure_code, 190);
	commit_defer();
	expect_told(DELIVERY_FAILED);
	ck_assert_uint_eq(fake.hold_count, 0);
	expect_over();
}
END_TEST

START_TEST(many_refused_at_once_ask_once)
{
	token_is("token-1");
	for (unsigned n = 1; n <= 3; n++)
		refuse_unwaited(n);
	ck_assert_uint_eq(fake.hold_count, 1);
}
END_TEST

START_TEST(a_held_outlet_holds_who_does_not_wait_and_no_other)
{
	struct delivery_order o = order(1, false);
	struct message m = message_of(9);
	struct delivery_place *place;

	hold_outlet(0);
	take(&o);
	ck_assert_uint_eq(fake.begin_count, 0);
	turn_until(&fake.defer_count, 1);
	ck_assert_int_eq(fake.defers[0].row.hold, HOLD);
	commit_defer();
	ck_assert_ptr_null(delivery_reserve(house.d, &m, "100", false));
	place = delivery_reserve(house.d, &m, "100", true);
	ck_assert_ptr_nonnull(place);
	delivery_give_back(house.d, place);
	o = order(2, true);
	take(&o);
	turn_until(&fake.begin_count, 1);
	commit_begin();
	answer_accepted();
	ck_assert_uint_eq(fake.release_count, 1); /* as good as a probe */
	ck_assert_int_eq(fake.released_hold, HOLD);
}
END_TEST

/* They send from the same number; in order one is before ours, one behind. */
START_TEST(what_other_outlets_are_held_for_does_not_hold_ours)
{
	struct hold holds[] = {
		token_hold(8, "tenant-0", "another", 0),
		token_hold(9, "tenant-1", "outlet", 0),
	};
	const struct delivery_order o = order(1, false);

	token_is("token-1");
	learn(holds, 2);
	take(&o);
	turn_until(&fake.begin_count, 1);
	commit_begin();
	answer_accepted();
	ck_assert_uint_eq(fake.release_count, 0);
}
END_TEST

START_TEST(a_success_releases_its_outlet_and_no_other)
{
	struct hold holds[] = {
		token_hold(8, "tenant-0", "another", 0),
		token_hold(HOLD, "tenant-0", "outlet", 0),
		token_hold(9, "tenant-1", "outlet", 0),
	};
	const struct delivery_order o = order(1, true);

	token_is("token-1");
	learn(holds, 3);
	take(&o);
	turn_until(&fake.begin_count, 1);
	commit_begin();
	answer_accepted();
	ck_assert_uint_eq(fake.release_count, 1);
	ck_assert_int_eq(fake.released_hold, HOLD);
}
END_TEST

/* The probe's row is message 1. */
static void probe(void)
{
	struct message m = message_of(1);
	struct store_work row = row_of(1, STATE_RETRYING, &m);

	ck_assert_int_eq(fake.probed_hold, HOLD);
	row.attempt = 1;
	row.number = "100";
	fake_probe(&row);
	turn_for(5);
}

START_TEST(a_probe_comes_in_time)
{
	const int64_t began_ms = clock_boot_ms();

	hold_outlet(0);
	ck_assert_uint_eq(fake.probe_count, 0);
	turn_until(&fake.holds_count, 2); /* a second later */
	fake_holds(fake.holds_version, NULL, 0);
	turn_until(&fake.probe_count, 1);
	ck_assert_int_ge(clock_boot_ms() - began_ms, 900);
}
END_TEST

START_TEST(a_probe_that_is_accepted_releases)
{
	token_is("token-2");
	hold_outlet(5000);
	turn_until(&fake.probe_count, 1);
	probe();
	turn_until(&fake.begin_count, 1);
	ck_assert_uint_eq(fake.begins[0].attempt, 2);
	commit_begin();
	ck_assert_str_eq(fake.sends[0].credentials.token, "token-2");
	answer_accepted();
	ck_assert_uint_eq(fake.release_count, 1);
	ck_assert_int_eq(fake.released_hold, HOLD);
	commit_outcome();
	ck_assert_uint_eq(delivery_busy(house.d), 0);
}
END_TEST

START_TEST(a_probe_that_is_refused_goes_back)
{
	token_is("token-1");
	hold_outlet(5000);
	turn_until(&fake.probe_count, 1);
	probe();
	turn_until(&fake.begin_count, 1);
	commit_begin();
	answer_code(401, 190);
	ck_assert_int_eq(last_outcome()->row.next, STORE_NEXT_RETRY);
	ck_assert_uint_eq(last_outcome()->row.counted, 0);
	commit_outcome();
	turn_until(&fake.defer_count, 1);
	ck_assert_int_eq(fake.defers[0].row.hold, HOLD);
	commit_defer();
	ck_assert_uint_eq(fake.release_count, 0);
	ck_assert_uint_eq(delivery_busy(house.d), 0);
}
END_TEST

/* The second look finds the same token: no call; a new one is tried at once. */
START_TEST(a_refused_token_is_not_tried_again_soon_but_another_is)
{
	house_settings.token_probe_ms = 300;
	house_reopen();
	load(NULL);
	token_is("token-1");
	hold_outlet(5000);
	turn_until(&fake.probe_count, 1);
	probe();
	commit_begin();
	answer_code(401, 190);
	commit_outcome();
	commit_defer();
	turn_for(310);
	fake_holds(fake.holds_version, NULL, 0);
	turn_until(&fake.probe_count, 2);
	probe(); /* 300 ms are over: once more */
	commit_begin();
	answer_code(401, 190);
	commit_outcome();
	commit_defer();
	turn_for(310);
	fake_holds(fake.holds_version, NULL, 0);
	turn_until(&fake.probe_count, 3);
	probe(); /* 600 ms are not */
	turn_until(&fake.defer_count, 3);
	ck_assert_int_eq(fake.defers[2].row.hold, HOLD);
	ck_assert_uint_eq(fake.begin_count, 2);
	commit_defer();
	token_is("token-2");
	turn_for(310);
	fake_holds(fake.holds_version, NULL, 0);
	turn_until(&fake.probe_count, 4);
	probe();
	ck_assert_uint_eq(fake.begin_count, 3);
}
END_TEST

START_TEST(who_takes_lanes_over_does_not_probe_at_once)
{
	token_is("token-1");
	house_lanes(0);
	hold_outlet(5000);
	house_lanes(~UINT64_C(0));
	load(NULL);
	fake_holds(fake.holds_version, NULL, 0);
	turn_for(20);
	ck_assert_uint_eq(fake.probe_count, 0);
}
END_TEST

START_TEST(a_refusal_for_another_reason_shows_that_the_token_works)
{
	token_is("token-1");
	hold_outlet(5000);
	turn_until(&fake.probe_count, 1);
	probe();
	commit_begin();
	answer_code(400, 131026);
	ck_assert_uint_eq(fake.release_count, 1);
}
END_TEST

START_TEST(trouble_shows_nothing)
{
	token_is("token-1");
	hold_outlet(5000);
	turn_until(&fake.probe_count, 1);
	probe();
	commit_begin();
	answer_code(503, 2);
	commit_outcome();
	ck_assert_uint_eq(fake.release_count, 0);
}
END_TEST

START_TEST(an_outlet_with_another_number_is_released)
{
	struct message m = message_of(1);
	struct store_work row = row_of(1, STATE_QUEUED, &m);

	token_is("token-2");
	text_copy_cut(fake.credentials.number, sizeof(fake.credentials.number), "200");
	hold_outlet(5000);
	turn_until(&fake.probe_count, 1);
	fake_probe(&row);
	turn_until(&fake.begin_count, 1);
	ck_assert_str_eq(fake.begins[0].number, "200");
	ck_assert_uint_eq(fake.release_count, 1);
}
END_TEST

START_TEST(a_pause_holds_a_probe_too)
{
	struct hold holds[] = {
		{ .id = 8, .scope = HOLD_TENANT, .tenant_id = "tenant-0" },
		token_hold(HOLD, "tenant-0", "outlet", 5000),
	};

	token_is("token-2");
	learn(holds, 2);
	turn_until(&fake.probe_count, 1);
	probe();
	ck_assert_uint_eq(fake.begin_count, 0);
	ck_assert_uint_eq(fake.defer_count, 1);
	ck_assert_int_eq(fake.defers[0].row.hold, 8);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tokens");
	TCase *tcase = tcase_create("tokens");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, house_open, house_close);
	tcase_add_test(tcase, nobody_waits_so_the_outlet_is_held_and_nothing_fails);
	tcase_add_test(tcase, a_changed_token_is_tried_before_the_outlet_is_held);
	tcase_add_test(tcase, who_waits_is_told_that_it_failed);
	tcase_add_test(tcase, many_refused_at_once_ask_once);
	tcase_add_test(tcase, a_held_outlet_holds_who_does_not_wait_and_no_other);
	tcase_add_test(tcase, what_other_outlets_are_held_for_does_not_hold_ours);
	tcase_add_test(tcase, a_success_releases_its_outlet_and_no_other);
	tcase_add_test(tcase, a_probe_comes_in_time);
	tcase_add_test(tcase, a_probe_that_is_accepted_releases);
	tcase_add_test(tcase, a_probe_that_is_refused_goes_back);
	tcase_add_test(tcase, a_refused_token_is_not_tried_again_soon_but_another_is);
	tcase_add_test(tcase, who_takes_lanes_over_does_not_probe_at_once);
	tcase_add_test(tcase, a_refusal_for_another_reason_shows_that_the_token_works);
	tcase_add_test(tcase, trouble_shows_nothing);
	tcase_add_test(tcase, an_outlet_with_another_number_is_released);
	tcase_add_test(tcase, a_pause_holds_a_probe_too);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
