#include "domain/recipient.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static void becomes(const char *text, const char *wanted)
{
	char recipient[RECIPIENT_BYTES];
	const char *why = "";

	ck_assert_msg(recipient_normalise(text, recipient, &why), "%s: %s", text, why);
	ck_assert_str_eq(recipient, wanted);
}

static void is_refused(const char *text, const char *saying)
{
	char recipient[RECIPIENT_BYTES] = "untouched";
	const char *why = NULL;

	ck_assert_msg(!recipient_normalise(text, recipient, &why), "%s", text);
	ck_assert_str_eq(recipient, "untouched");
	ck_assert_msg(strstr(why, saying) != NULL, "%s: %s", text, why);
}

START_TEST(the_normal_form_stays)
{
	becomes("+628123456789", "+628123456789");
	becomes("+14155550123", "+14155550123");
}
END_TEST

START_TEST(spaces_hyphens_and_brackets_are_taken_out)
{
	becomes("+62 812-3456-789", "+628123456789");
	becomes(" +62 (812) 3456789 ", "+628123456789");
	becomes("(+62)8123456789", "+628123456789");
	becomes("+1 [415] 555-0123", "+14155550123");
	becomes("62 812-3456-789", "+628123456789");
}
END_TEST

START_TEST(bare_628_gets_its_plus)
{
	becomes("628123456789", "+628123456789");
	becomes("62812345", "+62812345");
}
END_TEST

START_TEST(other_bare_digits_are_not_guessed_at)
{
	is_refused("8123456789", "write + and the country code");
	is_refused("14155550123", "write + and the country code");
	is_refused("62", "write + and the country code");
	is_refused("6221123456", "write + and the country code");
}
END_TEST

START_TEST(a_leading_0_is_refused_with_advice)
{
	is_refused("08123456789", "write +62…");
	is_refused("0812 3456 789", "write +62…");
	is_refused("+08123456789", "write +62…");
	is_refused("(0812) 3456789", "write +62…");
	is_refused("0", "write +62…");
}
END_TEST

START_TEST(eight_to_fifteen_digits)
{
	is_refused("+6281234", "too short");             /* 7 */
	becomes("+62812345", "+62812345");               /* 8 */
	becomes("+628123456789012", "+628123456789012"); /* 15 */
	is_refused("+6281234567890123", "too long");     /* 16 */
	is_refused("6281234", "too short");
	becomes("628123456789012", "+628123456789012");
	is_refused("6281234567890123", "too long");
	is_refused("+628123456789012345678901234567890123456789", "too long");
}
END_TEST

START_TEST(separators_do_not_count_as_digits)
{
	is_refused("+62 812-34 ()--  ", "too short");
	becomes("+ 6 2 8 1 2 3 4 5 6 7 8 9 0 1 2", "+628123456789012");
}
END_TEST

START_TEST(what_is_no_number_is_refused)
{
	is_refused("", "has no digits");
	is_refused("+", "has no digits");
	is_refused(" - ", "has no digits");
	is_refused("++628123456789", "not a phone number");
	is_refused("62+8123456789", "not a phone number");
	is_refused("+628123456789+", "not a phone number");
	is_refused("+62812345678x", "not a phone number");
	is_refused("abc", "not a phone number");
	is_refused("+62.812.3456.789", "not a phone number");
	is_refused("+62812345\t6789", "not a phone number");
	is_refused("+628123456789\n", "not a phone number");
	is_refused("+62812345678९", "not a phone number");
	is_refused("tel:+628123456789", "not a phone number");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("recipient");
	TCase *tcase = tcase_create("recipient");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, the_normal_form_stays);
	tcase_add_test(tcase, spaces_hyphens_and_brackets_are_taken_out);
	tcase_add_test(tcase, bare_628_gets_its_plus);
	tcase_add_test(tcase, other_bare_digits_are_not_guessed_at);
	tcase_add_test(tcase, a_leading_0_is_refused_with_advice);
	tcase_add_test(tcase, eight_to_fifteen_digits);
	tcase_add_test(tcase, separators_do_not_count_as_digits);
	tcase_add_test(tcase, what_is_no_number_is_refused);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
