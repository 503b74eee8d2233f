#include "cli/pick.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct arguments a;
static struct pick p;

static void setup(void)
{
	a = (struct arguments){ .operand = NULL };
}

static void is_refused(const char *word)
{
	const char *fault = pick_read(&p, &a);

	ck_assert_msg(fault && strstr(fault, word), "%s", fault ? fault : "taken");
}

START_TEST(what_is_not_named_is_not_asked_for)
{
	ck_assert_ptr_null(pick_read(&p, &a));
	for (unsigned i = 0; i < PICK_FILTERS; i++)
		ck_assert_ptr_null(p.filters[i]);
	ck_assert_uint_eq(p.limit, MANAGE_LIMIT_DEFAULT);
}
END_TEST

START_TEST(each_option_is_a_filter)
{
	a = (struct arguments){ .outlet = "t/o", .number = "9", .code = "-13", .limit = "7" };
	a.since = "2025-11-04T10:30:00+01:00";
	a.until = "2025-11-04T10:30:00Z";
	ck_assert_ptr_null(pick_read(&p, &a));
	ck_assert_str_eq(p.filters[PICK_TENANT], "t");
	ck_assert_str_eq(p.filters[PICK_OUTLET], "o");
	ck_assert_str_eq(p.filters[PICK_NUMBER], "9");
	ck_assert_str_eq(p.filters[PICK_CODE], "-13");
	ck_assert_str_eq(p.filters[PICK_SINCE], "2025-11-04T09:30:00Z");
	ck_assert_str_eq(p.filters[PICK_UNTIL], "2025-11-04T10:30:00Z");
	ck_assert_uint_eq(p.limit, 7);
	a = (struct arguments){ .tenant = "t" };
	ck_assert_ptr_null(pick_read(&p, &a));
	ck_assert_str_eq(p.filters[PICK_TENANT], "t");
	ck_assert_ptr_null(p.filters[PICK_OUTLET]);
}
END_TEST

START_TEST(limits)
{
	a.limit = "0";
	is_refused("--limit");
	a.limit = "1";
	ck_assert_ptr_null(pick_read(&p, &a));
	a.limit = "1000000";
	ck_assert_ptr_null(pick_read(&p, &a));
	ck_assert_uint_eq(p.limit, 1000000);
	a.limit = "1000001";
	is_refused("--limit");
	a.limit = NULL;
	a.code = "99999999";
	ck_assert_ptr_null(pick_read(&p, &a));
	a.code = "100000000";
	is_refused("--code");
	a.code = "-";
	is_refused("--code");
	a.code = NULL;
	a.since = "today";
	is_refused("--since");
	a.since = NULL;
	a.until = "2025-11-04";
	is_refused("--until");
	a.until = NULL;
	a.outlet = "o";
	is_refused("--outlet");
}
END_TEST

START_TEST(what_is_done_has_a_record)
{
	char text[502];

	ck_assert_ptr_null(pick_check_record(&a));
	a.yes = true;
	ck_assert_ptr_nonnull(pick_check_record(&a));
	a.by = "b";
	ck_assert_ptr_nonnull(pick_check_record(&a));
	a.why = "w";
	ck_assert_ptr_null(pick_check_record(&a));
	a.by = NULL;
	ck_assert_ptr_nonnull(pick_check_record(&a));
	memset(text, 'x', sizeof(text));
	text[501] = '\0';
	a.yes = false;
	for (size_t over = 0; over < 3; over++) {
		a.by = text + 501 - (99 + over);
		a.why = "w";
		ck_assert_int_eq(pick_check_record(&a) == NULL, over < 2);
		a.by = "b";
		a.why = text + 501 - (499 + over);
		ck_assert_int_eq(pick_check_record(&a) == NULL, over < 2);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pick");
	TCase *tcase = tcase_create("pick");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, what_is_not_named_is_not_asked_for);
	tcase_add_test(tcase, each_option_is_a_filter);
	tcase_add_test(tcase, limits);
	tcase_add_test(tcase, what_is_done_has_a_record);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
