#include "domain/window.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_US INT64_C(1000000)
#define CHANGE INT64_C(1000000800) /* a moment when clocks are changed: 02:00 UTC */

/* Ahead by so many seconds before the change, and behind it. */
struct clocks {
	int64_t before;
	int64_t behind;
};

static int64_t offset(void *arg, int64_t at_s)
{
	const struct clocks *c = arg;

	return at_s < CHANGE ? c->before : c->behind;
}

/* When the window from..to (minutes) next is open, from `from_change` seconds after the change on:
 * in seconds after the change. */
static int64_t next(struct clocks clocks, unsigned from, unsigned to, int64_t from_change)
{
	const struct window w = { .from_min = from, .to_min = to, .zone = "UTC" };

	return window_next(&w, (CHANGE + from_change) * SECOND_US, offset, &clocks) / SECOND_US -
	       CHANGE;
}

#define AT(hour, minute) ((hour)*60 + (minute))

START_TEST(a_day_has_its_part)
{
	const struct clocks none = { 0, 0 };
	const int64_t two = 2 * 3600; /* the change is at 02:00 */

	ck_assert_int_eq(CHANGE % 86400, two);
	ck_assert_int_eq(next(none, AT(8, 0), AT(20, 0), 0), 6 * 3600);
	ck_assert_int_eq(next(none, AT(8, 0), AT(20, 0), 6 * 3600 - 1), 6 * 3600);
	ck_assert_int_eq(next(none, AT(8, 0), AT(20, 0), 6 * 3600), 6 * 3600);
	ck_assert_int_eq(next(none, AT(8, 0), AT(20, 0), 18 * 3600 - 1), 18 * 3600 - 1);
	ck_assert_int_eq(next(none, AT(8, 0), AT(20, 0), 18 * 3600), 30 * 3600);
	ck_assert_int_eq(next(none, AT(0, 0), AT(0, 1), 0), 22 * 3600);
}
END_TEST

START_TEST(a_part_may_go_over_midnight)
{
	const struct clocks none = { 0, 0 };

	ck_assert_int_eq(next(none, AT(22, 0), AT(6, 0), 0), 0);
	ck_assert_int_eq(next(none, AT(22, 0), AT(6, 0), 4 * 3600 - 1), 4 * 3600 - 1);
	ck_assert_int_eq(next(none, AT(22, 0), AT(6, 0), 4 * 3600), 20 * 3600);
	ck_assert_int_eq(next(none, AT(22, 0), AT(6, 0), 20 * 3600 - 1), 20 * 3600);
	ck_assert_int_eq(next(none, AT(22, 0), AT(6, 0), 22 * 3600), 22 * 3600);
}
END_TEST

START_TEST(a_zone_ahead_or_behind_has_its_own_day)
{
	const struct clocks jakarta = { 7 * 3600, 7 * 3600 };
	const struct clocks west = { -9 * 3600 - 1800, -9 * 3600 - 1800 };

	ck_assert_int_eq(next(jakarta, AT(8, 0), AT(20, 0), 0), 0); /* 09:00 there */
	ck_assert_int_eq(next(jakarta, AT(8, 0), AT(20, 0), 11 * 3600), 23 * 3600);
	ck_assert_int_eq(next(west, AT(8, 0), AT(16, 30), 0), 15 * 3600 + 1800); /* 16:30 */
}
END_TEST

/* From 02:00 to 03:00 local time there is nothing. */
START_TEST(hours_that_are_skipped_are_skipped)
{
	const struct clocks spring = { 0, 3600 };

	ck_assert_int_eq(next(spring, AT(2, 30), AT(4, 0), -3600), 0); /* it is 03:00 at once */
	ck_assert_int_eq(next(spring, AT(2, 0), AT(3, 0), -3600), 23 * 3600); /* the day after */
	ck_assert_int_eq(next(spring, AT(8, 0), AT(20, 0), -3600), 5 * 3600);
	ck_assert_int_eq(next(spring, AT(1, 0), AT(3, 30), -1), -1);
	ck_assert_int_eq(next(spring, AT(1, 0), AT(3, 30), 1799), 1799);
	ck_assert_int_eq(next(spring, AT(1, 0), AT(3, 30), 1800), 22 * 3600);
}
END_TEST

/* From 01:00 to 02:00 clocks show it twice. */
START_TEST(hours_that_come_twice_count_twice)
{
	const struct clocks autumn = { 0, -3600 };

	ck_assert_int_eq(next(autumn, AT(1, 0), AT(2, 0), -3601), -3600);
	ck_assert_int_eq(next(autumn, AT(1, 0), AT(2, 0), -1), -1);
	ck_assert_int_eq(next(autumn, AT(1, 0), AT(2, 0), 0), 0);
	ck_assert_int_eq(next(autumn, AT(1, 0), AT(2, 0), 3599), 3599);
	ck_assert_int_eq(next(autumn, AT(1, 30), AT(1, 40), -1000), 1800);
	ck_assert_int_eq(next(autumn, AT(8, 0), AT(20, 0), -3600), 7 * 3600);
}
END_TEST

START_TEST(minutes_are_written_in_one_way)
{
	static const char *const wrong[] = { "",       "8:00", "24:00", "08:60", "08:0",
					     "08:000", "0800", "-1:00", " 8:00", "08.00" };
	unsigned minute = 7;

	ck_assert(window_minute_parse("00:00", &minute));
	ck_assert_uint_eq(minute, 0);
	ck_assert(window_minute_parse("23:59", &minute));
	ck_assert_uint_eq(minute, 1439);
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ck_assert_msg(!window_minute_parse(wrong[i], &minute), "%s", wrong[i]);
	ck_assert_uint_eq(minute, 1439);
}
END_TEST

START_TEST(zones_are_areas_with_a_location_or_utc)
{
	char longest[70] = "Asia/";

	ck_assert(window_zone_fits("Asia/Jakarta"));
	ck_assert(window_zone_fits("America/Argentina/Buenos_Aires"));
	ck_assert(window_zone_fits("Etc/GMT+7"));
	ck_assert(window_zone_fits("UTC"));
	ck_assert(!window_zone_fits(""));
	ck_assert(!window_zone_fits("EST5EDT"));
	ck_assert(!window_zone_fits("posix/Asia/Jakarta"));
	ck_assert(!window_zone_fits("/usr/share"));
	ck_assert(!window_zone_fits("Asia/../x"));
	ck_assert(!window_zone_fits("Asia//Jakarta"));
	ck_assert(!window_zone_fits("Asia/Jakarta/"));
	ck_assert(!window_zone_fits("Asia/"));
	ck_assert(!window_zone_fits("Asia/a\"b"));
	memset(longest + 5, 'a', 59);
	ck_assert(window_zone_fits(longest));
	longest[64] = 'a';
	ck_assert(!window_zone_fits(longest));
}
END_TEST

START_TEST(what_is_written_is_read_back)
{
	static const char text[] =
		"{\"from\":\"22:05\",\"to\":\"06:00\",\"time_zone\":\"Asia/Jakarta\"}";
	struct window w = { .from_min = 0 };
	char again[WINDOW_TEXT_BYTES];

	ck_assert(window_read(text, &w));
	ck_assert_uint_eq(w.from_min, AT(22, 5));
	ck_assert_uint_eq(w.to_min, AT(6, 0));
	ck_assert_str_eq(w.zone, "Asia/Jakarta");
	window_write(&w, again);
	ck_assert_str_eq(again, text);
	ck_assert(!window_read("", &w));
	ck_assert(!window_read("{}", &w));
	ck_assert(!window_read("{\"from\":\"08:00\",\"to\":\"08:00\",\"time_zone\":\"UTC\"}", &w));
	ck_assert(!window_read("{\"from\":\"08:00\",\"to\":\"09:00\",\"time_zone\":\"UTC\"} ", &w));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("window");
	TCase *tcase = tcase_create("window");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, a_day_has_its_part);
	tcase_add_test(tcase, a_part_may_go_over_midnight);
	tcase_add_test(tcase, a_zone_ahead_or_behind_has_its_own_day);
	tcase_add_test(tcase, hours_that_are_skipped_are_skipped);
	tcase_add_test(tcase, hours_that_come_twice_count_twice);
	tcase_add_test(tcase, minutes_are_written_in_one_way);
	tcase_add_test(tcase, zones_are_areas_with_a_location_or_utc);
	tcase_add_test(tcase, what_is_written_is_read_back);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
