#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "store/array.h"

static struct array a;
static struct array_values v;

static void setup(void)
{
	array_init(&a);
}

static void teardown(void)
{
	array_fini(&a);
}

static void expect(int at, const char *bytes, size_t len)
{
	ck_assert(array_values(&a, &v));
	ck_assert_int_eq(v.lengths[at], (int)len);
	ck_assert_mem_eq(v.values[at], bytes, len);
	ck_assert_int_eq(v.formats[at], 1);
}

#define EXPECT(at, bytes) expect(at, bytes, sizeof(bytes) - 1)

START_TEST(an_array_is_as_array_send_writes_it)
{
	array_begin(&a, ARRAY_TEXT, 3);
	array_put_text(&a, "ab");
	array_put_null(&a);
	array_put_text(&a, "");
	EXPECT(0, "\0\0\0\1\0\0\0\1\0\0\0\x19\0\0\0\3\0\0\0\1"
		  "\0\0\0\2"
		  "ab"
		  "\xff\xff\xff\xff"
		  "\0\0\0\0");
	ck_assert_int_eq(v.count, 1);
}
END_TEST

START_TEST(an_empty_array_has_no_dimension)
{
	array_empty(&a, ARRAY_TEXT);
	array_int4(&a, 1);
	EXPECT(0, "\0\0\0\0\0\0\0\0\0\0\0\x19");
	EXPECT(1, "\0\0\0\1");
}
END_TEST

START_TEST(integers_are_big_endian_and_int2_is_cut)
{
	array_begin(&a, ARRAY_INT2, 4);
	array_put_int2(&a, 32767);
	array_put_int2(&a, 32768);
	array_put_int2(&a, -32768);
	array_put_int2(&a, -32769);
	EXPECT(0, "\0\0\0\1\0\0\0\1\0\0\0\x15\0\0\0\4\0\0\0\1"
		  "\0\0\0\2\x7f\xff\0\0\0\2\x7f\xff\0\0\0\2\x80\0\0\0\0\2\x80\0");
	array_reset(&a);
	array_int4(&a, -2);
	array_int8(&a, -3);
	EXPECT(0, "\xff\xff\xff\xfe");
	EXPECT(1, "\xff\xff\xff\xff\xff\xff\xff\xfd");
}
END_TEST

START_TEST(zero_and_empty_become_null_where_asked)
{
	array_begin(&a, ARRAY_INT4, 2);
	array_put_int4_or_null(&a, 0);
	array_put_int4_or_null(&a, 7);
	array_begin(&a, ARRAY_TEXT, 3);
	array_put_text_or_null(&a, "");
	array_put_text_or_null(&a, NULL);
	array_put_text_or_null(&a, "x");
	EXPECT(0, "\0\0\0\1\0\0\0\1\0\0\0\x17\0\0\0\2\0\0\0\1\xff\xff\xff\xff\0\0\0\4\0\0\0\7");
	EXPECT(1, "\0\0\0\1\0\0\0\1\0\0\0\x19\0\0\0\3\0\0\0\1"
		  "\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\1x");
}
END_TEST

START_TEST(time_counts_from_2000)
{
	array_time(&a, 946684800000000);
	array_time(&a, 946684799999999);
	EXPECT(0, "\0\0\0\0\0\0\0\0");
	EXPECT(1, "\xff\xff\xff\xff\xff\xff\xff\xff");
	ck_assert_int_eq(array_read_time("\0\0\0\0\0\0\0\1"), 946684800000001);
}
END_TEST

START_TEST(what_is_written_is_read)
{
	ck_assert_int_eq(array_read_int("\x80\0", 2), -32768);
	ck_assert_int_eq(array_read_int("\x7f\xff", 2), 32767);
	ck_assert_int_eq(array_read_int("\1", 1), 1);
	ck_assert_int_eq(array_read_int("", 0), 0);
}
END_TEST

START_TEST(values_stay_right_when_the_buffer_grows)
{
	char text[5000];

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	array_int4(&a, 42);
	array_begin(&a, ARRAY_TEXT, 100);
	for (int i = 0; i < 100; i++)
		array_put_text(&a, text);
	EXPECT(0, "\0\0\0\x2a");
	ck_assert_int_eq(v.lengths[1], 20 + 100 * (4 + 4999));
}
END_TEST

START_TEST(too_many_parameters_fail)
{
	for (int i = 0; i < ARRAY_PARAMS_MAX; i++)
		array_int4(&a, i);
	ck_assert(array_values(&a, &v));
	array_int4(&a, 1);
	ck_assert(!array_values(&a, &v));
	array_reset(&a);
	ck_assert(array_values(&a, &v));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store_array");
	TCase *tcase = tcase_create("store_array");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, an_array_is_as_array_send_writes_it);
	tcase_add_test(tcase, an_empty_array_has_no_dimension);
	tcase_add_test(tcase, integers_are_big_endian_and_int2_is_cut);
	tcase_add_test(tcase, zero_and_empty_become_null_where_asked);
	tcase_add_test(tcase, time_counts_from_2000);
	tcase_add_test(tcase, what_is_written_is_read);
	tcase_add_test(tcase, values_stay_right_when_the_buffer_grows);
	tcase_add_test(tcase, too_many_parameters_fail);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
