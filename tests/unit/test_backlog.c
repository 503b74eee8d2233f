#include "domain/backlog.h"

#include <check.h>
#include <stdlib.h>

START_TEST(b1_each_limit_at_one_less_exactly_and_one_more)
{
	const struct backlog_limits limits = { .tenant = 10, .all = 100 };

	ck_assert_int_eq(backlog_decide(&limits, 0, 0, 1), BACKLOG_ROOM);
	ck_assert_int_eq(backlog_decide(&limits, 9, 99, 1), BACKLOG_ROOM);
	ck_assert_int_eq(backlog_decide(&limits, 10, 99, 1), BACKLOG_TENANT_FULL);
	ck_assert_int_eq(backlog_decide(&limits, 11, 99, 1), BACKLOG_TENANT_FULL);
	ck_assert_int_eq(backlog_decide(&limits, 9, 100, 1), BACKLOG_ALL_FULL);
	ck_assert_int_eq(backlog_decide(&limits, 9, 101, 1), BACKLOG_ALL_FULL);
	ck_assert_int_eq(backlog_decide(&limits, 10, 100, 1), BACKLOG_TENANT_FULL);
	ck_assert_int_eq(backlog_decide(&limits, 3, 0, 7), BACKLOG_ROOM);
	ck_assert_int_eq(backlog_decide(&limits, 3, 0, 8), BACKLOG_TENANT_FULL);
	ck_assert_int_eq(backlog_decide(&limits, 0, 91, 9), BACKLOG_ROOM);
	ck_assert_int_eq(backlog_decide(&limits, 0, 91, 10), BACKLOG_ALL_FULL);
	ck_assert_int_eq(backlog_decide(&limits, 0, 0, 11), BACKLOG_TENANT_FULL);
}
END_TEST

static unsigned after(int64_t waiting, int64_t limit, int64_t messages, int64_t over_ms)
{
	const struct backlog_drain drain = { messages, over_ms };

	return backlog_retry_after_s(waiting, limit, &drain);
}

START_TEST(b2_when_a_tenth_has_left)
{
	/* 10,000 of 100,000, at 500 a second. */
	ck_assert_uint_eq(after(100000, 100000, 500, 1000), 20);
	ck_assert_uint_eq(after(100000, 100000, 1000, 2000), 20);
	/* The part of a second counts as one; what is above the limit leaves too. */
	ck_assert_uint_eq(after(100001, 100000, 500, 1000), 21);
	ck_assert_uint_eq(after(110000, 100000, 500, 1000), 40);
	/* Somebody else's place became free meanwhile: one is enough. */
	ck_assert_uint_eq(after(50, 100000, 1, 1000), 1);
	ck_assert_uint_eq(after(5, 5, 1, 3000), 3);
}
END_TEST

START_TEST(b2_bounds)
{
	ck_assert_uint_eq(after(1000, 1000, 1000000, 1000), BACKLOG_RETRY_MIN_S);
	ck_assert_uint_eq(after(36000, 36000, 1, 1000), BACKLOG_RETRY_MAX_S);
	ck_assert_uint_eq(after(35990, 35990, 1, 1000), 3599);
	ck_assert_uint_eq(after(36010, 36010, 1, 1000), BACKLOG_RETRY_MAX_S);
	ck_assert_uint_eq(after(INT64_MAX, 1000, 1, 1000000), BACKLOG_RETRY_MAX_S);
	ck_assert_uint_eq(after(INT64_MAX, INT64_MAX, 1, 1), BACKLOG_RETRY_MAX_S);
}
END_TEST

START_TEST(b3_nothing_leaves)
{
	ck_assert_uint_eq(after(1000, 1000, 0, 0), BACKLOG_RETRY_STUCK_S);
	ck_assert_uint_eq(after(1000, 1000, 0, 5000), BACKLOG_RETRY_STUCK_S);
	ck_assert_uint_eq(after(1000, 1000, -3, 5000), BACKLOG_RETRY_STUCK_S);
}
END_TEST

START_TEST(what_left_lately_counts_most)
{
	struct backlog_drain drain = { 0, 0 };

	backlog_drained(&drain, 100, 1000);
	ck_assert_int_eq(drain.messages, 100);
	ck_assert_int_eq(drain.over_ms, 1000);
	backlog_drained(&drain, 400, 1000);
	ck_assert_int_eq(drain.messages, 450);
	ck_assert_int_eq(drain.over_ms, 1500);
	backlog_drained(&drain, 7, 0); /* no time: nothing is known of it */
	backlog_drained(&drain, 7, -1);
	ck_assert_int_eq(drain.messages, 450);
	backlog_drained(&drain, -50, 1000); /* it grew: nothing left */
	ck_assert_int_eq(drain.messages, 225);
	for (int i = 0; i < 20; i++)
		backlog_drained(&drain, 0, 1000);
	ck_assert_uint_eq(backlog_retry_after_s(1000, 1000, &drain), BACKLOG_RETRY_STUCK_S);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("backlog");
	TCase *tcase = tcase_create("backlog");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, b1_each_limit_at_one_less_exactly_and_one_more);
	tcase_add_test(tcase, b2_when_a_tenth_has_left);
	tcase_add_test(tcase, b2_bounds);
	tcase_add_test(tcase, b3_nothing_leaves);
	tcase_add_test(tcase, what_left_lately_counts_most);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
