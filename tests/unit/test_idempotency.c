#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "http/idempotency.h"

static char key[IDEMPOTENCY_KEY_BYTES];
static struct err err;

START_TEST(quoted_and_bare_are_the_same_key)
{
	static const struct {
		const char *header;
		const char *key;
	} rows[] = {
		{ "8e03978e-40d5-43e8-bc93-6894a57f9324", "8e03978e-40d5-43e8-bc93-6894a57f9324" },
		{ "\"8e03978e-40d5-43e8-bc93-6894a57f9324\"",
		  "8e03978e-40d5-43e8-bc93-6894a57f9324" },
		{ " \t\"k\" ", "k" },
		{ "  k\t", "k" },
		{ "\"a\\\"b\\\\c\"", "a\"b\\c" },
		{ "a\"b\\c", "a\"b\\c" },
		{ "!~", "!~" },
		{ "a,b;c=d", "a,b;c=d" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_msg(idempotency_key_read(rows[i].header, key, &err), "%s",
			      rows[i].header);
		ck_assert_str_eq(key, rows[i].key);
	}
}
END_TEST

START_TEST(a_header_without_value_is_none)
{
	static const char *const none[] = { "", " ", " \t " };

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		(void)!text_copy(key, sizeof(key), "x");
		ck_assert(idempotency_key_read(none[i], key, &err));
		ck_assert_str_eq(key, "");
	}
}
END_TEST

START_TEST(what_is_no_key_is_refused_by_name)
{
	static const char *const wrong[] = {
		"\"\"",      "\"",           "\"a",         "\"a\\\"",      "\"a\\b\"", "\"a\"b",
		"\"a\";p=1", "\"a\", \"b\"", "a b",         "a, b",         "a\tb",     "\"a b\"",
		"a\x7f",     "a\x01",        "caf\xc3\xa9", "\"\xc3\xa9\"",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		(void)!text_copy(key, sizeof(key), "untouched");
		ck_assert_msg(!idempotency_key_read(wrong[i], key, &err), "%s", wrong[i]);
		ck_assert_int_eq(err.class, ERR_INVALID);
		ck_assert_ptr_eq(strstr(err.text, "Idempotency-Key: "), err.text);
		ck_assert_str_eq(key, "untouched");
	}
}
END_TEST

static bool read_long(size_t len, bool quoted, bool escaped)
{
	char header[2 * 300 + 3] = "";
	size_t at = 0;

	if (quoted)
		header[at++] = '"';
	for (size_t i = 0; i < len; i++) {
		if (escaped)
			header[at++] = '\\';
		header[at++] = escaped ? '"' : 'k';
	}
	if (quoted)
		header[at++] = '"';
	header[at] = '\0';
	return idempotency_key_read(header, key, &err);
}

START_TEST(a_key_has_1_to_255_characters)
{
	for (int quoted = 0; quoted < 2; quoted++) {
		ck_assert(read_long(1, quoted, false));
		ck_assert_uint_eq(strlen(key), 1);
		ck_assert(read_long(254, quoted, false));
		ck_assert(read_long(255, quoted, false));
		ck_assert_uint_eq(strlen(key), 255);
		ck_assert(!read_long(256, quoted, false));
		ck_assert(!read_long(300, quoted, false));
	}
	ck_assert(!read_long(0, true, false));
	ck_assert(read_long(255, true, true));
	ck_assert_uint_eq(strlen(key), 255);
	ck_assert(!read_long(256, true, true));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("idempotency");
	TCase *tcase = tcase_create("idempotency");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, quoted_and_bare_are_the_same_key);
	tcase_add_test(tcase, a_header_without_value_is_none);
	tcase_add_test(tcase, what_is_no_key_is_refused_by_name);
	tcase_add_test(tcase, a_key_has_1_to_255_characters);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
