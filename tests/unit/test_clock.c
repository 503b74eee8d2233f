#include "base/clock.h"

#include <check.h>
#include <stdlib.h>
#include <time.h>

START_TEST(known_times_are_written_right)
{
	static const struct {
		int64_t us;
		const char *text;
	} rows[] = {
		{ 0, "1970-01-01T00:00:00.000000Z" },
		{ -1, "1969-12-31T23:59:59.999999Z" },
		{ 1762252200123456, "2025-11-04T10:30:00.123456Z" },
		{ 951782399999999, "2000-02-28T23:59:59.999999Z" },
		{ 951782400000000, "2000-02-29T00:00:00.000000Z" },
		{ 951868800000001, "2000-03-01T00:00:00.000001Z" },
		{ 4107542400000000, "2100-03-01T00:00:00.000000Z" },
		{ 4107542399000000, "2100-02-28T23:59:59.000000Z" },
		{ 253402300799999999, "9999-12-31T23:59:59.999999Z" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char text[CLOCK_RFC3339_BYTES];

		clock_rfc3339_us(rows[i].us, text);
		ck_assert_str_eq(text, rows[i].text);
	}
}
END_TEST

START_TEST(whole_seconds_are_cut_not_rounded)
{
	char text[CLOCK_RFC3339_BYTES];

	clock_rfc3339(1762252200999999, text);
	ck_assert_str_eq(text, "2025-11-04T10:30:00Z");
	clock_rfc3339(-1, text);
	ck_assert_str_eq(text, "1969-12-31T23:59:59Z");
}
END_TEST

START_TEST(agrees_with_gmtime_over_four_centuries)
{
	/* A step that is prime to the length of a day, so every time of day comes up. */
	for (time_t t = -6000000000; t < 8000000000; t += 86400 * 3 + 12347) {
		char text[CLOCK_RFC3339_BYTES];
		char want[CLOCK_RFC3339_BYTES];
		struct tm tm;

		gmtime_r(&t, &tm);
		strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%SZ", &tm);
		clock_rfc3339((int64_t)t * 1000000, text);
		ck_assert_str_eq(text, want);
	}
}
END_TEST

START_TEST(the_ends_of_the_range_fit_the_text)
{
	char text[CLOCK_RFC3339_BYTES];

	clock_rfc3339_us(INT64_MAX, text);
	ck_assert_str_eq(text, "294247-01-10T04:00:54.775807Z");
	clock_rfc3339_us(INT64_MIN, text);
	ck_assert_str_eq(text, "-290308-12-21T19:59:05.224192Z");
}
END_TEST

START_TEST(the_clocks_run)
{
	int64_t boot = clock_boot_ms();
	struct timespec before;
	struct timespec after;
	int64_t wall;

	clock_gettime(CLOCK_REALTIME, &before);
	wall = clock_wall_us();
	clock_gettime(CLOCK_REALTIME, &after);
	ck_assert_int_ge(wall, before.tv_sec * 1000000 + before.tv_nsec / 1000);
	ck_assert_int_le(wall, after.tv_sec * 1000000 + after.tv_nsec / 1000);
	ck_assert_int_gt(boot, 0);
	while (clock_boot_ms() == boot)
		;
	ck_assert_int_gt(clock_boot_ms(), boot);
}
END_TEST

START_TEST(times_are_read)
{
	static const struct {
		const char *text;
		int64_t wall_us;
	} cases[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "1970-01-01t00:00:01z", 1000000 },
		{ "2025-11-04T10:30:00Z", INT64_C(1762252200000000) },
		{ "2025-11-04T10:30:00.5Z", INT64_C(1762252200500000) },
		{ "2025-11-04T10:30:00.000001Z", INT64_C(1762252200000001) },
		{ "2025-11-04T10:30:00.0000019Z", INT64_C(1762252200000001) },
		{ "2025-11-04T10:30:00.123456789Z", INT64_C(1762252200123456) },
		{ "2025-11-04T17:30:00+07:00", INT64_C(1762252200000000) },
		{ "2025-11-04T04:59:00-05:31", INT64_C(1762252200000000) },
		{ "2024-02-29T00:00:00Z", INT64_C(1709164800000000) },
		{ "2000-03-01T00:00:00Z", INT64_C(951868800000000) },
		{ "2000-02-29T23:59:59Z", INT64_C(951868799000000) },
		{ "9999-12-31T23:59:59Z", INT64_C(253402300799000000) },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t wall_us = -1;

		ck_assert_msg(clock_rfc3339_parse(cases[i].text, &wall_us), "%s", cases[i].text);
		ck_assert_msg(wall_us == cases[i].wall_us, "%s: %lld", cases[i].text,
			      (long long)wall_us);
	}
}
END_TEST

START_TEST(what_is_no_time_is_not_read)
{
	static const char *const cases[] = {
		"",
		"2025",
		"2025-11-04",
		"2025-11-04T10:30:00",
		"2025-11-04 10:30:00Z",
		"2025-11-04T10:30Z",
		"2025-11-04T10:30:00Zx",
		"2025-11-04T10:30:00.Z",
		"2025-11-04T10:30:00.1234567890Z",
		"2025-11-04T24:00:00Z",
		"2025-11-04T10:60:00Z",
		"2025-11-04T10:30:60Z",
		"2025-13-04T10:30:00Z",
		"2025-00-04T10:30:00Z",
		"2025-11-00T10:30:00Z",
		"2025-11-31T10:30:00Z",
		"2025-02-29T00:00:00Z",
		"1900-02-29T00:00:00Z",
		"1969-12-31T23:59:59Z",
		"2100-02-29T00:00:00Z",
		"2025-11-04T10:30:00+7:00",
		"2025-11-04T10:30:00+0700",
		"2025-11-04T10:30:00+24:00",
		"2025-11-04T10:30:00+07:60",
		"-025-11-04T10:30:00Z",
		"2025-11-4T10:30:00Z",
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t wall_us = 7;

		ck_assert_msg(!clock_rfc3339_parse(cases[i], &wall_us), "%s", cases[i]);
		ck_assert_int_eq(wall_us, 7);
	}
}
END_TEST

/* Every day of four centuries, there and back. */
START_TEST(times_are_read_as_they_are_written)
{
	for (int64_t day = 0; day < 146097; day++) {
		const int64_t wall_us = day * INT64_C(86400000000) + day % 86400 * 1000000;
		char text[CLOCK_RFC3339_BYTES];
		int64_t read = -1;

		clock_rfc3339(wall_us, text);
		ck_assert_msg(clock_rfc3339_parse(text, &read) && read == wall_us, "%s", text);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("clock");
	TCase *tcase = tcase_create("clock");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, times_are_read);
	tcase_add_test(tcase, what_is_no_time_is_not_read);
	tcase_add_test(tcase, times_are_read_as_they_are_written);
	tcase_add_test(tcase, known_times_are_written_right);
	tcase_add_test(tcase, whole_seconds_are_cut_not_rounded);
	tcase_add_test(tcase, agrees_with_gmtime_over_four_centuries);
	tcase_add_test(tcase, the_ends_of_the_range_fit_the_text);
	tcase_add_test(tcase, the_clocks_run);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
