/* The gate: what begins, what is written down as held, and what comes back. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "delivery_house.h"
#include "slowness.h"

static struct hold tenant_hold(int id)
{
	return (struct hold){ .id = id, .scope = HOLD_TENANT, .tenant_id = "tenant-0" };
}

static struct hold number_hold(int id, const char *number)
{
	struct hold hold = { .id = id, .scope = HOLD_NUMBER };

	text_copy_cut(hold.number, sizeof(hold.number), number);
	return hold;
}

/* These are in force from now on. */
static void hold(struct hold *holds, unsigned count)
{
	static int64_t version = 1;

	fake_holds(++version, holds, count);
	turn();
}

/* Message n of a tenant whose messages are held; nobody waits for it. */
static void take_unwaited(unsigned n)
{
	const struct message m = message_of(n);
	struct delivery_order order = order_of(&m);

	order.waiter.waits = false;
	take(&order);
}

/* The store has nothing (more) that is held no longer. */
static void loads_end(void)
{
	static unsigned ended;

	while (ended < fake.held_load_count) {
		ended = fake.held_load_count;
		fake_held(NULL, false);
	}
	turn();
}

static void expect_shelved(unsigned count, int id)
{
	ck_assert_uint_eq(fake.defer_count, count);
	ck_assert_int_eq(fake.defers[count - 1].row.hold, id);
	ck_assert(!fake.defers[count - 1].row.failed);
	ck_assert_uint_eq(fake.begin_count, 0);
}

START_TEST(a_held_message_is_written_down_and_leaves)
{
	struct hold h = tenant_hold(7);

	hold(&h, 1);
	take_unwaited(1);
	expect_shelved(1, 7);
	ck_assert_uint_eq(fake.lookup_count, 0);
	commit_defer();
	ck_assert_uint_eq(delivery_busy(house.d), 0);
}
END_TEST

START_TEST(nothing_begins_with_the_accept_while_it_is_held)
{
	struct hold h = number_hold(7, "100");
	struct message m = message_of(1);
	struct delivery_place *place;

	hold(&h, 1);
	ck_assert_ptr_null(delivery_reserve(house.d, &m, "100", true));
	place = delivery_reserve(house.d, &m, "101", true);
	ck_assert_ptr_nonnull(place);
	delivery_give_back(house.d, place);
}
END_TEST

/* It has passed the gate before its number was known. */
START_TEST(a_number_that_is_held_begins_nothing)
{
	struct hold h = number_hold(7, "100");
	struct message m = message_of(1);
	struct store_work row = row_of(1, STATE_QUEUED, &m);

	hold(&h, 1);
	fake.answers_at_once = true;
	text_copy_cut(fake.credentials.number, sizeof(fake.credentials.number), "100");
	load(&row);
	turn_until(&fake.defer_count, 1);
	expect_shelved(1, 7);
	commit_defer();
	ck_assert_uint_eq(delivery_busy(house.d), 0);
}
END_TEST

START_TEST(nothing_begins_before_the_holds_are_known)
{
	struct message m = message_of(1);
	struct delivery_order order = order_of(&m);

	house_knows_holds = false;
	house_reopen();
	load(NULL);
	ck_assert_ptr_null(delivery_reserve(house.d, &m, "100", true));
	take(&order);
	turn_for(20);
	ck_assert_uint_eq(fake.begin_count, 0);
	ck_assert_uint_eq(fake.defer_count, 0);
	hold(NULL, 0);
	turn_until(&fake.begin_count, 1);
}
END_TEST

START_TEST(attempts_under_way_are_finished)
{
	struct hold h = tenant_hold(7);

	take_and_call(1);
	hold(&h, 1);
	answer_accepted();
	commit_outcome();
	expect_told(DELIVERY_SENT);
	ck_assert_uint_eq(delivery_busy(house.d), 0);
}
END_TEST

START_TEST(the_next_attempt_is_held)
{
	struct hold h = tenant_hold(7);

	take_and_call(1);
	hold(&h, 1);
	answer_code(500, 0);
	commit_outcome();
	turn_until(&fake.defer_count, 1);
	ck_assert_int_eq(fake.defers[0].row.hold, 7);
	ck_assert_uint_eq(fake.begin_count, 1);
}
END_TEST

/* Whoever waits is not told; when it is held no more, it is sent and told. */
START_TEST(who_waits_for_a_held_message_goes_on_waiting)
{
	struct hold h = tenant_hold(7);
	struct message m = message_of(1);
	struct delivery_order order = order_of(&m);
	struct store_work row = row_of(1, STATE_QUEUED, &m);

	hold(&h, 1);
	take(&order);
	expect_shelved(1, 7);
	commit_defer();
	expect_not_told();
	ck_assert_uint_eq(delivery_busy(house.d), 1);
	hold(NULL, 0);
	fake_held(&row, false);
	loads_end();
	ck_assert_uint_eq(fake.begin_count, 1);
	commit_begin();
	answer_accepted();
	commit_outcome();
	expect_told(DELIVERY_SENT);
	ck_assert_uint_eq(delivery_busy(house.d), 0);
}
END_TEST

START_TEST(when_nobody_waits_any_more_it_leaves)
{
	struct hold h = tenant_hold(7);
	struct message m = message_of(1);
	struct delivery_order order = order_of(&m);

	hold(&h, 1);
	order.waiter.until_boot_ms = clock_boot_ms() + 30 * slowness();
	take(&order);
	commit_defer();
	ck_assert_uint_eq(delivery_busy(house.d), 1);
	turn_for(60 * slowness());
	ck_assert_uint_eq(delivery_busy(house.d), 0);
}
END_TEST

/* H3: what comes while the released is being loaded does not overtake it. */
START_TEST(what_was_released_goes_first)
{
	struct hold h = tenant_hold(7);
	struct message first = message_of(1);
	struct message second = message_of(2);
	struct store_work row = row_of(1, STATE_QUEUED, &first);
	struct delivery_order order = order_of(&second);

	second.recipient = first.recipient;
	hold(&h, 1);
	hold(NULL, 0);
	take(&order);
	turn_for(20);
	ck_assert_uint_eq(fake.begin_count, 0);
	fake.answers_at_once = true;
	fake_held(&row, false);
	loads_end();
	turn_until(&fake.begin_count, 1);
	ck_assert(message_id_equal(fake.begins[0].id, first.id));
	commit_begin();
	answer_accepted();
	turn_until(&fake.begin_count, 2);
	ck_assert(message_id_equal(fake.begins[1].id, second.id));
}
END_TEST

START_TEST(a_page_is_followed_by_the_next)
{
	const unsigned loads = fake.held_load_count;

	fake_held(NULL, true);
	ck_assert_uint_eq(fake.held_load_count, loads + 1);
	hold(NULL, 0); /* what is under way may have missed it */
	fake_held(NULL, false);
	ck_assert_uint_eq(fake.held_load_count, loads + 2);
	fake_held(NULL, false);
	turn();
	ck_assert_uint_eq(fake.held_load_count, loads + 2);
}
END_TEST

START_TEST(a_message_whose_validity_is_over_is_ended_though_held)
{
	struct hold h = tenant_hold(7);
	struct message m = message_of(1);
	struct store_work row = row_of(1, STATE_QUEUED, &m);

	hold(&h, 1);
	row.expires_wall_us = clock_wall_us() - 1;
	fake_held(&row, false);
	fake_held(NULL, false);
	turn_until(&fake.defer_count, 1);
	ck_assert(fake.defers[0].row.failed);
	ck_assert_int_eq(fake.defers[0].row.failure_code, GRAPH_CASE_EXPIRED);
}
END_TEST

START_TEST(a_bell_makes_it_look_at_once)
{
	const unsigned looks = fake.holds_count;

	fake_rung("h");
	turn();
	ck_assert_uint_eq(fake.holds_count, looks + 1);
}
END_TEST

/* A lost bell costs a second at most. */
START_TEST(it_looks_every_second)
{
	const unsigned looks = fake.holds_count;
	int64_t began_ms;

	turn_until(&fake.holds_count, looks + 1);
	hold(NULL, 0);
	began_ms = clock_boot_ms();
	turn_until(&fake.holds_count, looks + 2);
	ck_assert_int_ge(clock_boot_ms() - began_ms, 900);
	ck_assert_int_le(clock_boot_ms() - began_ms, 1900 * slowness());
}
END_TEST

START_TEST(a_drain_lets_go_of_what_is_held)
{
	struct hold h = tenant_hold(7);
	struct message m = message_of(1);
	struct delivery_order order = order_of(&m);

	hold(&h, 1);
	take(&order);
	commit_defer();
	delivery_drain(house.d);
	turn();
	expect_told(DELIVERY_RELEASED);
	ck_assert_uint_eq(delivery_busy(house.d), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("holds");
	TCase *tcase = tcase_create("holds");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, house_open, house_close);
	tcase_add_test(tcase, a_held_message_is_written_down_and_leaves);
	tcase_add_test(tcase, nothing_begins_with_the_accept_while_it_is_held);
	tcase_add_test(tcase, a_number_that_is_held_begins_nothing);
	tcase_add_test(tcase, nothing_begins_before_the_holds_are_known);
	tcase_add_test(tcase, attempts_under_way_are_finished);
	tcase_add_test(tcase, the_next_attempt_is_held);
	tcase_add_test(tcase, who_waits_for_a_held_message_goes_on_waiting);
	tcase_add_test(tcase, when_nobody_waits_any_more_it_leaves);
	tcase_add_test(tcase, what_was_released_goes_first);
	tcase_add_test(tcase, a_page_is_followed_by_the_next);
	tcase_add_test(tcase, a_message_whose_validity_is_over_is_ended_though_held);
	tcase_add_test(tcase, a_bell_makes_it_look_at_once);
	tcase_add_test(tcase, it_looks_every_second);
	tcase_add_test(tcase, a_drain_lets_go_of_what_is_held);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
