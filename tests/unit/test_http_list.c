/*
 * The parameters of the list: percent-decoding, the reader of any query, the list's own.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/list.h"
#include "http/percent.h"
#include "http/query.h"

#define ID "01890a5d-ac96-774b-bcce-b302099a8057"

START_TEST(percent_encoding_is_read_strictly)
{
	static const struct {
		const char *raw;
		enum percent_result result;
		const char *text;
	} cases[] = {
		{ "", PERCENT_OK, "" },
		{ "abc", PERCENT_OK, "abc" },
		{ "a+b", PERCENT_OK, "a+b" },
		{ "%41%7a%7A", PERCENT_OK, "Azz" },
		{ "%25zz", PERCENT_OK, "%zz" },
		{ "%", PERCENT_MALFORMED, NULL },
		{ "%4", PERCENT_MALFORMED, NULL },
		{ "%4g", PERCENT_MALFORMED, NULL },
		{ "%g4", PERCENT_MALFORMED, NULL },
		{ "%%41", PERCENT_MALFORMED, NULL },
		{ "a%00b", PERCENT_MALFORMED, NULL },
		{ "%2", PERCENT_MALFORMED, NULL },
		{ "12345678", PERCENT_OK, "12345678" },
		{ "1234567%38", PERCENT_OK, "12345678" },
		{ "123456789", PERCENT_TOO_LONG, NULL },
		{ "12345678%39", PERCENT_TOO_LONG, NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[9];
		const char *raw = cases[i].raw;

		ck_assert_msg(percent_decode(raw, strlen(raw), text, sizeof(text)) ==
				      cases[i].result,
			      "%s", raw);
		if (cases[i].text)
			ck_assert_str_eq(text, cases[i].text);
	}
}
END_TEST

/* The digits behind the end are not the sequence's. */
START_TEST(a_sequence_that_is_cut_is_malformed)
{
	char text[9];

	ck_assert_int_eq(percent_decode("%41", 2, text, sizeof(text)), PERCENT_MALFORMED);
	ck_assert_int_eq(percent_decode("%41", 3, text, sizeof(text)), PERCENT_OK);
}
END_TEST

static bool read_two(const char *query, char a[5], char b[5], struct err *ret_err)
{
	struct query_field fields[] = { { "a", a, 5, false }, { "bc", b, 5, false } };

	return http_query_read(query, fields, 2, ret_err);
}

START_TEST(a_query_is_pairs)
{
	static const struct {
		const char *query;
		const char *a;
		const char *b;
	} cases[] = {
		{ "", "-", "-" },         { "&&", "-", "-" },         { "a=1", "1", "-" },
		{ "bc=2&a=1", "1", "2" }, { "a=1=2", "1=2", "-" },    { "%61=x", "x", "-" },
		{ "a=%26&", "&", "-" },   { "&a=1234", "1234", "-" }, { "a=%C3%A4", "ä", "-" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char a[5] = "-";
		char b[5] = "-";
		struct err err = { .text = "" };

		ck_assert_msg(read_two(cases[i].query, a, b, &err), "%s: %s", cases[i].query,
			      err.text);
		ck_assert_str_eq(a, cases[i].a);
		ck_assert_str_eq(b, cases[i].b);
	}
}
END_TEST

START_TEST(what_is_wrong_in_a_query_is_named)
{
	static const struct {
		const char *query;
		const char *text; /* how the error begins */
	} cases[] = {
		{ "d=1", "d: is not a parameter of this request; known are a, bc" },
		{ "A=1", "A: is not a parameter" },
		{ "=1", ": is not a parameter" },
		{ "a", "a: has no value" },
		{ "a=", "a: has no value" },
		{ "a=1&a=1", "a: is there twice" },
		{ "a=1&b%63=2&bc=2", "bc: is there twice" },
		{ "a=%", "a: is not percent-encoded" },
		{ "a=%4", "a: is not percent-encoded" },
		{ "a=%4&bc=1", "a: is not percent-encoded" },
		{ "a=%00", "a: is not percent-encoded" },
		{ "a=12345", "a: is longer than 4 bytes" },
		{ "a=%0A", "a: has characters that do not print" },
		{ "a=%7F", "a: has characters that do not print" },
		{ "a=%FF", "a: has characters that do not print, or is not UTF-8" },
		{ "%=1", "query: has a parameter" },
		{ "%0a=1", "query: has a parameter" },
		{ "1234567890123456789012345678901234567890=1", "query: has a parameter" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char a[5];
		char b[5];
		struct err err = { .text = "" };

		ck_assert_msg(!read_two(cases[i].query, a, b, &err), "%s", cases[i].query);
		ck_assert_int_eq(err.class, ERR_INVALID);
		ck_assert_msg(strncmp(err.text, cases[i].text, strlen(cases[i].text)) == 0, "%s",
			      err.text);
	}
}
END_TEST

START_TEST(a_list_has_its_defaults)
{
	struct message_filter f;
	struct err err;

	ck_assert(http_list_read("tenant_id=acme", NULL, &f, &err));
	ck_assert_str_eq(f.tenant_id, "acme");
	ck_assert_str_eq(f.status, "");
	ck_assert(!f.has_since && !f.has_before);
	ck_assert_uint_eq(f.limit, 50);
}
END_TEST

START_TEST(a_list_is_read_whole)
{
	struct message_filter f;
	char id[MESSAGE_ID_TEXT_BYTES];
	struct err err = { .text = "" };

	ck_assert_msg(http_list_read("cursor=" ID "&limit=200&since=2025-11-04T10:30:00%2B00:00"
				     "&status=failed&tenant_id=a%20b",
				     NULL, &f, &err) == false,
		      "a blank is no visible character");
	ck_assert_msg(http_list_read("cursor=" ID "&limit=200&since=2025-11-04T10:30:00Z"
				     "&status=failed&tenant_id=a%2Fb",
				     NULL, &f, &err),
		      "%s", err.text);
	ck_assert_str_eq(f.tenant_id, "a/b");
	ck_assert_str_eq(f.status, "failed");
	ck_assert(f.has_since && f.has_before);
	ck_assert_int_eq(f.since_wall_us, INT64_C(1762252200000000));
	message_id_text(f.before, id);
	ck_assert_str_eq(id, ID);
	ck_assert_uint_eq(f.limit, 200);
}
END_TEST

START_TEST(limits_of_a_list)
{
	static const struct {
		const char *limit;
		unsigned value; /* 0: refused */
	} cases[] = { { "0", 0 },   { "1", 1 },     { "2", 2 },    { "199", 199 },  { "200", 200 },
		      { "201", 0 }, { "-1", 0 },    { "+1", 0 },   { "1.0", 0 },    { "0x10", 0 },
		      { "%31", 1 }, { "00001", 1 }, { "%201", 0 }, { "9999999", 0 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct message_filter f;
		struct err err;
		char query[64];

		(void)snprintf(query, sizeof(query), "tenant_id=a&limit=%s", cases[i].limit);
		ck_assert_msg(http_list_read(query, NULL, &f, &err) == (cases[i].value != 0), "%s",
			      query);
		if (cases[i].value)
			ck_assert_uint_eq(f.limit, cases[i].value);
		else
			ck_assert_msg(strncmp(err.text, "limit: ", 7) == 0, "%s", err.text);
	}
}
END_TEST

START_TEST(the_tenant_is_a_token)
{
	for (int len = MESSAGE_TOKEN_MAX - 1; len <= MESSAGE_TOKEN_MAX + 1; len++) {
		struct message_filter f;
		struct err err;
		char query[MESSAGE_TOKEN_MAX + 32];

		(void)snprintf(query, sizeof(query), "tenant_id=%0*d", len, 1);
		ck_assert(http_list_read(query, NULL, &f, &err) == (len <= MESSAGE_TOKEN_MAX));
	}
}
END_TEST

START_TEST(what_is_wrong_in_a_list_is_named)
{
	static const char *const cases[][2] = {
		{ "", "tenant_id: is missing" },
		{ "status=sent", "tenant_id: is missing" },
		{ "tenant_id=a&status=unknown", "status: is none" },
		{ "tenant_id=a&status=Sent", "status: is none" },
		{ "tenant_id=a&status=delivereddelivered", "status: is longer" },
		{ "tenant_id=a&since=today", "since: is not a time" },
		{ "tenant_id=a&cursor=1", "cursor: is none of ours" },
		{ "tenant_id=a&cursor=" ID "0", "cursor: is longer" },
		{ "tenant_id=a&state=sent", "state: is not a parameter" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct message_filter f = { .limit = 7 };
		struct err err;

		ck_assert_msg(!http_list_read(cases[i][0], NULL, &f, &err), "%s", cases[i][0]);
		ck_assert_msg(strncmp(err.text, cases[i][1], strlen(cases[i][1])) == 0, "%s",
			      err.text);
		ck_assert_uint_eq(f.limit, 7); /* untouched */
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("http_list");
	TCase *tcase = tcase_create("http_list");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, percent_encoding_is_read_strictly);
	tcase_add_test(tcase, a_sequence_that_is_cut_is_malformed);
	tcase_add_test(tcase, a_query_is_pairs);
	tcase_add_test(tcase, what_is_wrong_in_a_query_is_named);
	tcase_add_test(tcase, a_list_has_its_defaults);
	tcase_add_test(tcase, a_list_is_read_whole);
	tcase_add_test(tcase, limits_of_a_list);
	tcase_add_test(tcase, the_tenant_is_a_token);
	tcase_add_test(tcase, what_is_wrong_in_a_list_is_named);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
