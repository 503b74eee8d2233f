#include "domain/limit.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static struct limit limit_of(const char *tenant, const char *outlet, int rate)
{
	struct limit limit = { .rate = rate, .weight = 1 };

	(void)snprintf(limit.tenant_id, sizeof(limit.tenant_id), "%s", tenant);
	(void)snprintf(limit.outlet_id, sizeof(limit.outlet_id), "%s", outlet);
	return limit;
}

START_TEST(each_subject_has_its_own)
{
	struct limit limits[] = {
		limit_of("b", "2", 22), limit_of("a", "", 10),  limit_of("b", "", 20),
		limit_of("a", "1", 11), limit_of("b", "1", 21),
	};
	struct limit_set set = { limits, 5 };

	limit_sort(&set);
	ck_assert_int_eq(limit_find(&set, "a", "")->rate, 10);
	ck_assert_int_eq(limit_find(&set, "a", "1")->rate, 11);
	ck_assert_int_eq(limit_find(&set, "b", "")->rate, 20);
	ck_assert_int_eq(limit_find(&set, "b", "1")->rate, 21);
	ck_assert_int_eq(limit_find(&set, "b", "2")->rate, 22);
	ck_assert_ptr_null(limit_find(&set, "a", "2"));
	ck_assert_ptr_null(limit_find(&set, "", ""));
	ck_assert_ptr_null(limit_find(&set, "c", ""));
	ck_assert_ptr_null(limit_find(&set, "b1", ""));
}
END_TEST

START_TEST(an_empty_set_has_none)
{
	struct limit_set set = { NULL, 0 };

	limit_sort(&set);
	ck_assert_ptr_null(limit_find(&set, "a", ""));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("limit");
	TCase *tcase = tcase_create("limit");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, each_subject_has_its_own);
	tcase_add_test(tcase, an_empty_set_has_none);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
