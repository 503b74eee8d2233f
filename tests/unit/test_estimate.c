#include "domain/estimate.h"

#include <check.h>
#include <stdlib.h>

static const struct estimate_rates rates = { .number = 80, .tenant = 0 };
static struct estimate_line line;

static void setup(void)
{
	line = (struct estimate_line){ .class = 2, .number_rate = -1, .tenant_rate = -1 };
}

static int64_t wait_ms(int64_t high, int64_t normal, int64_t bulk)
{
	line.waiting[0] = high;
	line.waiting[1] = normal;
	line.waiting[2] = bulk;
	return estimate_wait_ms(&line, &rates);
}

START_TEST(a_number_sends_a_little_less_than_its_limit)
{
	ck_assert_int_eq(wait_ms(0, 0, 0), 0);
	ck_assert_int_eq(wait_ms(0, 0, 1), 12);
	ck_assert_int_eq(wait_ms(0, 0, 788), 10000);
	ck_assert_int_eq(wait_ms(0, 0, 100000), 1269035);
}
END_TEST

START_TEST(the_smaller_limit_counts)
{
	const struct estimate_rates none = { 0, 0 }, both = { 80, 20 }, tenant = { 0, 20 };

	(void)wait_ms(0, 0, 197);
	ck_assert_int_eq(estimate_wait_ms(&line, &rates), 2500);
	ck_assert_int_eq(estimate_wait_ms(&line, &none), -1);
	ck_assert_int_eq(estimate_wait_ms(&line, &both), 10000);
	ck_assert_int_eq(estimate_wait_ms(&line, &tenant), 10000);
	line.number_rate = 1000;
	ck_assert_int_eq(estimate_wait_ms(&line, &rates), 200);
	ck_assert_int_eq(estimate_wait_ms(&line, &both), 10000);
	line.tenant_rate = 0; /* none, though the setting has one */
	ck_assert_int_eq(estimate_wait_ms(&line, &both), 200);
	line.tenant_rate = 100;
	ck_assert_int_eq(estimate_wait_ms(&line, &rates), 2000);
}
END_TEST

/* At 1,000/s a message takes 1000 / 985 ms. */
START_TEST(other_classes_take_their_shares)
{
	line.number_rate = 1000;
	/* 16 high ones go with each of bulk, until they are through. */
	ck_assert_int_eq(wait_ms(160, 0, 10) * 985 / 1000, 169);
	ck_assert_int_eq(wait_ms(160, 0, 1000) * 985 / 1000, 1159);
	ck_assert_int_eq(wait_ms(16000, 4000, 100) * 985 / 1000, 2099);
	/* One that is high waits for few of the others. */
	line.class = 0;
	ck_assert_int_eq(wait_ms(0, 100000, 100000), 0);
	ck_assert_int_eq(wait_ms(16, 100000, 100000) * 985 / 1000, 20);
	ck_assert_int_eq(wait_ms(17, 100000, 100000) * 985 / 1000, 26);
	line.class = 1;
	ck_assert_int_eq(wait_ms(0, 400, 100000) * 985 / 1000, 499);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("estimate");
	TCase *tcase = tcase_create("rules");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, a_number_sends_a_little_less_than_its_limit);
	tcase_add_test(tcase, the_smaller_limit_counts);
	tcase_add_test(tcase, other_classes_take_their_shares);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
