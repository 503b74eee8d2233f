#include "process/restart.h"

#include <check.h>
#include <stdlib.h>

#define READY 100000

/* A death so long after the worker was ready. */
static int64_t after(struct restart *r, int64_t lived_ms)
{
	return restart_delay_ms(r, READY, READY + lived_ms);
}

START_TEST(a_death_in_service_is_replaced_at_once_however_often)
{
	struct restart r = { 0 };

	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(after(&r, RESTART_CRASH_MS + 1), 0);
}
END_TEST

START_TEST(crashes_in_a_row_are_backed_off_up_to_a_cap)
{
	static const int64_t waits[] = { 50, 100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000 };
	struct restart r = { 0 };

	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
		ck_assert_int_eq(restart_delay_ms(&r, 0, READY), waits[i]);
	for (int i = 0; i < 1000; i++)
		ck_assert_int_eq(restart_delay_ms(&r, 0, READY), 10000);
}
END_TEST

START_TEST(a_death_is_a_crash_within_a_second_of_being_ready)
{
	static const struct {
		int64_t lived_ms;
		int64_t wait_ms;
	} cases[] = {
		{ 0, 50 },
		{ RESTART_CRASH_MS - 1, 50 },
		{ RESTART_CRASH_MS, 50 },
		{ RESTART_CRASH_MS + 1, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct restart r = { 0 };

		ck_assert_int_eq(after(&r, cases[i].lived_ms), cases[i].wait_ms);
	}
}
END_TEST

START_TEST(a_worker_that_served_ends_the_row_of_crashes)
{
	struct restart r = { 0 };

	ck_assert_int_eq(restart_delay_ms(&r, 0, READY), 50);
	ck_assert_int_eq(after(&r, 1), 100);
	ck_assert_int_eq(after(&r, 5000), 0);
	ck_assert_int_eq(after(&r, 1), 50);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("restart");
	TCase *tcase = tcase_create("restart");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, a_death_in_service_is_replaced_at_once_however_often);
	tcase_add_test(tcase, crashes_in_a_row_are_backed_off_up_to_a_cap);
	tcase_add_test(tcase, a_death_is_a_crash_within_a_second_of_being_ready);
	tcase_add_test(tcase, a_worker_that_served_ends_the_row_of_crashes);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
