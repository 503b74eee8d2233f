#include "delivery/alarms.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define COUNT 2000

static struct alarms alarms;
static struct alarm all[COUNT];

static void begin(void)
{
	memset(&alarms, 0, sizeof(alarms));
	memset(all, 0, sizeof(all));
}

static int64_t chance(int64_t *seed)
{
	*seed = (*seed * 1103515245 + 12345) % 2147483648;
	return *seed;
}

START_TEST(they_come_in_order_of_their_times)
{
	int64_t seed = 1;
	int64_t last_ms = 0;
	unsigned count = 0;
	const struct alarm *alarm;

	for (unsigned i = 0; i < COUNT; i++)
		alarms_set(&alarms, &all[i], chance(&seed) % 500);
	while ((alarm = alarms_take(&alarms, 1000))) {
		ck_assert_int_ge(alarm->at_ms, last_ms);
		ck_assert(!alarm->set);
		last_ms = alarm->at_ms;
		count++;
	}
	ck_assert_uint_eq(count, COUNT);
	ck_assert_int_eq(alarms_next_ms(&alarms), INT64_MAX);
}
END_TEST

START_TEST(none_comes_before_its_time)
{
	alarms_set(&alarms, &all[0], 10);
	ck_assert_ptr_null(alarms_take(&alarms, 9));
	ck_assert_int_eq(alarms_next_ms(&alarms), 10);
	ck_assert_ptr_eq(alarms_take(&alarms, 10), &all[0]);
	ck_assert_ptr_null(alarms_take(&alarms, 10));
}
END_TEST

START_TEST(one_that_is_cleared_or_set_again_comes_as_last_said)
{
	int64_t seed = 7;
	int64_t last_ms = 0;
	unsigned set = 0;
	const struct alarm *alarm;

	/* Set, cleared, set again, and some taken, in any order. */
	for (unsigned i = 0; i < 20 * COUNT; i++) {
		struct alarm *one = &all[chance(&seed) / 64 % COUNT];

		if (chance(&seed) / 64 % 3 == 0)
			alarms_clear(&alarms, one);
		else
			alarms_set(&alarms, one, 100 + chance(&seed) / 64 % 1000);
		if (i % 100 == 0)
			(void)alarms_take(&alarms, 300);
	}
	for (unsigned i = 0; i < COUNT; i++)
		set += all[i].set;
	ck_assert_uint_gt(set, COUNT / 2);
	while ((alarm = alarms_take(&alarms, 2000))) {
		ck_assert_int_ge(alarm->at_ms, last_ms);
		last_ms = alarm->at_ms;
		set--;
	}
	ck_assert_uint_eq(set, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("alarms");
	TCase *tcase = tcase_create("alarms");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, begin, NULL);
	tcase_add_test(tcase, they_come_in_order_of_their_times);
	tcase_add_test(tcase, none_comes_before_its_time);
	tcase_add_test(tcase, one_that_is_cleared_or_set_again_comes_as_last_said);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
