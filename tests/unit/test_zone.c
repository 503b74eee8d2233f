#include "zone/zone.h"

#include <check.h>
#include <stdlib.h>

#define SUMMER INT64_C(1751371200) /* 2025-07-01T12:00:00Z */
#define WINTER INT64_C(1764590400) /* 2025-12-01T12:00:00Z */

START_TEST(offsets_are_those_of_the_database)
{
	struct zones *zones = zones_new();

	for (int round = 0; round < 2; round++) { /* read, and kept */
		ck_assert_int_eq(zones_offset_s(zones, "Asia/Jakarta", SUMMER), 7 * 3600);
		ck_assert_int_eq(zones_offset_s(zones, "Asia/Kolkata", WINTER), 5 * 3600 + 1800);
		ck_assert_int_eq(zones_offset_s(zones, "Europe/Berlin", SUMMER), 2 * 3600);
		ck_assert_int_eq(zones_offset_s(zones, "Europe/Berlin", WINTER), 3600);
		ck_assert_int_eq(zones_offset_s(zones, "America/St_Johns", WINTER), -12600);
		ck_assert_int_eq(zones_offset_s(zones, "UTC", SUMMER), 0);
	}
	zones_free(zones);
	zones_free(NULL);
}
END_TEST

/* 2025-03-30T01:00:00Z: the clocks go forward. */
START_TEST(an_offset_changes_at_its_second)
{
	struct zones *zones = zones_new();

	ck_assert_int_eq(zones_offset_s(zones, "Europe/Berlin", 1743296399), 3600);
	ck_assert_int_eq(zones_offset_s(zones, "Europe/Berlin", 1743296400), 7200);
	zones_free(zones);
}
END_TEST

START_TEST(what_the_database_does_not_have_is_not_there)
{
	struct zones *zones = zones_new();

	ck_assert(zones_has(zones, "Asia/Jakarta"));
	ck_assert(zones_has(zones, "UTC"));
	ck_assert(!zones_has(zones, "Asia/Atlantis"));
	ck_assert(!zones_has(zones, "Asia/"));
	ck_assert_int_eq(zones_offset_s(zones, "Asia/Atlantis", SUMMER), 0);
	zones_free(zones);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("zone");
	TCase *tcase = tcase_create("zone");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, offsets_are_those_of_the_database);
	tcase_add_test(tcase, an_offset_changes_at_its_second);
	tcase_add_test(tcase, what_the_database_does_not_have_is_not_there);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
