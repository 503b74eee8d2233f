#include "json/json_in.h"

#include <check.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

/* clang puts its sanitizer into the program: what stands in front of realloc there is its own. */
#if !defined(__clang__)
#define REALLOC_FAILS
#endif

#ifdef REALLOC_FAILS
static unsigned long grown;
static unsigned long fails_at; /* 0: none */

void *realloc(void *memory, size_t size)
{
	void *(*real)(void *, size_t);

	*(void **)&real = dlsym(RTLD_NEXT, "realloc");
	return ++grown == fails_at ? NULL : real(memory, size);
}
#endif

/* The document, which the caller frees; text need not end with 0. */
static struct json_doc *valid(const char *text)
{
	size_t len = strlen(text);
	char *exact = malloc(len + 1); /* without the 0, so that reading past the end is seen */
	struct err err;
	struct json_doc *doc;

	ck_assert_ptr_nonnull(exact);
	memcpy(exact, text, len);
	exact = realloc(exact, len == 0 ? 1 : len);
	ck_assert_ptr_nonnull(exact);
	doc = json_doc_parse(exact, len, &err);
	ck_assert_msg(doc != NULL, "%s: %s", text, doc == NULL ? err.text : "");
	free(exact);
	return doc;
}

static void is_refused_bytes(const char *text, size_t len, const char *saying)
{
	struct err err = { .class = ERR_NONE };
	struct json_doc *doc = json_doc_parse(text, len, &err);

	ck_assert_msg(doc == NULL, "taken: %s", text);
	ck_assert_int_eq(err.class, ERR_INVALID);
	ck_assert_msg(strstr(err.text, saying) != NULL, "%s: %s", text, err.text);
}

static void is_refused(const char *text, const char *saying)
{
	is_refused_bytes(text, strlen(text), saying);
}

START_TEST(every_kind_is_read)
{
	struct json_doc *doc = valid("{\"t\":\"x\",\"n\":-12,\"f\":1.5,\"b\":true,\"z\":null,"
				     "\"a\":[1,\"two\",[]],\"o\":{\"in\":{}}}");
	const struct json_value *root = json_doc_root(doc);
	int64_t number = 0;
	bool truth = false;
	size_t len;

	ck_assert_int_eq(json_kind(root), JSON_OBJECT);
	ck_assert_str_eq(json_text(json_member(root, "t"), &len), "x");
	ck_assert_uint_eq(len, 1);
	ck_assert(json_int(json_member(root, "n"), &number));
	ck_assert_int_eq(number, -12);
	ck_assert(json_bool(json_member(root, "b"), &truth));
	ck_assert(truth);
	ck_assert_int_eq(json_kind(json_member(root, "f")), JSON_NUMBER);
	ck_assert_int_eq(json_kind(json_member(root, "z")), JSON_NULL);
	ck_assert_int_eq(json_kind(json_member(root, "a")), JSON_ARRAY);
	ck_assert_uint_eq(json_array_count(json_member(root, "a")), 3);
	ck_assert_str_eq(json_text(json_array_at(json_member(root, "a"), 1), NULL), "two");
	ck_assert_ptr_null(json_array_at(json_member(root, "a"), 3));
	ck_assert_int_eq(json_kind(json_member(json_member(root, "o"), "in")), JSON_OBJECT);
	ck_assert_ptr_null(json_member(root, "absent"));
	json_doc_free(doc);
	json_doc_free(NULL);
}
END_TEST

START_TEST(getters_never_convert)
{
	struct json_doc *doc = valid("[\"12\",12,1.0,true,null,{\"a\":1}]");
	const struct json_value *root = json_doc_root(doc);
	int64_t number = 77;
	bool truth = true;

	ck_assert(!json_int(json_array_at(root, 0), &number));
	ck_assert(!json_int(json_array_at(root, 2), &number));
	ck_assert(!json_int(json_array_at(root, 3), &number));
	ck_assert(!json_int(json_array_at(root, 4), &number));
	ck_assert_int_eq(number, 77);
	ck_assert(!json_bool(json_array_at(root, 1), &truth));
	ck_assert(!json_bool(NULL, &truth));
	ck_assert_ptr_null(json_text(json_array_at(root, 1), NULL));
	ck_assert_ptr_null(json_text(json_array_at(root, 3), NULL));
	ck_assert_ptr_null(json_text(NULL, NULL));
	ck_assert_ptr_null(json_member(root, "a"));
	ck_assert_uint_eq(json_array_count(json_array_at(root, 5)), 0);
	json_doc_free(doc);
}
END_TEST

START_TEST(whole_numbers_keep_their_64_bits_or_are_refused)
{
	static const struct {
		const char *text;
		bool ok;
		int64_t value;
	} rows[] = {
		{ "0", true, 0 },
		{ "-0", true, 0 },
		{ "9223372036854775806", true, INT64_MAX - 1 },
		{ "-9223372036854775807", true, -INT64_MAX },
		{ "9223372036854775808", false, 0 },
		{ "18446744073709551616", false, 0 },
		{ "-9223372036854775809", false, 0 },
		{ "99999999999999999999999999999999999999", false, 0 },
		{ "1e3", false, 0 },
		{ "1.0", false, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct json_doc *doc = valid(rows[i].text);
		int64_t value = 7;

		ck_assert_int_eq(json_kind(json_doc_root(doc)), JSON_NUMBER);
		ck_assert_msg(json_int(json_doc_root(doc), &value) == rows[i].ok, "%s",
			      rows[i].text);
		ck_assert_int_eq(value, rows[i].ok ? rows[i].value : 7);
		json_doc_free(doc);
	}
}
END_TEST

START_TEST(escapes_and_unicode_are_decoded)
{
	struct json_doc *doc = valid(
		" [ \"\\\"\\\\\\/\\b\\f\\n\\r\\t\" ,\"\\u00e9\\uD83D\\ude00\",\"é😀\" ]\r\n\t");
	const struct json_value *root = json_doc_root(doc);

	ck_assert_str_eq(json_text(json_array_at(root, 0), NULL), "\"\\/\b\f\n\r\t");
	ck_assert_str_eq(json_text(json_array_at(root, 1), NULL), "é😀");
	ck_assert_str_eq(json_text(json_array_at(root, 2), NULL), "é😀");
	json_doc_free(doc);
}
END_TEST

START_TEST(a_string_with_a_0_is_no_c_string)
{
	struct json_doc *doc = valid("{\"a\":\"x\\u0000y\"}");
	const char *text = "untouched";
	size_t len;
	struct err err;

	ck_assert_int_eq(json_kind(json_member(json_doc_root(doc), "a")), JSON_STRING);
	ck_assert_ptr_null(json_text(json_member(json_doc_root(doc), "a"), NULL));
	ck_assert(!json_member_text(json_doc_root(doc), "a", &text, &len, &err));
	ck_assert_str_eq(err.text, "a: holds \\u0000; leave it out");
	ck_assert_str_eq(text, "untouched");
	json_doc_free(doc);
}
END_TEST

START_TEST(a_member_text_is_there_or_absent_or_named)
{
	struct json_doc *doc =
		valid("{\"a\":\"x\",\"b\":null,\"c\":1,\"d\":[],\"e\":{},\"f\":true}");
	const struct json_value *root = json_doc_root(doc);
	const char *text;
	size_t len;
	struct err err;

	ck_assert(json_member_text(root, "a", &text, &len, &err));
	ck_assert_str_eq(text, "x");
	ck_assert_uint_eq(len, 1);
	ck_assert(json_member_text(root, "b", &text, &len, &err));
	ck_assert_ptr_null(text);
	ck_assert(json_member_text(root, "absent", &text, &len, &err));
	ck_assert_ptr_null(text);
	ck_assert(!json_member_text(root, "c", &text, &len, &err));
	ck_assert_str_eq(err.text, "c: is a number; write a string");
	ck_assert(!json_member_text(root, "d", &text, &len, &err));
	ck_assert_str_eq(err.text, "d: is an array; write a string");
	ck_assert(!json_member_text(root, "e", &text, &len, &err));
	ck_assert_str_eq(err.text, "e: is an object; write a string");
	ck_assert(!json_member_text(root, "f", &text, &len, &err));
	ck_assert_str_eq(err.text, "f: is a boolean; write a string");
	json_doc_free(doc);
}
END_TEST

START_TEST(what_is_not_json_is_refused_with_the_place)
{
	is_refused("", "body: not valid JSON: a value is expected at byte 0");
	is_refused("   ", "at byte 3");
	is_refused("{", "in quotes is expected at byte 1");
	is_refused("{\"a\":1", "a comma or } is expected at byte 6");
	is_refused("{\"a\" 1}", "a colon is expected at byte 5");
	is_refused("{\"a\":}", "a value is expected at byte 5");
	is_refused("{\"a\":1,}", "in quotes is expected at byte 7");
	is_refused("{a:1}", "in quotes is expected at byte 1");
	is_refused("{'a':1}", "in quotes is expected at byte 1");
	is_refused("[1,]", "a value is expected at byte 3");
	is_refused("[1 2]", "a comma or ] is expected at byte 3");
	is_refused("[1}", "a comma or ] is expected at byte 2");
	is_refused("{}x", "nothing may follow the document at byte 2");
	is_refused("{} {}", "nothing may follow the document at byte 3");
	is_refused("1 2", "nothing may follow the document at byte 2");
	is_refused("// c\n{}", "a value is expected at byte 0");
	is_refused("nul", "a value is expected at byte 0");
	is_refused("True", "a value is expected at byte 0");
	is_refused("NaN", "a value is expected at byte 0");
	is_refused("Infinity", "a value is expected at byte 0");
	is_refused("-Infinity", "a digit is expected at byte 1");
	is_refused("\xef\xbb\xbf{}", "a value is expected at byte 0");
	is_refused_bytes("{}\0", 3, "nothing may follow the document at byte 2");
	is_refused_bytes("\0", 1, "a value is expected at byte 0");
}
END_TEST

START_TEST(numbers_have_one_form)
{
	is_refused("01", "must not begin with 0 at byte 1");
	is_refused("-", "a digit is expected at byte 1");
	is_refused("+1", "a value is expected at byte 0");
	is_refused(".5", "a value is expected at byte 0");
	is_refused("1.", "a digit is expected at byte 2");
	is_refused("1e", "a digit is expected at byte 2");
	is_refused("1e+", "a digit is expected at byte 3");
	is_refused("0x10", "nothing may follow the document at byte 1");
	json_doc_free(valid("[0,-0,10,1.5,-1.5e10,1E-2,0e+0,1e999]"));
}
END_TEST

START_TEST(strings_have_one_form)
{
	is_refused("\"abc", "the string does not end at byte 4");
	is_refused("\"a\nb\"", "a control character in a string must be escaped at byte 2");
	is_refused_bytes("\"a\0b\"", 5, "must be escaped at byte 2");
	is_refused("\"\\x\"", "no such escape in a string at byte 2");
	is_refused("\"\\", "no such escape in a string at byte 2");
	is_refused("\"\\u12g4\"", "four hexadecimal digits at byte 5");
	is_refused("\"\\u12", "four hexadecimal digits at byte 5");
	is_refused("\"\\ud800\"", "a high surrogate without a low one");
	is_refused("\"\\ud800x\"", "a high surrogate without a low one");
	is_refused("\"\\ud800\\n\"", "a high surrogate without a low one");
	is_refused("\"\\ud800\\u0041\"", "a high surrogate without a low one");
	is_refused("\"\\udc00\"", "a low surrogate without a high one");
	is_refused("{\"a\\u0000b\":1}", "must not hold \\u0000");
}
END_TEST

START_TEST(text_must_be_utf8)
{
	is_refused("{\"a\":\"\xff\"}", "not UTF-8 in the string at byte 6");
	is_refused("\"\xc3\"", "not UTF-8");             /* cut */
	is_refused("\"\xc0\xaf\"", "not UTF-8");         /* overlong */
	is_refused("\"\xed\xa0\x80\"", "not UTF-8");     /* a surrogate */
	is_refused("\"\xf4\x90\x80\x80\"", "not UTF-8"); /* beyond U+10FFFF */
	is_refused("{\"\xff\":1}", "not UTF-8");
}
END_TEST

START_TEST(a_member_given_twice_is_named)
{
	is_refused("{\"to\":1,\"to\":2}", "to: is given twice; give it once");
	is_refused("{\"a\":1,\"b\":2,\"\\u0061\":3}", "a: is given twice");
	is_refused("{\"a\":{\"x\":1,\"y\":{},\"x\":2}}", "x: is given twice");
	is_refused("[{\"a\":1},{\"b\":1,\"b\":null}]", "b: is given twice");
	is_refused("{\"\":1,\"\":2}", ": is given twice");
	json_doc_free(valid("[{\"a\":1},{\"a\":1},{\"a\":{\"a\":{\"a\":null}}}]"));
}
END_TEST

static void nested(struct str *text, int depth, bool objects)
{
	str_reset(text);
	for (int i = 0; i < depth; i++)
		ck_assert(str_append_text(text, objects ? "{\"a\":" : "["));
	ck_assert(str_append_text(text, "1"));
	for (int i = 0; i < depth; i++)
		ck_assert(str_append_text(text, objects ? "}" : "]"));
}

START_TEST(depth_is_bounded)
{
	struct str text = STR_INIT(1024);

	for (int objects = 0; objects < 2; objects++) {
		nested(&text, JSON_DEPTH_MAX - 1, objects != 0);
		json_doc_free(valid(text.data));
		nested(&text, JSON_DEPTH_MAX, objects != 0);
		json_doc_free(valid(text.data));
		nested(&text, JSON_DEPTH_MAX + 1, objects != 0);
		is_refused(text.data, "nested too deep");
	}
	str_fini(&text);
}
END_TEST

static bool note(void *arg, const char *name, const struct json_value *v)
{
	struct str *seen = arg;

	ck_assert(str_append_text(seen, name));
	return json_kind(v) != JSON_NULL;
}

START_TEST(members_come_in_order_until_told_to_stop)
{
	struct json_doc *doc = valid("{\"c\":1,\"a\":[],\"b\":null,\"d\":1}");
	struct str seen = STR_INIT(16);

	json_members(json_doc_root(doc), note, &seen);
	ck_assert_str_eq(seen.data, "cab");
	json_members(json_member(json_doc_root(doc), "a"), note, &seen);
	json_members(NULL, note, &seen);
	ck_assert_str_eq(seen.data, "cab");
	str_fini(&seen);
	json_doc_free(doc);
}
END_TEST

START_TEST(a_root_may_be_any_value)
{
	struct json_doc *doc = valid("null");

	ck_assert_int_eq(json_kind(json_doc_root(doc)), JSON_NULL);
	json_doc_free(doc);
	doc = valid("\"x\"");
	ck_assert_str_eq(json_text(json_doc_root(doc), NULL), "x");
	json_doc_free(doc);
	doc = valid("-7");
	ck_assert_int_eq(json_kind(json_doc_root(doc)), JSON_NUMBER);
	json_doc_free(doc);
	doc = valid("false");
	ck_assert_int_eq(json_kind(json_doc_root(doc)), JSON_BOOL);
	json_doc_free(doc);
}
END_TEST

START_TEST(a_repetition_among_many_members_is_found)
{
	size_t size = 2u * 20000u * 12u;
	char *text = malloc(size);
	size_t len = 1;

	ck_assert_ptr_nonnull(text);
	text[0] = '{';
	for (int i = 0; i < 20000; i++)
		len += (size_t)snprintf(text + len, size - len, "\"%d\":1,", i);
	len += (size_t)snprintf(text + len, size - len, "\"19999\":1}");
	is_refused(text, "19999: is given twice");
	free(text);
}
END_TEST

START_TEST(what_is_read_weighs_as_much_as_the_text)
{
	static const char *const texts[] = {
		"[]",
		"{}",
		"\"\"",
		"null",
		"[null,null,{\"a\":null}]",
		"[0,-1.5e3,true,false]",
		"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
		"\"\\u0000\\u007f\\u0080\\u07ff\\u0800\\uffff\"",
		"\"\\ud83d\\ude00\\ud800\\udc00\\udbff\\udfff\"",
		"\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
		"{\"\\u00e9\\n\":[{\"\\ud83d\\ude00\":\"\\u20ac\"}]}",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		json_doc_free(valid(texts[i]));
}
END_TEST

#ifdef REALLOC_FAILS
/* json-c would leave out what it had no memory for, and call that a success. */
START_TEST(nothing_is_left_out_for_want_of_memory)
{
	static const char text[] =
		"{\"a name that is longer than the first memory\":\"a text that is longer than the "
		"first memory, and than the second, so that it grows more than once: 01234567\"}";
	struct json_doc *doc = NULL;
	unsigned failures = 0;
	struct err err;

	while (!doc) {
		err.class = ERR_NONE;
		grown = 0;
		fails_at = failures + 1;
		doc = json_doc_parse(text, strlen(text), &err);
		fails_at = 0;
		if (doc)
			break;
		ck_assert_int_eq(err.class, ERR_INTERNAL);
		failures++;
	}
	ck_assert_uint_ge(failures, 2);
	json_doc_free(doc);
}
END_TEST
#endif

int main(void)
{
	Suite *suite = suite_create("json_in");
	TCase *tcase = tcase_create("json_in");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, every_kind_is_read);
	tcase_add_test(tcase, getters_never_convert);
	tcase_add_test(tcase, whole_numbers_keep_their_64_bits_or_are_refused);
	tcase_add_test(tcase, escapes_and_unicode_are_decoded);
	tcase_add_test(tcase, a_string_with_a_0_is_no_c_string);
	tcase_add_test(tcase, a_member_text_is_there_or_absent_or_named);
	tcase_add_test(tcase, what_is_not_json_is_refused_with_the_place);
	tcase_add_test(tcase, numbers_have_one_form);
	tcase_add_test(tcase, strings_have_one_form);
	tcase_add_test(tcase, text_must_be_utf8);
	tcase_add_test(tcase, a_member_given_twice_is_named);
	tcase_add_test(tcase, depth_is_bounded);
	tcase_add_test(tcase, members_come_in_order_until_told_to_stop);
	tcase_add_test(tcase, a_root_may_be_any_value);
	tcase_add_test(tcase, a_repetition_among_many_members_is_found);
	tcase_add_test(tcase, what_is_read_weighs_as_much_as_the_text);
#ifdef REALLOC_FAILS
	tcase_add_test(tcase, nothing_is_left_out_for_want_of_memory);
#endif
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
