#include "base/str.h"

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* AddressSanitizer shall say "no memory" instead of ending the program. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
	return "allocator_may_return_null=1";
}

START_TEST(an_empty_one_is_a_c_string)
{
	struct str s = STR_INIT(10);

	ck_assert_str_eq(s.data, "");
	ck_assert_uint_eq(s.len, 0);
	ck_assert(str_ok(&s));
	str_fini(&s);
	str_fini(&s);
	ck_assert_str_eq(s.data, "");
}
END_TEST

START_TEST(the_maximum_is_exact)
{
	for (size_t len = 9; len <= 11; len++) {
		struct str s;

		str_init(&s, 10);
		ck_assert_int_eq(str_append(&s, "0123456789a", len), len <= 10);
		ck_assert_int_eq(str_ok(&s), len <= 10);
		ck_assert_uint_eq(s.len, len <= 10 ? len : 0);
		ck_assert_uint_eq(strlen(s.data), s.len);
		str_fini(&s);
	}
}
END_TEST

START_TEST(the_maximum_is_exact_when_formatting)
{
	for (int len = 9; len <= 11; len++) {
		struct str s = STR_INIT(10);

		ck_assert_int_eq(str_append_format(&s, "%0*d", len, 7), len <= 10);
		ck_assert_uint_eq(s.len, len <= 10 ? (size_t)len : 0);
		str_reset(&s);
		/* The same in memory that is there already and larger than the maximum. */
		ck_assert(str_append(&s, "x", 1));
		ck_assert_int_eq(str_append_format(&s, "%0*d", len - 1, 7), len <= 10);
		ck_assert_int_eq(str_ok(&s), len <= 10);
		str_fini(&s);
	}
}
END_TEST

START_TEST(nothing_but_zero_bytes_fits_into_maximum_0)
{
	struct str s = STR_INIT(0);

	ck_assert(str_append(&s, "", 0));
	ck_assert(str_append_format(&s, "%s", ""));
	ck_assert(!str_append_char(&s, 'x'));
	str_fini(&s);
}
END_TEST

START_TEST(a_failure_empties_and_stays)
{
	struct str s = STR_INIT(4);

	ck_assert(str_append_text(&s, "abc"));
	ck_assert(!str_append_text(&s, "de"));
	ck_assert_str_eq(s.data, "");
	ck_assert(!str_append_char(&s, 'x'));
	ck_assert(!str_append(&s, "", 0));
	ck_assert(!str_append_format(&s, "x"));
	ck_assert(!str_append_url_segment(&s, "x"));
	ck_assert_str_eq(s.data, "");
	ck_assert_uint_eq(s.len, 0);
	ck_assert_ptr_null(str_detach(&s));
	str_reset(&s);
	ck_assert(str_ok(&s));
	ck_assert(str_append_text(&s, "abcd"));
	ck_assert_str_eq(s.data, "abcd");
	str_fini(&s);
}
END_TEST

START_TEST(no_memory_is_a_failure)
{
	struct str s = STR_INIT(SIZE_MAX);

	ck_assert(str_append_text(&s, "abc"));
	ck_assert(!str_append(&s, "x", PTRDIFF_MAX / 2)); /* the allocator says no */
	ck_assert(!str_ok(&s));
	str_reset(&s);
	ck_assert(str_append_text(&s, "abc"));
	ck_assert(!str_append(&s, "x", SIZE_MAX / 2)); /* it is not even asked */
	ck_assert(!str_ok(&s));
	str_reset(&s);
	ck_assert(str_append_text(&s, "abc"));
	ck_assert(!str_append(&s, "x", SIZE_MAX - 3));
	ck_assert(!str_ok(&s));
	str_fini(&s);
}
END_TEST

START_TEST(grows_byte_by_byte)
{
	struct str s = STR_INIT(100000);

	for (int i = 0; i < 100000; i++) {
		ck_assert(str_append_char(&s, (char)('a' + i % 26)));
		ck_assert_int_eq(s.data[s.len], 0);
	}
	ck_assert_uint_eq(s.len, 100000);
	for (int i = 0; i < 100000; i++)
		ck_assert_int_eq(s.data[i], 'a' + i % 26);
	ck_assert_uint_le(s.space, 100001);
	ck_assert(!str_append_char(&s, 'x'));
	str_fini(&s);
}
END_TEST

START_TEST(formatting_crosses_the_end_of_the_memory)
{
	/* 64 bytes is the first piece of memory: every length around it. */
	for (int before = 0; before < 70; before++) {
		for (int len = 0; len < 70; len++) {
			struct str s = STR_INIT(1000);
			char want[200];

			memset(want, 'a', (size_t)before);
			memset(want + before, 'b', (size_t)len);
			want[before + len] = '\0';
			ck_assert(str_append_format(&s, "%.*s", before, want));
			ck_assert(str_append_format(&s, "%s", want + before));
			ck_assert_str_eq(s.data, want);
			str_fini(&s);
		}
	}
}
END_TEST

START_TEST(zero_bytes_are_kept)
{
	struct str s = STR_INIT(10);

	ck_assert(str_append(&s, "a\0b", 3));
	ck_assert_uint_eq(s.len, 3);
	ck_assert_mem_eq(s.data, "a\0b", 4);
	str_fini(&s);
}
END_TEST

START_TEST(a_url_segment_keeps_only_unreserved_characters)
{
	static const char kept[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				   "0123456789-._~";

	for (int c = 1; c < 256; c++) {
		struct str s = STR_INIT(10);
		char text[3] = { 'a', (char)c, '\0' };
		char want[5];

		snprintf(want, sizeof(want), strchr(kept, c) != NULL ? "a%c" : "a%%%02X", c);
		ck_assert(str_append_url_segment(&s, text));
		ck_assert_str_eq(s.data, want);
		str_fini(&s);
	}
}
END_TEST

START_TEST(a_url_segment_of_dots_stays_a_segment)
{
	static const char *const texts[][2] = {
		{ ".", "%2E" }, { "..", "%2E%2E" }, { "...", "..." }, { ".a", ".a" }
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct str s = STR_INIT(10);

		ck_assert(str_append_url_segment(&s, texts[i][0]));
		ck_assert_str_eq(s.data, texts[i][1]);
		str_fini(&s);
	}
}
END_TEST

START_TEST(a_url_segment_obeys_the_maximum)
{
	for (size_t max = 5; max <= 7; max++) {
		struct str s = STR_INIT(max);

		ck_assert_int_eq(str_append_url_segment(&s, "ab/c"), max >= 6);
		ck_assert_str_eq(s.data, max >= 6 ? "ab%2Fc" : "");
		str_fini(&s);
	}
}
END_TEST

START_TEST(detached_memory_is_the_callers)
{
	struct str s = STR_INIT(10);
	char *data;

	ck_assert(str_append_text(&s, "abc"));
	data = str_detach(&s);
	ck_assert_str_eq(data, "abc");
	ck_assert_str_eq(s.data, "");
	ck_assert(str_append_text(&s, "0123456789"));
	ck_assert_str_eq(data, "abc");
	free(data);
	str_fini(&s);
	data = str_detach(&s);
	ck_assert_str_eq(data, "");
	free(data);
}
END_TEST

START_TEST(reset_keeps_the_memory)
{
	struct str s = STR_INIT(1000);
	const char *data;

	ck_assert(str_append_text(&s, "abc"));
	data = s.data;
	str_reset(&s);
	ck_assert_str_eq(s.data, "");
	ck_assert(str_append_text(&s, "defg"));
	ck_assert_ptr_eq(s.data, data);
	str_fini(&s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("str");
	TCase *tcase = tcase_create("str");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, an_empty_one_is_a_c_string);
	tcase_add_test(tcase, the_maximum_is_exact);
	tcase_add_test(tcase, the_maximum_is_exact_when_formatting);
	tcase_add_test(tcase, nothing_but_zero_bytes_fits_into_maximum_0);
	tcase_add_test(tcase, a_failure_empties_and_stays);
	tcase_add_test(tcase, no_memory_is_a_failure);
	tcase_add_test(tcase, grows_byte_by_byte);
	tcase_add_test(tcase, formatting_crosses_the_end_of_the_memory);
	tcase_add_test(tcase, zero_bytes_are_kept);
	tcase_add_test(tcase, a_url_segment_keeps_only_unreserved_characters);
	tcase_add_test(tcase, a_url_segment_of_dots_stays_a_segment);
	tcase_add_test(tcase, a_url_segment_obeys_the_maximum);
	tcase_add_test(tcase, detached_memory_is_the_callers);
	tcase_add_test(tcase, reset_keeps_the_memory);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
