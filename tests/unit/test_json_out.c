#include "json/json_out.h"

#include <check.h>
#include <stdlib.h>

#include "json/json_in.h"

static struct str s = STR_INIT(100000);

static void writes(const char *text, const char *wanted)
{
	struct json_out o;

	str_reset(&s);
	json_out_begin(&o, &s);
	json_out_text(&o, NULL, text);
	ck_assert_str_eq(s.data, wanted);
}

START_TEST(commas_and_nesting_are_done)
{
	struct json_out o;

	str_reset(&s);
	json_out_begin(&o, &s);
	json_out_object(&o, NULL);
	json_out_text(&o, "a", "x");
	json_out_int(&o, "b", -7);
	json_out_array(&o, "c");
	json_out_int(&o, NULL, 1);
	json_out_array(&o, NULL);
	json_out_array_end(&o);
	json_out_object(&o, NULL);
	json_out_object_end(&o);
	json_out_text(&o, NULL, "y");
	json_out_array_end(&o);
	json_out_object(&o, "d");
	json_out_bool(&o, "e", true);
	json_out_bool(&o, "f", false);
	json_out_object_end(&o);
	json_out_null(&o, "g");
	json_out_text(&o, "h", NULL);
	json_out_raw(&o, "i", "{\"z\":0}");
	json_out_object_end(&o);
	ck_assert_str_eq(s.data, "{\"a\":\"x\",\"b\":-7,\"c\":[1,[],{},\"y\"],"
				 "\"d\":{\"e\":true,\"f\":false},\"g\":null,\"h\":null,"
				 "\"i\":{\"z\":0}}");
}
END_TEST

START_TEST(numbers_keep_their_64_bits)
{
	struct json_out o;

	str_reset(&s);
	json_out_begin(&o, &s);
	json_out_array(&o, NULL);
	json_out_int(&o, NULL, INT64_MAX);
	json_out_int(&o, NULL, INT64_MIN);
	json_out_array_end(&o);
	ck_assert_str_eq(s.data, "[9223372036854775807,-9223372036854775808]");
}
END_TEST

START_TEST(what_must_be_escaped_is)
{
	writes("", "\"\"");
	writes("a\"b\\c/d", "\"a\\\"b\\\\c/d\"");
	writes("\n\r\t\b\f\x01\x1f\x20\x7f", "\"\\n\\r\\t\\u0008\\u000c\\u0001\\u001f \x7f\"");
	writes("é😀\xe2\x80\xa8", "\"é😀\xe2\x80\xa8\"");
}
END_TEST

START_TEST(invalid_utf8_becomes_the_replacement_character)
{
	writes("a\xff"
	       "b",
	       "\"a\xef\xbf\xbd"
	       "b\"");
	writes("\xc3", "\"\xef\xbf\xbd\"");
	writes("\xc3\"", "\"\xef\xbf\xbd\\\"\"");
	writes("\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\"");
	writes("\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	writes("\xf0\x9f\x98", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	writes("\xf0\x9f\x98\x80\x80", "\"😀\xef\xbf\xbd\"");
}
END_TEST

/* Any bytes: what is written is valid JSON, and valid text comes back as it was. */
START_TEST(what_was_written_is_read_back)
{
	uint32_t seed = 1;

	for (int i = 0; i < 5000; i++) {
		char text[24];
		struct json_out o;
		struct json_doc *doc;
		struct err err;

		for (size_t b = 0; b < sizeof(text); b++) {
			seed = seed * 1664525u + 1013904223u;
			text[b] = (char)(seed >> 24);
		}
		text[sizeof(text) - 1] = '\0';
		if (i % 2 == 0)
			for (size_t b = 0; b < sizeof(text) - 1; b++)
				text[b] = (char)(text[b] & 0x7f);
		str_reset(&s);
		json_out_begin(&o, &s);
		json_out_text(&o, NULL, text);
		doc = json_doc_parse(s.data, s.len, &err);
		ck_assert_msg(doc != NULL, "%s", s.data);
		if (i % 2 == 0)
			ck_assert_str_eq(json_text(json_doc_root(doc), NULL), text);
		json_doc_free(doc);
	}
}
END_TEST

START_TEST(a_full_string_shows_afterwards)
{
	for (size_t max = 8; max <= 10; max++) {
		struct str small;
		struct json_out o;

		str_init(&small, max);
		json_out_begin(&o, &small);
		json_out_object(&o, NULL);
		json_out_text(&o, "a", "x");
		json_out_object_end(&o); /* 9 bytes */
		ck_assert_int_eq(str_ok(&small), max >= 9);
		ck_assert_uint_eq(small.len, max >= 9 ? 9 : 0);
		str_fini(&small);
	}
}
END_TEST

START_TEST(members_of_another_object_stand_among_ours)
{
	struct str to = STR_INIT(100);
	struct json_out out;

	json_out_begin(&out, &to);
	json_out_object(&out, NULL);
	json_out_members(&out, "{\"a\" : 1, \"b\":{}}");
	json_out_int(&out, "c", 2);
	json_out_members(&out, "{\"d\":3}");
	json_out_object_end(&out);
	ck_assert_str_eq(to.data, "{\"a\":1,\"b\":{},\"c\":2,\"d\":3}");
	str_fini(&to);
}
END_TEST

START_TEST(a_document_loses_its_blanks_but_no_text)
{
	struct str to = STR_INIT(100);
	struct json_out out;

	json_out_begin(&out, &to);
	json_out_document(&out, " {\"a b\" : [1,\t2,\n null] , \"c\" : \"x \\\" : y \\\\\" } ");
	ck_assert_str_eq(to.data, "{\"a b\":[1,2,null],\"c\":\"x \\\" : y \\\\\"}");
	str_fini(&to);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("json_out");
	TCase *tcase = tcase_create("json_out");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, members_of_another_object_stand_among_ours);
	tcase_add_test(tcase, a_document_loses_its_blanks_but_no_text);
	tcase_add_test(tcase, commas_and_nesting_are_done);
	tcase_add_test(tcase, numbers_keep_their_64_bits);
	tcase_add_test(tcase, what_must_be_escaped_is);
	tcase_add_test(tcase, invalid_utf8_becomes_the_replacement_character);
	tcase_add_test(tcase, what_was_written_is_read_back);
	tcase_add_test(tcase, a_full_string_shows_afterwards);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
