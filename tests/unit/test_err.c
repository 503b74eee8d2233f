#include "base/err.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(all_fields_are_set)
{
	struct err err = { 0 };

	err_set(&err, ERR_LIMIT, 42, "at most %d", 7);
	ck_assert_int_eq(err.class, ERR_LIMIT);
	ck_assert_int_eq(err.code, 42);
	ck_assert_str_eq(err.text, "at most 7");
}
END_TEST

START_TEST(the_text_is_cut_at_its_bound)
{
	for (int len = ERR_TEXT_BYTES - 2; len <= ERR_TEXT_BYTES; len++) {
		struct err err;

		err_set(&err, ERR_INTERNAL, 0, "%0*d", len, 1);
		ck_assert_uint_eq(strlen(err.text),
				  len < ERR_TEXT_BYTES ? (size_t)len : ERR_TEXT_BYTES - 1);
	}
}
END_TEST

START_TEST(the_cut_leaves_whole_characters)
{
	for (int shift = 0; shift < 4; shift++) {
		struct err err;
		char text[300];
		size_t len;

		memset(text, 'x', sizeof(text));
		memcpy(text + ERR_TEXT_BYTES - 4 + shift, "\xf0\x9f\x98\x80", 5);
		err_set(&err, ERR_INTERNAL, 0, "%s", text);
		/* 239 bytes are room for the character only when it begins at 235 or before. */
		len = strlen(err.text);
		ck_assert_uint_eq(len, ERR_TEXT_BYTES - 4 + (size_t)shift);
		err_prefix(&err, "%s", "");
		ck_assert_uint_le(strlen(err.text), ERR_TEXT_BYTES - 1);
	}
}
END_TEST

START_TEST(a_prefix_goes_before)
{
	struct err err;

	err_set(&err, ERR_INVALID, 0, "not a number");
	err_prefix(&err, "%s", "MAX_RETRIES");
	ck_assert_str_eq(err.text, "MAX_RETRIES: not a number");
	ck_assert_int_eq(err.class, ERR_INVALID);
}
END_TEST

START_TEST(a_prefix_may_be_as_long_as_the_text)
{
	struct err err;

	err_set(&err, ERR_INVALID, 0, "%0*d", ERR_TEXT_BYTES - 1, 1);
	err_prefix(&err, "%0*d", 1000, 2);
	ck_assert_uint_eq(strlen(err.text), ERR_TEXT_BYTES - 1);
}
END_TEST

START_TEST(its_own_text_may_be_an_argument)
{
	struct err err;

	err_set(&err, ERR_INVALID, 0, "abc");
	err_set(&err, ERR_TEMPORARY, 0, "before %s after", err.text);
	ck_assert_str_eq(err.text, "before abc after");
	err_prefix(&err, "<%s>", err.text);
	ck_assert_str_eq(err.text, "<before abc after>: before abc after");
}
END_TEST

START_TEST(the_text_is_one_line)
{
	struct err err;

	err_set(&err, ERR_INVALID, 0, "first\nsecond\tthird\x7f.\r\n\n");
	ck_assert_str_eq(err.text, "first second third .");
}
END_TEST

START_TEST(every_class_has_its_own_name)
{
	for (int a = ERR_NONE; a <= ERR_INTERNAL; a++)
		for (int b = ERR_NONE; b < a; b++)
			ck_assert_str_ne(err_class_name((enum err_class)a),
					 err_class_name((enum err_class)b));
	ck_assert_str_eq(err_class_name(ERR_UNCERTAIN), "uncertain");
	ck_assert_str_eq(err_class_name((enum err_class)99), "unknown");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("err");
	TCase *tcase = tcase_create("err");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, all_fields_are_set);
	tcase_add_test(tcase, the_text_is_cut_at_its_bound);
	tcase_add_test(tcase, the_cut_leaves_whole_characters);
	tcase_add_test(tcase, a_prefix_goes_before);
	tcase_add_test(tcase, a_prefix_may_be_as_long_as_the_text);
	tcase_add_test(tcase, its_own_text_may_be_an_argument);
	tcase_add_test(tcase, the_text_is_one_line);
	tcase_add_test(tcase, every_class_has_its_own_name);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
