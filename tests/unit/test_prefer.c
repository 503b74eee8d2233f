#include <check.h>
#include <stdlib.h>

#include "http/prefer.h"

START_TEST(respond_async_is_read_as_rfc_7240_has_it)
{
	static const char *const async[] = {
		"respond-async",
		"Respond-Async",
		" respond-async ",
		"respond-async, wait=10",
		"wait=10, respond-async",
		"wait=10,respond-async;foo=bar",
		"a;b=\"c\",respond-async",
		",, respond-async",
		"foo=\"a\\\"b,\" , respond-async",
		"respond-async=\"\"",
	};
	static const char *const sync[] = {
		"",
		" ",
		",",
		"respond-asynchronous",
		"no-respond-async",
		"respond",
		"wait=10",
		"foo=respond-async",
		"foo; respond-async",
		"foo=\"x, respond-async\"",
		"foo=\"x\\\", respond-async\"",
		"foo=\"unended, respond-async",
	};

	for (size_t i = 0; i < sizeof(async) / sizeof(async[0]); i++)
		ck_assert_msg(prefer_read(async[i]).respond_async, "%s", async[i]);
	for (size_t i = 0; i < sizeof(sync) / sizeof(sync[0]); i++)
		ck_assert_msg(!prefer_read(sync[i]).respond_async, "%s", sync[i]);
}
END_TEST

START_TEST(wait_is_read_as_rfc_7240_has_it)
{
	static const struct {
		const char *header;
		int64_t wait_s;
	} rows[] = {
		{ "wait=10", 10 },
		{ "Wait=0", 0 },
		{ "wait = 7", 7 },
		{ "wait=\"8\"", 8 },
		{ "wait=9;foo=bar", 9 },
		{ "respond-async, wait=5", 5 },
		{ "wait=5, wait=6", 5 },
		{ "wait=x, wait=6", -1 },
		{ "wait=99999999999999999999", 1000000 },
		{ "wait=1000001", 1000000 },
		{ "wait", -1 },
		{ "wait=", -1 },
		{ "wait=, 5", -1 },
		{ "wait=-1", -1 },
		{ "wait=5s", -1 },
		{ "wait=5 s", -1 },
		{ "wait=1.5", -1 },
		{ "waiting=5", -1 },
		{ "foo=\"wait=5\"", -1 },
		{ "foo; wait=5", -1 },
		{ "", -1 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_msg(prefer_read(rows[i].header).wait_s == rows[i].wait_s, "%s",
			      rows[i].header);
}
END_TEST

static int64_t wait_ms(const char *header, int64_t most_ms)
{
	const struct prefer prefer = prefer_read(header);

	return prefer_wait_ms(&prefer, most_ms);
}

START_TEST(a_caller_waits_as_it_prefers_and_no_longer_than_anybody)
{
	ck_assert_int_eq(wait_ms("", 55000), 55000);
	ck_assert_int_eq(wait_ms("wait=54", 55000), 54000);
	ck_assert_int_eq(wait_ms("wait=55", 55000), 55000);
	ck_assert_int_eq(wait_ms("wait=56", 55000), 55000);
	ck_assert_int_eq(wait_ms("wait=99999999999999999999", 55000), 55000);
	ck_assert_int_eq(wait_ms("wait=1", 55000), 1000);
	ck_assert_int_eq(wait_ms("wait=0", 55000), 0);
	ck_assert_int_eq(wait_ms("respond-async", 55000), 0);
	ck_assert_int_eq(wait_ms("respond-async, wait=10", 55000), 10000);
	ck_assert_int_eq(wait_ms("wait=soon", 55000), 55000);
}
END_TEST

static void expect_applied(const char *header, bool later, const char *wanted)
{
	const struct prefer prefer = prefer_read(header);
	char text[PREFER_TEXT_BYTES];

	prefer_applied(&prefer, 55000, later, text);
	ck_assert_str_eq(text, wanted);
}

START_TEST(what_was_applied_is_told)
{
	expect_applied("", true, "");
	expect_applied("return=minimal", true, "");
	expect_applied("respond-async", true, "respond-async");
	expect_applied("respond-async", false, "");
	expect_applied("wait=0", true, "wait=0");
	expect_applied("wait=5", true, "wait=5");
	expect_applied("wait=5", false, "wait=5");
	expect_applied("wait=100", false, "wait=55");
	expect_applied("respond-async, wait=5", true, "respond-async, wait=5");
	expect_applied("wait=5, respond-async", false, "wait=5");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("prefer");
	TCase *tcase = tcase_create("prefer");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, respond_async_is_read_as_rfc_7240_has_it);
	tcase_add_test(tcase, wait_is_read_as_rfc_7240_has_it);
	tcase_add_test(tcase, a_caller_waits_as_it_prefers_and_no_longer_than_anybody);
	tcase_add_test(tcase, what_was_applied_is_told);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
