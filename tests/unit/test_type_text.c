#include "types/type.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "domain/message.h"
#include "json/json_out.h"

/* {"message":<json>} read by the text type; the payload, or the error's text. */
static bool read_message(const char *json, struct str *ret_payload, struct err *ret_err)
{
	struct str request = STR_INIT(200000);
	struct json_doc *doc;
	struct json_out o;
	bool ok;

	json_out_begin(&o, &request);
	json_out_object(&o, NULL);
	if (json != NULL)
		json_out_raw(&o, "message", json);
	json_out_object_end(&o);
	doc = json_doc_parse(request.data, request.len, ret_err);
	ck_assert_ptr_nonnull(doc);
	ok = type_find("text")->read(json_doc_root(doc), ret_payload, ret_err);
	json_doc_free(doc);
	str_fini(&request);
	return ok;
}

static void is_refused(const char *json, const char *text)
{
	struct str payload = STR_INIT(100000);
	struct err err = { .class = ERR_NONE };

	ck_assert(str_append_text(&payload, "before"));
	ck_assert(!read_message(json, &payload, &err));
	ck_assert_int_eq(err.class, ERR_INVALID);
	ck_assert_str_eq(err.text, text);
	ck_assert_str_eq(payload.data, "before");
	str_fini(&payload);
}

START_TEST(types_are_found_by_name)
{
	ck_assert_str_eq(type_find("text")->name, "text");
	ck_assert_str_eq(type_find("text")->member, "message");
	ck_assert_ptr_null(type_find("image"));
	ck_assert_ptr_null(type_find("Text"));
	ck_assert_ptr_null(type_find(""));
	ck_assert_ptr_nonnull(type_find(type_names())); /* one so far */
}
END_TEST

START_TEST(a_text_becomes_metas_object)
{
	struct str payload = STR_INIT(100000);
	struct err err;

	ck_assert(read_message("\"Hello! \\\"#12345\\\"\\n😀\"", &payload, &err));
	ck_assert_str_eq(payload.data, "{\"body\":\"Hello! \\\"#12345\\\"\\n😀\"}");
	str_fini(&payload);
}
END_TEST

START_TEST(content_is_the_text_itself)
{
	struct str payload = STR_INIT(100000);
	struct str content = STR_INIT(100000);
	struct err err;

	ck_assert(read_message("\"Hello \\\"you\\\"\\n😀\"", &payload, &err));
	ck_assert(type_find("text")->content(payload.data, &content));
	ck_assert_str_eq(content.data, "Hello \"you\"\n😀");
	ck_assert(!type_find("text")->content("not JSON", &content));
	ck_assert(!type_find("text")->content("{}", &content));
	str_fini(&payload);
	str_fini(&content);
}
END_TEST

START_TEST(faults_name_the_member)
{
	is_refused(NULL, "message: is missing; write 1 to 4096 characters");
	is_refused("null", "message: is missing; write 1 to 4096 characters");
	is_refused("\"\"", "message: is empty; write 1 to 4096 characters");
	is_refused("5", "message: is a number; write a string");
	is_refused("{\"body\":\"x\"}", "message: is an object; write a string");
	is_refused("\"a\\u0000b\"", "message: holds \\u0000; leave it out");
}
END_TEST

static bool takes(size_t count, const char *character, struct err *ret_err)
{
	struct str json = STR_INIT(100000);
	struct str payload = STR_INIT(100000);
	bool ok;

	ck_assert(str_append_text(&json, "\""));
	for (size_t i = 0; i < count; i++)
		ck_assert(str_append_text(&json, character));
	ck_assert(str_append_text(&json, "\""));
	ok = read_message(json.data, &payload, ret_err);
	str_fini(&json);
	str_fini(&payload);
	return ok;
}

START_TEST(the_limit_counts_characters_not_bytes)
{
	static const char *const characters[] = { "a", "é", "😀", "\\u0001", "\\ud83d\\ude00" };

	for (size_t i = 0; i < sizeof(characters) / sizeof(characters[0]); i++) {
		struct err err = { .class = ERR_NONE };

		ck_assert(takes(1, characters[i], &err));
		ck_assert(takes(MESSAGE_TEXT_MAX - 1, characters[i], &err));
		ck_assert(takes(MESSAGE_TEXT_MAX, characters[i], &err));
		ck_assert(!takes(MESSAGE_TEXT_MAX + 1, characters[i], &err));
		ck_assert_str_eq(err.text, "message: has 4097 characters; write at most 4096, or "
					   "several messages");
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("type_text");
	TCase *tcase = tcase_create("type_text");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, types_are_found_by_name);
	tcase_add_test(tcase, a_text_becomes_metas_object);
	tcase_add_test(tcase, content_is_the_text_itself);
	tcase_add_test(tcase, faults_name_the_member);
	tcase_add_test(tcase, the_limit_counts_characters_not_bytes);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
