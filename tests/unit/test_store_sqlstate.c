#include <check.h>
#include <stdlib.h>

#include "store/sqlstate.h"

START_TEST(codes_are_classed_by_what_to_do)
{
	static const struct {
		const char *code;
		enum sqlstate_class class;
	} rows[] = {
		{ "22021", SQLSTATE_DATA },      { "23505", SQLSTATE_DATA },
		{ "54000", SQLSTATE_DATA },      { "40001", SQLSTATE_REPEAT },
		{ "40P01", SQLSTATE_REPEAT },    { "55P03", SQLSTATE_REPEAT },
		{ "57014", SQLSTATE_REPEAT },    { "57P01", SQLSTATE_RECONNECT },
		{ "57P03", SQLSTATE_RECONNECT }, { "08006", SQLSTATE_RECONNECT },
		{ "53300", SQLSTATE_RECONNECT }, { "25006", SQLSTATE_RECONNECT },
		{ "25P03", SQLSTATE_RECONNECT }, { "42P01", SQLSTATE_SCHEMA },
		{ "3F000", SQLSTATE_SCHEMA },    { "42501", SQLSTATE_SERVER },
		{ "40003", SQLSTATE_OTHER },     { "53100", SQLSTATE_SERVER },
		{ "XX000", SQLSTATE_OTHER },     { "XX001", SQLSTATE_OTHER },
		{ "26000", SQLSTATE_RECONNECT }, { "0A000", SQLSTATE_RECONNECT },
		{ "58030", SQLSTATE_SERVER },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_msg(sqlstate_classify(rows[i].code) == rows[i].class, "%s", rows[i].code);
	/* libpq's own errors have none: the connection is gone. */
	ck_assert_int_eq(sqlstate_classify(NULL), SQLSTATE_RECONNECT);
}
END_TEST

START_TEST(a_code_is_a_number_in_base_36)
{
	ck_assert_int_eq(sqlstate_number("00000"), 0);
	ck_assert_int_eq(sqlstate_number("0000Z"), 35);
	ck_assert_int_eq(sqlstate_number("00010"), 36);
	ck_assert_int_eq(sqlstate_number("ZZZZZ"), 60466175);
	ck_assert_int_eq(sqlstate_number("57P01"), 5 * 1679616 + 7 * 46656 + 25 * 1296 + 1);
	ck_assert_int_eq(sqlstate_number("57p01"), 0);
	ck_assert_int_eq(sqlstate_number("57P0"), 0);
	ck_assert_int_eq(sqlstate_number(NULL), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store_sqlstate");
	TCase *tcase = tcase_create("store_sqlstate");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, codes_are_classed_by_what_to_do);
	tcase_add_test(tcase, a_code_is_a_number_in_base_36);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
