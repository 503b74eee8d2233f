/* The parameters of a report. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "http/report.h"

static bool reads(const char *query, struct report_filter *ret)
{
	struct err err;

	return http_report_read("daily", query, NULL, ret, &err);
}

static void refused(const char *query, const char *begins)
{
	struct report_filter f;
	struct err err;

	ck_assert(!http_report_read("daily", query, NULL, &f, &err));
	ck_assert_msg(strncmp(err.text, begins, strlen(begins)) == 0, "%s", err.text);
}

START_TEST(names_are_known)
{
	ck_assert(http_report_is("daily"));
	ck_assert(http_report_is("failure"));
	ck_assert(http_report_is("latency"));
	ck_assert(http_report_is("cost"));
	ck_assert(!http_report_is("message"));
	ck_assert(!http_report_is(""));
}
END_TEST

START_TEST(all_parameters)
{
	struct report_filter f;

	ck_assert(reads("tenant_id=t&since=2026-11-01&until=2026-11-30&limit=10000", &f));
	ck_assert_str_eq(f.name, "daily");
	ck_assert_str_eq(f.tenant_id, "t");
	ck_assert_str_eq(f.since, "2026-11-01");
	ck_assert_str_eq(f.until, "2026-11-30");
	ck_assert_uint_eq(f.limit, 10000);
	ck_assert(reads("tenant_id=t", &f));
	ck_assert_str_eq(f.since, "");
	ck_assert_str_eq(f.until, "");
	ck_assert_uint_eq(f.limit, REPORT_LIMIT_DEFAULT);
}
END_TEST

START_TEST(what_is_wrong_is_named)
{
	refused("", "tenant_id: is missing");
	refused("tenant_id=a%20b", "tenant_id:");
	refused("tenant_id=t&since=2026-11-1", "since:");
	refused("tenant_id=t&since=2026-02-30", "since:");
	refused("tenant_id=t&until=yesterday", "until:");
	refused("tenant_id=t&limit=0", "limit:");
	refused("tenant_id=t&limit=10001", "limit:");
	refused("tenant_id=t&cursor=1", "cursor:");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("http_report");
	TCase *tcase = tcase_create("http_report");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, names_are_known);
	tcase_add_test(tcase, all_parameters);
	tcase_add_test(tcase, what_is_wrong_is_named);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
