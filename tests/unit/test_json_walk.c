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

/* What is said of a value that the walk stands before; what it says is added. */
typedef enum json_walk_step choose_fn(struct json_walk *w, struct err *err);

static char said[1024];
static size_t said_len;

static void say(const char *before, const struct json_walk *w, struct json_place value,
		const char *behind)
{
	said_len += (size_t)snprintf(said + said_len, sizeof(said) - said_len, "%s%.*s%s", before,
				     shown(&value), w->text + value.at, behind);
}

static void say_name(const struct json_walk *w)
{
	if (w->arrays >> w->depth & 1)
		say("", w, (struct json_place){ 0, 0 }, "[");
	else
		say("", w, w->name, "=");
}

static void say_end(const struct json_walk *w)
{
	say("", w, (struct json_place){ 0, 0 }, w->arrays >> w->depth & 1 ? "]" : ";");
}

/* Arrays of the one object are entered, all else is taken. */
static enum json_walk_step take(struct json_walk *w, struct err *err)
{
	struct json_place value;

	if (w->depth == 1 && w->opens == '[') {
		say_name(w);
		say_end(w);
		return json_walk_enter(w) ? JSON_WALK_MORE : JSON_WALK_FAULT;
	}
	if (!json_walk_take(w, &value, err))
		return JSON_WALK_FAULT;
	say_name(w);
	say("", w, value, "");
	say_end(w);
	return JSON_WALK_MORE;
}

/* Everything is entered, down to the scalars. */
static enum json_walk_step enter(struct json_walk *w, struct err *err)
{
	struct json_place value;

	say_name(w);
	if (json_walk_enter(w)) {
		say("(", w, (struct json_place){ 0, 0 }, "");
		return JSON_WALK_MORE;
	}
	if (!json_walk_take(w, &value, err))
		return JSON_WALK_FAULT;
	say("", w, value, "");
	say_end(w);
	return JSON_WALK_MORE;
}

static enum json_walk_step pass(struct json_walk *w, struct err *err)
{
	(void)err;
	say_name(w);
	json_walk_pass(w);
	return JSON_WALK_MORE;
}

/* "name=value;" of members, "[value]" of elements, in order, ")" where something entered ends;
 * then "end" or what is wrong. */
static const char *walked_len(const char *text, size_t text_len, choose_fn *choose)
{
	/* without the 0, so that reading past the end is seen */
	char *exact = malloc(text_len ? text_len : 1);
	struct json_walk w;
	struct err err;

	memcpy(exact, text, text_len);
	mores = 0;
	longest = 0;
	said_len = 0;
	json_walk_init(&w, exact, text_len);
	for (;;) {
		const size_t from = w.at;
		enum json_walk_step step = json_walk_next(&w, &err);

		if (w.at - from > longest)
			longest = w.at - from;
		if (step == JSON_WALK_MORE)
			mores++;
		if (step == JSON_WALK_LEFT && choose == enter)
			say(")", &w, (struct json_place){ 0, 0 }, "");
		if (step == JSON_WALK_PASSED) {
			say("", &w, json_walk_passed(&w), "");
			say_end(&w);
		}
		if (step == JSON_WALK_MEMBER || step == JSON_WALK_ELEMENT)
			step = choose(&w, &err);
		if (step == JSON_WALK_END) {
			(void)snprintf(said + said_len, sizeof(said) - said_len, "end");
			break;
		}
		if (step == JSON_WALK_FAULT) {
			ck_assert_int_eq(err.class, ERR_INVALID);
			(void)snprintf(said + said_len, sizeof(said) - said_len, "%s", err.text);
			break;
		}
	}
	free(exact);
	return said;
}

static const char *walked_by(const char *text, choose_fn *choose)
{
	return walked_len(text, strlen(text), choose);
}

static const char *walked(const char *text)
{
	return walked_by(text, take);
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
		(void)walked(rows[i].text);
		ck_assert_msg(strstr(said, rows[i].says) != NULL, "%s: %s", rows[i].text, said);
		(void)walked_by(rows[i].text, enter);
		ck_assert_msg(strstr(said, rows[i].says) != NULL, "%s: %s", rows[i].text, said);
		(void)walked_by(rows[i].text, pass);
		ck_assert_msg(strstr(said, rows[i].says) != NULL, "%s: %s", rows[i].text, said);
	}
}
END_TEST

/* An element of so many bytes, in quotes. */
static const char *long_element(size_t len)
{
	char *text = malloc(len + 16);

	memcpy(text, "{\"a\":[", 6);
	memset(text + 6, 'x', len);
	text[6] = text[6 + len - 1] = '"';
	memcpy(text + 6 + len, "]}", sizeof("]}"));
	(void)walked(text);
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

START_TEST(what_is_entered_is_told_in_order)
{
	ck_assert_str_eq(walked_by("{\"a\":{},\"b\":[]}", enter), "\"a\"=()\"b\"=()end");
	ck_assert_str_eq(walked_by("{\"e\" : [ {\"c\":[1 , {\"v\":null}] , \"d\":2}, [] ] }",
				   enter),
			 "\"e\"=([(\"c\"=([1][(\"v\"=null;))\"d\"=2;)[())end");
}
END_TEST

START_TEST(what_is_passed_is_told_when_it_is_over)
{
	ck_assert_str_eq(walked_by("{\"a\" : {\"b\":[1, {}]} ,\"c\":\"x\"}", pass),
			 "\"a\"={\"b\":[1, {}]};\"c\"=\"x\";end");
}
END_TEST

/* Nested so deep, in the one object. */
static const char *nested(unsigned depth, choose_fn *choose)
{
	char text[2048];
	size_t len = (size_t)snprintf(text, sizeof(text), "{\"a\":");

	memset(text + len, '[', depth);
	memset(text + len + depth, ']', depth);
	text[len + 2 * depth] = '}';
	return walked_len(text, len + 2 * depth + 1, choose);
}

START_TEST(depths_have_bounds)
{
	static const char deep[] = "nested too deep";

	ck_assert(strstr(nested(31, enter), "end"));
	/* What cannot be entered is taken, which has a bound of its own. */
	ck_assert(strstr(nested(31 + 32, enter), "end"));
	ck_assert(strstr(nested(31 + 33, enter), deep));
	ck_assert(strstr(nested(1 + 32, take), "end"));
	ck_assert(strstr(nested(1 + 33, take), deep));
	ck_assert(strstr(nested(256, pass), "end"));
	ck_assert(strstr(nested(257, pass), deep));
}
END_TEST

/* Elements of 1000 bytes, so many: as a long array, and beside it a short member. */
static char *long_array(unsigned elements, size_t *ret_len)
{
	char *text = malloc(1001 * (size_t)elements + 32);
	size_t len = 5;

	memcpy(text, "{\"a\":", len);
	for (unsigned i = 0; i < elements; i++) {
		text[len++] = i ? ',' : '[';
		memset(text + len, 'x', 1000);
		text[len] = text[len + 999] = '"';
		len += 1000;
	}
	memcpy(text + len, "],\"b\":1}", 8);
	*ret_len = len + 8;
	return text;
}

START_TEST(something_long_is_passed_in_portions)
{
	size_t len;
	char *text = long_array(3000, &len);

	(void)walked_len(text, len, pass);
	ck_assert(strncmp(said, "\"a\"=[\"xxx", 9) == 0);
	ck_assert(strstr(said, ";\"b\"=1;end"));
	ck_assert_uint_le(longest, JSON_WALK_VALUE_MAX);
	ck_assert_uint_ge(mores, 10);
	/* One string is not: it has no parts. */
	free(text);
	text = malloc(JSON_WALK_VALUE_MAX + 64);
	memcpy(text, "{\"a\":", 5);
	memset(text + 5, 'x', JSON_WALK_VALUE_MAX + 1);
	text[5] = text[5 + JSON_WALK_VALUE_MAX] = '"';
	text[5 + JSON_WALK_VALUE_MAX + 1] = '}';
	ck_assert(strstr(walked_len(text, JSON_WALK_VALUE_MAX + 7, pass), "a value of more than"));
	free(text);
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
	tcase_add_test(tcase, what_is_entered_is_told_in_order);
	tcase_add_test(tcase, what_is_passed_is_told_when_it_is_over);
	tcase_add_test(tcase, depths_have_bounds);
	tcase_add_test(tcase, something_long_is_passed_in_portions);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
