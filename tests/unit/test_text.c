#include "base/text.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(numbers_are_read_within_their_limits)
{
	uint64_t value = 99;

	ck_assert(!text_to_u64("4", 5, 7, &value));
	ck_assert_uint_eq(value, 99);
	ck_assert(text_to_u64("5", 5, 7, &value));
	ck_assert_uint_eq(value, 5);
	ck_assert(text_to_u64("7", 5, 7, &value));
	ck_assert_uint_eq(value, 7);
	ck_assert(!text_to_u64("8", 5, 7, &value));
	ck_assert_uint_eq(value, 7);
	ck_assert(text_to_u64("0", 0, 0, &value));
	ck_assert_uint_eq(value, 0);
	ck_assert(!text_to_u64("1", 0, 0, &value));
	ck_assert(text_to_u64("0000000000000000000000000012", 0, 12, &value));
	ck_assert_uint_eq(value, 12);
}
END_TEST

START_TEST(the_largest_numbers_are_exact)
{
	uint64_t value = 0;

	ck_assert(text_to_u64("18446744073709551614", 0, UINT64_MAX, &value));
	ck_assert_uint_eq(value, UINT64_MAX - 1);
	ck_assert(text_to_u64("18446744073709551615", 0, UINT64_MAX, &value));
	ck_assert_uint_eq(value, UINT64_MAX);
	ck_assert(!text_to_u64("18446744073709551616", 0, UINT64_MAX, &value));
	ck_assert(!text_to_u64("18446744073709551620", 0, UINT64_MAX, &value));
	ck_assert(!text_to_u64("184467440737095516150", 0, UINT64_MAX, &value));
	ck_assert(!text_to_u64("99999999999999999999999", 0, UINT64_MAX, &value));
}
END_TEST

START_TEST(anything_but_digits_is_refused)
{
	static const char *const bad[] = { "",    " 1",  "1 ",   "+1",  "-1", "-0",
					   "0x1", "1.0", "1e3",  "1\n", "a",  "1a",
					   "/",   ":",   "\xb2", "-",   "--1" };
	uint64_t u;
	int64_t i;

	for (size_t k = 0; k < sizeof(bad) / sizeof(*bad); k++) {
		ck_assert_msg(!text_to_u64(bad[k], 0, UINT64_MAX, &u), "%s", bad[k]);
		if (strcmp(bad[k], "-1") != 0 && strcmp(bad[k], "-0") != 0)
			ck_assert_msg(!text_to_i64(bad[k], INT64_MIN, INT64_MAX, &i), "%s", bad[k]);
	}
}
END_TEST

START_TEST(signed_numbers_are_exact_at_both_ends)
{
	int64_t value = 0;

	ck_assert(text_to_i64("9223372036854775807", INT64_MIN, INT64_MAX, &value));
	ck_assert_int_eq(value, INT64_MAX);
	ck_assert(!text_to_i64("9223372036854775808", INT64_MIN, INT64_MAX, &value));
	ck_assert(text_to_i64("-9223372036854775808", INT64_MIN, INT64_MAX, &value));
	ck_assert_int_eq(value, INT64_MIN);
	ck_assert(!text_to_i64("-9223372036854775809", INT64_MIN, INT64_MAX, &value));
	ck_assert(text_to_i64("-5", -5, -3, &value));
	ck_assert_int_eq(value, -5);
	ck_assert(!text_to_i64("-6", -5, -3, &value));
	ck_assert(text_to_i64("-3", -5, -3, &value));
	ck_assert(!text_to_i64("-2", -5, -3, &value));
	ck_assert_int_eq(value, -3);
	ck_assert(text_to_i64("-0", -5, 5, &value));
	ck_assert_int_eq(value, 0);
}
END_TEST

/* The code points, or -1. */
static int code_points(const char *data, size_t len)
{
	size_t count = 12345;

	if (!text_utf8_valid(data, len, &count)) {
		ck_assert_uint_eq(count, 12345);
		return -1;
	}
	return (int)count;
}

START_TEST(the_first_and_last_of_every_length_are_valid)
{
	ck_assert_int_eq(code_points("", 0), 0);
	ck_assert_int_eq(code_points("\x01", 1), 1);
	ck_assert_int_eq(code_points("\x7f", 1), 1);
	ck_assert_int_eq(code_points("\xc2\x80", 2), 1);
	ck_assert_int_eq(code_points("\xdf\xbf", 2), 1);
	ck_assert_int_eq(code_points("\xe0\xa0\x80", 3), 1);
	ck_assert_int_eq(code_points("\xed\x9f\xbf", 3), 1);
	ck_assert_int_eq(code_points("\xee\x80\x80", 3), 1);
	ck_assert_int_eq(code_points("\xef\xbf\xbf", 3), 1);
	ck_assert_int_eq(code_points("\xf0\x90\x80\x80", 4), 1);
	ck_assert_int_eq(code_points("\xf4\x8f\xbf\xbf", 4), 1);
	ck_assert_int_eq(code_points("h\xc3\xa9llo \xf0\x9f\x98\x80!", 12), 8);
}
END_TEST

START_TEST(what_lies_just_outside_is_not)
{
	/* clang-format off */
	static const char *const bad[] = {
		"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x7f", "\xc2\xc0",
		"\xe0\x9f\xbf", "\xe1\x80", "\xe1\x80\x7f", "\xed\xa0\x80", "\xed\xbf\xbf",
		"\xf0\x8f\xbf\xbf", "\xf1\x80\x80", "\xf1\x80\x80\xc0", "\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80", "\xf8\x88\x80\x80\x80", "\xfe", "\xff",
	};
	/* clang-format on */

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		char text[64];
		int len;

		ck_assert_msg(code_points(bad[i], strlen(bad[i])) == -1, "row %zu", i);
		/* At every place of the eight bytes that are looked at together. */
		for (int before = 0; before < 17; before++) {
			len = snprintf(text, sizeof(text), "%.*s%sxxxxxxxxxxx", before,
				       "aaaaaaaaaaaaaaaaaa", bad[i]);
			ck_assert_msg(code_points(text, (size_t)len) == -1, "row %zu", i);
		}
	}
	ck_assert_int_eq(code_points("\0", 1), -1);
	for (size_t at = 0; at < 20; at++) {
		char text[20];

		memset(text, 'a', sizeof(text));
		text[at] = '\0';
		ck_assert_int_eq(code_points(text, sizeof(text)), -1);
	}
}
END_TEST

/* Written anew from the definition: decode, then judge the number. */
static bool valid_by_decoding(const uint8_t *p, size_t len)
{
	while (len > 0) {
		size_t n = p[0] < 0x80   ? 1
			   : p[0] < 0xc0 ? 0
			   : p[0] < 0xe0 ? 2
			   : p[0] < 0xf0 ? 3
					 : 4;
		static const uint32_t smallest[] = { 0, 1, 0x80, 0x800, 0x10000 };
		uint32_t c;

		if (n == 0 || n > len || p[0] >= 0xf8)
			return false;
		c = n == 1 ? p[0] : p[0] & (0x7fu >> n);
		for (size_t i = 1; i < n; i++) {
			if ((p[i] & 0xc0) != 0x80)
				return false;
			c = c << 6 | (p[i] & 0x3f);
		}
		if (c < smallest[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
			return false;
		p += n;
		len -= n;
	}
	return true;
}

START_TEST(all_three_bytes_are_judged_as_by_decoding)
{
	for (uint32_t v = 0; v < 1u << 24; v += v < 1u << 20 ? 1 : 7) {
		uint8_t data[3] = { (uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16) };
		size_t count;

		if (text_utf8_valid((const char *)data, 3, &count) != valid_by_decoding(data, 3))
			ck_abort_msg("%02x %02x %02x", data[0], data[1], data[2]);
	}
}
END_TEST

START_TEST(visible_ascii_has_exact_limits)
{
	for (int c = 0; c < 256; c++) {
		char text[2] = { 'a', (char)c };

		ck_assert_int_eq(text_visible_ascii(text, 2, 10), c >= 0x21 && c <= 0x7e);
	}
	ck_assert(!text_visible_ascii("", 0, 3));
	ck_assert(text_visible_ascii("ab", 2, 3));
	ck_assert(text_visible_ascii("abc", 3, 3));
	ck_assert(!text_visible_ascii("abcd", 4, 3));
}
END_TEST

START_TEST(a_copy_fits_or_changes_nothing)
{
	char dst[5] = "old";

	ck_assert(!text_copy(dst, sizeof(dst), "12345"));
	ck_assert_str_eq(dst, "old");
	ck_assert(text_copy(dst, sizeof(dst), "1234"));
	ck_assert_str_eq(dst, "1234");
	ck_assert(text_copy(dst, sizeof(dst), "123"));
	ck_assert_str_eq(dst, "123");
	ck_assert(text_copy(dst, 1, ""));
	ck_assert_str_eq(dst, "");
	ck_assert(!text_copy(dst, 0, ""));
}
END_TEST

START_TEST(a_cut_never_splits_a_character)
{
	static const char *const want[] = { NULL,
					    "",
					    "a",
					    "a",
					    "a\xc3\xa9",
					    "a\xc3\xa9",
					    "a\xc3\xa9",
					    "a\xc3\xa9",
					    "a\xc3\xa9\xf0\x9f\x98\x80",
					    "a\xc3\xa9\xf0\x9f\x98\x80z",
					    "a\xc3\xa9\xf0\x9f\x98\x80z" };

	for (size_t size = 1; size < sizeof(want) / sizeof(*want); size++) {
		char *dst = malloc(size);

		text_copy_cut(dst, size, "a\xc3\xa9\xf0\x9f\x98\x80z");
		ck_assert_str_eq(dst, want[size]);
		free(dst);
	}
	text_copy_cut(NULL, 0, "abc");
}
END_TEST

START_TEST(hexadecimal_is_lower_case)
{
	char dst[9] = "????????";

	text_hex(dst, (const uint8_t *)"\x00\x9f\xff", 3);
	ck_assert_str_eq(dst, "009fff");
	ck_assert_int_eq(dst[7], '?');
	text_hex(dst, (const uint8_t *)"", 0);
	ck_assert_str_eq(dst, "");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("text");
	TCase *tcase = tcase_create("text");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, numbers_are_read_within_their_limits);
	tcase_add_test(tcase, the_largest_numbers_are_exact);
	tcase_add_test(tcase, anything_but_digits_is_refused);
	tcase_add_test(tcase, signed_numbers_are_exact_at_both_ends);
	tcase_add_test(tcase, the_first_and_last_of_every_length_are_valid);
	tcase_add_test(tcase, what_lies_just_outside_is_not);
	tcase_add_test(tcase, all_three_bytes_are_judged_as_by_decoding);
	tcase_add_test(tcase, visible_ascii_has_exact_limits);
	tcase_add_test(tcase, a_copy_fits_or_changes_nothing);
	tcase_add_test(tcase, a_cut_never_splits_a_character);
	tcase_add_test(tcase, hexadecimal_is_lower_case);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
