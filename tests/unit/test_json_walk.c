#include "json/json_walk.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int shown(const struct json_place *place)
{
	return place->len < 40 ? (int)place->len : 40;
}

static unsigned mores; /* steps without news, of the last walk */
static size_t longest; /* step of it, bytes */

/* "name=value;" of members, "[value]" of elements, in order; then "end" or what is wrong. */
static const char *walked(const char *text)
{
	static char said[1024];
	const size_t text_len = strlen(text);
	char *exact =
		malloc(text_len + 1); /* without the 0, so that reading past the end is seen */
	struct json_walk w;
	struct json_place value;
	struct err err;
	size_t len = 0;

	memcpy(exact, text, text_len);
	exact = realloc(exact, text_len ? text_len : 1);
	mores = 0;
	longest = 0;
	json_walk_init(&w, exact, text_len);
	for (;;) {
		const size_t from = w.at;
		const enum json_walk_step step = json_walk_next(&w, &value, &err);

		if (w.at - from > longest)
			longest = w.at - from;
		if (step == JSON_WALK_MORE) {
			mores++;
			continue;
		}

		if (step == JSON_WALK_END) {
			(void)snprintf(said + len, sizeof(said) - len, "end");
			break;
		}
		if (step == JSON_WALK_FAULT) {
			ck_assert_int_eq(err.class, ERR_INVALID);
			(void)snprintf(said + len, sizeof(said) - len, "%s", err.text);
			break;
		}
		if (step == JSON_WALK_MEMBER)
			len += (size_t)snprintf(said + len, sizeof(said) - len, "%.*s=%.*s;",
						(int)w.name.len, exact + w.name.at, shown(&value),
						exact + value.at);
		else
			len += (size_t)snprintf(said + len, sizeof(said) - len, "[%.*s]",
						shown(&value), exact + value.at);
	}
	free(exact);
	return said;
}

START_TEST(members_and_elements_are_told_in_order)
{
	ck_assert_str_eq(walked("{}"), "end");
	ck_assert_str_eq(walked(" { \"a\" : 1 , \"b\":{\"c\":[2]} } \n"),
			 "\"a\"=1;\"b\"={\"c\":[2]};end");
	ck_assert_str_eq(walked("{\"m\":[ {\"x\":\"]\"} , 7,[],\"}\" ],\"n\":null}"),
			 "\"m\"=;[{\"x\":\"]\"}][7][[]][\"}\"]\"n\"=null;end");
	ck_assert_str_eq(walked("{\"m\":[],\"n\":[]}"), "\"m\"=;\"n\"=;end");
}
END_TEST

START_TEST(faults_are_told_with_their_place)
{
	static const struct {
		const char *text;
		const char *says;
	} rows[] = {
		{ "", "body: is no JSON object" },
		{ "[]", "body: is no JSON object" },
		{ "{", "the name of a member in quotes is expected at byte 1" },
		{ "{,}", "the name of a member in quotes is expected at byte 1" },
		{ "{\"a\"}", "a colon is expected at byte 4" },
		{ "{\"a\":}", "a value is expected at byte 5" },
		{ "{\"a\":1", "a comma or } is expected at byte 6" },
		{ "{\"a\":1 \"b\":2}", "a comma or } is expected at byte 7" },
		{ "{\"a\":1,}", "the name of a member in quotes is expected at byte 7" },
		{ "{\"a\":[1", "a comma or ] is expected at byte 7" },
		{ "{\"a\":[1 2]}", "a comma or ] is expected at byte 8" },
		{ "{\"a\":[1,]}", "a value is expected at byte 8" },
		{ "{\"a\":[,1]}", "a value is expected at byte 6" },
		{ "{\"a\":1}x", "nothing may follow the document at byte 7" },
		{ "{\"a\":[{\"b\":01}]}", "a number must not begin with 0" },
		{ "{\"a\\u0000\":1}", "must not hold \\u0000" },
		{ "{\"a\":\"\xff\"}", "not UTF-8" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *said = walked(rows[i].text);

		ck_assert_msg(strstr(said, rows[i].says) != NULL, "%s: %s", rows[i].text, said);
	}
}
END_TEST

/* An element of so many bytes, in quotes. */
static const char *long_element(size_t len)
{
	char *text = malloc(len + 16);
	const char *said;

	memcpy(text, "{\"a\":[", 6);
	memset(text + 6, 'x', len);
	text[6] = text[6 + len - 1] = '"';
	memcpy(text + 6 + len, "]}", sizeof("]}"));
	said = walked(text);
	free(text);
	return said + strlen("\"a\"=;");
}

START_TEST(one_value_has_a_bound)
{
	ck_assert(strncmp(long_element(JSON_WALK_VALUE_MAX - 1), "[\"xx", 4) == 0);
	ck_assert(strncmp(long_element(JSON_WALK_VALUE_MAX), "[\"xx", 4) == 0);
	ck_assert_str_eq(long_element(JSON_WALK_VALUE_MAX + 1),
			 "body: a value of more than 262144 bytes begins at byte 6");
}
END_TEST

/* In each place where some may be, one after the other. */
START_TEST(no_step_passes_more_white_space_than_that)
{
	static const char text[] = "{\"a\":[1,2],\"b\":3}";
	static const size_t places[] = { 0, 1, 4, 5, 6, 7, 8, 9, 10, 11, 14, 15, 16, 17 };
	static char spaced[2 * JSON_WALK_SPACE_MAX + sizeof(text)];

	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		memset(spaced, ' ', sizeof(spaced));
		memcpy(spaced, text, places[i]);
		(void)snprintf(spaced + places[i] + 2 * JSON_WALK_SPACE_MAX, sizeof(text), "%s",
			       text + places[i]);
		ck_assert_str_eq(walked(spaced), "\"a\"=;[1][2]\"b\"=3;end");
		ck_assert_uint_ge(mores, 1);
		ck_assert_uint_le(longest, JSON_WALK_SPACE_MAX + sizeof(text));
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("json_walk");
	TCase *tcase = tcase_create("json_walk");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, members_and_elements_are_told_in_order);
	tcase_add_test(tcase, faults_are_told_with_their_place);
	tcase_add_test(tcase, no_step_passes_more_white_space_than_that);
	tcase_add_test(tcase, one_value_has_a_bound);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
