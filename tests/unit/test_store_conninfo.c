#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "store/conninfo.h"

static struct conninfo info;
static struct err err;

static void setup(void)
{
	unsetenv("PGHOST");
	unsetenv("PGHOSTADDR");
	unsetenv("PGPORT");
	unsetenv("PGSERVICE");
	memset(&info, 0, sizeof(info));
}

static void teardown(void)
{
	conninfo_fini(&info);
}

static const char *option(const char *keyword)
{
	for (unsigned i = 0; i < info.options; i++)
		if (strcmp(info.keywords[i], keyword) == 0)
			return info.values[i];
	return NULL;
}

START_TEST(a_uri_keeps_its_options)
{
	ck_assert_int_eq(conninfo_parse("postgresql://u:p%20w@db.example:5433/d?sslmode=require"
					"&application_name=x",
					&info, &err),
			 0);
	ck_assert_uint_eq(info.host_count, 1);
	ck_assert_str_eq(info.hosts[0].host, "db.example");
	ck_assert_str_eq(info.hosts[0].port, "5433");
	ck_assert(conninfo_needs_lookup(&info.hosts[0]));
	ck_assert_str_eq(option("user"), "u");
	ck_assert_str_eq(option("password"), "p w");
	ck_assert_str_eq(option("dbname"), "d");
	ck_assert_str_eq(option("sslmode"), "require");
	ck_assert_str_eq(option("application_name"), "x");
	ck_assert_ptr_null(option("host"));
	ck_assert_ptr_null(option("port"));
}
END_TEST

START_TEST(sockets_and_addresses_need_no_lookup)
{
	ck_assert_int_eq(conninfo_parse("host=/run/pg,name,other hostaddr=,,10.0.0.1 port=1,2,3",
					&info, &err),
			 0);
	ck_assert_uint_eq(info.host_count, 3);
	ck_assert(!conninfo_needs_lookup(&info.hosts[0]));
	ck_assert(conninfo_needs_lookup(&info.hosts[1]));
	ck_assert(!conninfo_needs_lookup(&info.hosts[2]));
	ck_assert_ptr_null(info.hosts[0].hostaddr);
	ck_assert_str_eq(info.hosts[2].hostaddr, "10.0.0.1");
	ck_assert_str_eq(info.hosts[2].port, "3");
}
END_TEST

START_TEST(one_port_serves_all_hosts)
{
	ck_assert_int_eq(conninfo_parse("host=a,b port=7", &info, &err), 0);
	ck_assert_uint_eq(info.host_count, 2);
	ck_assert_str_eq(info.hosts[0].port, "7");
	ck_assert_str_eq(info.hosts[1].port, "7");
}
END_TEST

START_TEST(an_empty_text_leaves_all_to_libpq)
{
	ck_assert_int_eq(conninfo_parse("", &info, &err), 0);
	ck_assert_uint_eq(info.host_count, 1);
	ck_assert_ptr_null(info.hosts[0].host);
	ck_assert(!conninfo_needs_lookup(&info.hosts[0]));
	ck_assert_uint_eq(info.options, 0);
}
END_TEST

START_TEST(the_environment_names_the_server)
{
	setenv("PGHOST", "from.environment", 1);
	setenv("PGPORT", "6000", 1);
	ck_assert_int_eq(conninfo_parse("dbname=d", &info, &err), 0);
	ck_assert_str_eq(info.hosts[0].host, "from.environment");
	ck_assert_str_eq(info.hosts[0].port, "6000");
	conninfo_fini(&info);
	ck_assert_int_eq(conninfo_parse("host=own", &info, &err), 0);
	ck_assert_str_eq(info.hosts[0].host, "own");
}
END_TEST

START_TEST(what_does_not_fit_together_is_refused)
{
	ck_assert_int_eq(conninfo_parse("host=a,b,c port=1,2", &info, &err), -1);
	ck_assert_int_eq(err.class, ERR_INVALID);
	ck_assert_int_eq(conninfo_parse("host=a,b hostaddr=1.2.3.4", &info, &err), -1);
	ck_assert_int_eq(conninfo_parse("nonsense", &info, &err), -1);
	ck_assert_int_eq(conninfo_parse("host=1,2,3,4,5,6,7,8,9", &info, &err), -1);
	ck_assert_int_eq(conninfo_parse("host=1,2,3,4,5,6,7,8", &info, &err), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store_conninfo");
	TCase *tcase = tcase_create("store_conninfo");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_uri_keeps_its_options);
	tcase_add_test(tcase, sockets_and_addresses_need_no_lookup);
	tcase_add_test(tcase, one_port_serves_all_hosts);
	tcase_add_test(tcase, an_empty_text_leaves_all_to_libpq);
	tcase_add_test(tcase, the_environment_names_the_server);
	tcase_add_test(tcase, what_does_not_fit_together_is_refused);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
