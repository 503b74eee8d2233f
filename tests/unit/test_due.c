/* What is due later: the hours in which attempts may begin, and the taking back of what is
 * scheduled. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "delivery/item.h"
#include "delivery_house.h"
#include "domain/window.h"

#define SECOND_US INT64_C(1000000)
#define MINUTE_US (60 * SECOND_US)
#define DAY_MIN 1440

/* Hours in UTC that begin so many minutes from now, and have two. */
static const char *hours_in(int minutes)
{
	static char text[WINDOW_TEXT_BYTES];
	const int64_t now_min = clock_wall_us() / MINUTE_US + minutes + DAY_MIN;
	const struct window w = {
		.from_min = (unsigned)(now_min % DAY_MIN),
		.to_min = (unsigned)((now_min + 2) % DAY_MIN),
		.zone = "UTC",
	};

	window_write(&w, text);
	return text;
}

static void take_with_hours(int begin_in_min, int64_t valid_us)
{
	struct message m = message_of(1);
	struct delivery_order order;

	m.deliver_between = hours_in(begin_in_min);
	order = order_of(&m);
	order.expires_wall_us = clock_wall_us() + valid_us;
	take(&order);
}

START_TEST(inside_its_hours_it_begins)
{
	take_with_hours(_i, 3600 * SECOND_US);
	ck_assert_uint_eq(fake.begin_count, 1);
	ck_assert_uint_eq(fake.defer_count, 0);
}
END_TEST

/* It is put off until they begin, in the store. */
START_TEST(outside_its_hours_it_is_put_off_until_they_begin)
{
	const int64_t now_us = clock_wall_us();
	const int64_t begin_us = (now_us / MINUTE_US + 90) * MINUTE_US;

	take_with_hours(90, 3 * 3600 * SECOND_US);
	ck_assert_uint_eq(fake.begin_count, 0);
	ck_assert_uint_eq(fake.defer_count, 1);
	ck_assert(fake.defers[0].row.later);
	ck_assert(!fake.defers[0].row.failed);
	ck_assert_int_ge(fake.defers[0].row.due_wall_us, begin_us);
	ck_assert_int_le(fake.defers[0].row.due_wall_us, begin_us + 61 * SECOND_US);
	ck_assert_ptr_nonnull(strstr(fake.defers[0].reason, "outside its hours"));
	commit_defer();
}
END_TEST

/* Not later than its validity ends, when it is looked at once more, and ended. */
START_TEST(validity_may_end_before_its_hours_begin)
{
	const int64_t ends_us = clock_wall_us() + 600 * SECOND_US;

	take_with_hours(90, 600 * SECOND_US);
	ck_assert_uint_eq(fake.defer_count, 1);
	ck_assert_int_ge(fake.defers[0].row.due_wall_us, ends_us - SECOND_US);
	ck_assert_int_le(fake.defers[0].row.due_wall_us, ends_us + SECOND_US);
	commit_defer();
}
END_TEST

/* --- what is scheduled --- */

START_TEST(what_is_due_soon_is_asked_for)
{
	const int64_t ahead_us = 1000 * DELIVERY_DUE_AHEAD_MS;
	const int64_t began_us = clock_wall_us();

	turn_until(&fake.due_load_count, 1);
	ck_assert_uint_eq(fake.due_loads[0].lanes, HOUSE_LANES);
	ck_assert_int_ge(fake.due_loads[0].due_until_wall_us, began_us + ahead_us);
	ck_assert_int_le(fake.due_loads[0].due_until_wall_us, clock_wall_us() + ahead_us);
}
END_TEST

/* A page behind a full one at once, else with the next poll; when it stops, none. */
START_TEST(the_next_page_comes_soon_and_the_next_poll_later)
{
	int64_t began_ms;

	due_stop(house.d);
	turn();
	began_ms = loop_now_ms(house.loop);
	due_on_loaded(house.d, true);
	turn_until(&fake.due_load_count, 1);
	ck_assert_int_ge(clock_boot_ms() - began_ms, 50);
	began_ms = loop_now_ms(house.loop);
	due_on_loaded(house.d, false);
	turn_until(&fake.due_load_count, 2);
	ck_assert_int_ge(clock_boot_ms() - began_ms, 2000);
	due_on_loaded(house.d, true);
	due_stop(house.d);
	turn_for(120);
	ck_assert_uint_eq(fake.due_load_count, 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("due");
	TCase *hours = tcase_create("hours");
	TCase *scheduled = tcase_create("scheduled");
	SRunner *runner;
	int failed;

	tcase_set_timeout(hours, 30);
	tcase_add_checked_fixture(hours, house_open_looked, house_close);
	tcase_add_loop_test(hours, inside_its_hours_it_begins, -1, 1);
	tcase_add_test(hours, outside_its_hours_it_is_put_off_until_they_begin);
	tcase_add_test(hours, validity_may_end_before_its_hours_begin);
	suite_add_tcase(suite, hours);
	tcase_set_timeout(scheduled, 30);
	tcase_add_checked_fixture(scheduled, house_open_looked, house_close);
	tcase_add_test(scheduled, what_is_due_soon_is_asked_for);
	tcase_add_test(scheduled, the_next_page_comes_soon_and_the_next_poll_later);
	suite_add_tcase(suite, scheduled);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
