#include "transport/origin.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct origin read(const char *url)
{
	struct origin o;

	ck_assert_msg(origin_of(url, &o), "%s", url);
	return o;
}

START_TEST(an_origin_is_scheme_host_and_port)
{
	struct origin o = read("https://graph.facebook.com/v25.0/1/messages?a=b");

	ck_assert_str_eq(o.url, "https://graph.facebook.com");
	ck_assert_str_eq(o.authority, "graph.facebook.com");
	ck_assert_str_eq(o.host, "graph.facebook.com");
	ck_assert_str_eq(o.port, "443");
	ck_assert(!o.address);
	o = read("https://localhost:8443");
	ck_assert_str_eq(o.authority, "localhost:8443");
	ck_assert_str_eq(o.host, "localhost");
	ck_assert_str_eq(o.port, "8443");
}
END_TEST

START_TEST(a_host_may_be_an_address)
{
	struct origin o = read("https://127.0.0.1:1/");

	ck_assert(o.address);
	ck_assert_str_eq(o.host, "127.0.0.1");
	o = read("https://[::1]:65535/x");
	ck_assert(o.address);
	ck_assert_str_eq(o.authority, "[::1]:65535");
	ck_assert_str_eq(o.host, "::1");
	ck_assert_str_eq(o.port, "65535");
	o = read("https://[::1]");
	ck_assert_str_eq(o.port, "443");
}
END_TEST

START_TEST(what_is_not_served_is_refused)
{
	static const char *const urls[] = {
		"http://a.test/",       "https://",
		"https:///x",           "https://a.test:0/",
		"https://a.test:65536", "https://a.test:/",
		"https://u@a.test/",    "https://[::1/",
		"https://[::1]x/",      "https://:443/",
		"https://a.test:4x",    "ftp://a.test",
	};
	struct origin o;

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
		ck_assert_msg(!origin_of(urls[i], &o), "%s", urls[i]);
}
END_TEST

START_TEST(a_host_has_a_length)
{
	char url[600] = "https://";
	struct origin o;

	memset(url + 8, 'a', ORIGIN_HOST_BYTES - 1);
	ck_assert(origin_of(url, &o));
	ck_assert_uint_eq(strlen(o.host), ORIGIN_HOST_BYTES - 1);
	url[8 + ORIGIN_HOST_BYTES - 1] = 'a';
	ck_assert(!origin_of(url, &o));
	memset(url + 8, 'a', 500);
	ck_assert(!origin_of(url, &o));
}
END_TEST

START_TEST(a_path_is_of_its_origin_only)
{
	struct origin o = read("https://a.test:8443");

	ck_assert_str_eq(origin_path(&o, "https://a.test:8443"), "/");
	ck_assert_str_eq(origin_path(&o, "https://a.test:8443/"), "/");
	ck_assert_str_eq(origin_path(&o, "https://a.test:8443/x?y"), "/x?y");
	ck_assert_ptr_null(origin_path(&o, "https://a.test:84430/"));
	ck_assert_ptr_null(origin_path(&o, "https://a.test:844/"));
	ck_assert_ptr_null(origin_path(&o, "https://a.test/"));
	ck_assert_ptr_null(origin_path(&o, "http://a.test:8443/"));
	ck_assert_ptr_null(origin_path(&o, "https://a.test:8443@b.test/"));
	ck_assert_ptr_null(origin_path(&o, "https://a.test:8443?x"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("origin");
	TCase *tcase = tcase_create("origin");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, an_origin_is_scheme_host_and_port);
	tcase_add_test(tcase, a_host_may_be_an_address);
	tcase_add_test(tcase, what_is_not_served_is_refused);
	tcase_add_test(tcase, a_host_has_a_length);
	tcase_add_test(tcase, a_path_is_of_its_origin_only);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
