#include "domain/bucket.h"

#include <check.h>
#include <stdlib.h>

static struct bucket b;

/* How many go from now_ms, asked each millisecond, until before end_ms. */
static unsigned goes(int64_t now_ms, int64_t end_ms)
{
	unsigned count = 0;

	for (; now_ms < end_ms; now_ms++) {
		while (bucket_ready_ms(&b, true, now_ms) == now_ms) {
			bucket_take(&b);
			count++;
		}
	}
	return count;
}

START_TEST(k1_it_fills_a_little_below_its_limit)
{
	bucket_init(&b, 80, 0);
	ck_assert_uint_eq(goes(0, 100001), 7880);
	bucket_init(&b, 1000, 0);
	ck_assert_uint_eq(goes(0, 100001), 98500);
	bucket_init(&b, 1, 0);
	ck_assert_uint_eq(goes(0, 100001), 98);
}
END_TEST

START_TEST(k2_it_holds_50_ms_and_one_at_least)
{
	bucket_init(&b, 1000, 0);
	ck_assert_uint_eq(goes(100000, 100001), 49);
	bucket_init(&b, 80, 0);
	ck_assert_uint_eq(goes(100000, 100001), 3);
	bucket_init(&b, 20, 0);
	ck_assert_uint_eq(goes(100000, 100001), 1);
	bucket_init(&b, 1, 0);
	ck_assert_uint_eq(goes(100000, 100001), 1);
}
END_TEST

START_TEST(k3_it_begins_empty)
{
	bucket_init(&b, 100, 5000);
	/* 98.5 a second: the first after 10.15 ms. */
	ck_assert_int_eq(bucket_ready_ms(&b, true, 5000), 5011);
	ck_assert_int_eq(bucket_ready_ms(&b, true, 5010), 5011);
	ck_assert_int_eq(bucket_ready_ms(&b, true, 5011), 5011);
	bucket_take(&b);
	ck_assert_int_gt(bucket_ready_ms(&b, true, 5011), 5011);
	(void)goes(5011, 6000);
	bucket_empty(&b, 7000);
	ck_assert_int_eq(bucket_ready_ms(&b, true, 7000), 7011);
}
END_TEST

START_TEST(what_did_not_go_is_given_back)
{
	bucket_init(&b, 20, 0);
	ck_assert_int_eq(bucket_ready_ms(&b, true, 1000), 1000);
	bucket_take(&b);
	ck_assert_int_gt(bucket_ready_ms(&b, true, 1000), 1000);
	bucket_give_back(&b);
	ck_assert_int_eq(bucket_ready_ms(&b, true, 1000), 1000);
	bucket_give_back(&b); /* never more than it holds */
	ck_assert_uint_eq(goes(1000, 1001), 1);
}
END_TEST

START_TEST(k4_slowed_it_goes_0_7_times_as_fast)
{
	bucket_init(&b, 100, 0);
	ck_assert(bucket_slow(&b, 10000));
	ck_assert_int_eq(bucket_rate(&b, 10000), 68950);
	ck_assert_int_gt(bucket_ready_ms(&b, true, 10000), 10000); /* and empty */
	ck_assert(!bucket_slow(&b, 10999));
	ck_assert(bucket_slow(&b, 11000));
	ck_assert_int_lt(bucket_rate(&b, 11000), 50000);
}
END_TEST

START_TEST(k4_never_slower_than_one_a_second)
{
	bucket_init(&b, 20, 0);
	for (int64_t ms = 1000; ms < 30000; ms += 1000)
		ck_assert(bucket_slow(&b, ms));
	ck_assert_int_ge(bucket_rate(&b, 29000), 1000);
	ck_assert_int_le(bucket_rate(&b, 29000), 1300);
	bucket_init(&b, 1, 0);
	ck_assert(bucket_slow(&b, 1000));
	ck_assert_int_eq(bucket_rate(&b, 1000), 985);
}
END_TEST

START_TEST(k4_what_is_lost_is_regained_in_a_minute)
{
	bucket_init(&b, 100, 0);
	ck_assert(bucket_slow(&b, 1000));
	/* 29,550 lost, a whole limit (98,500) in 60 s: after 18 s. */
	ck_assert_int_eq(bucket_rate(&b, 1000 + 9000), 68950 + 14775);
	ck_assert_int_lt(bucket_rate(&b, 1000 + 17999), 98500);
	ck_assert_int_eq(bucket_rate(&b, 1000 + 18000), 98500);
	ck_assert(!bucket_is_idle(&b, 1000 + 17000));
	ck_assert(bucket_is_idle(&b, 1000 + 18000));
}
END_TEST

START_TEST(k5_another_limit_counts_at_once)
{
	bucket_init(&b, 1000, 0);
	ck_assert(bucket_slow(&b, 1000));
	bucket_set_limit(&b, 1000, 1000); /* the same: no change */
	ck_assert_int_lt(bucket_rate(&b, 1000), 985000);
	bucket_set_limit(&b, 20, 2000);
	ck_assert_int_eq(bucket_rate(&b, 2000), 19700);
	ck_assert_uint_eq(goes(2000, 2001), 1);
	bucket_set_limit(&b, 80, 3000);
	ck_assert_uint_eq(goes(4000, 4001), 3);
}
END_TEST

START_TEST(k6_a_rest_doubles_until_something_goes_through)
{
	static const int64_t rests[] = { 5000, 10000, 20000, 40000, 60000, 60000 };
	int64_t now_ms = 1000;

	bucket_init(&b, 80, 0);
	for (unsigned i = 0; i < sizeof(rests) / sizeof(rests[0]); i++) {
		bucket_rest(&b, 0, now_ms);
		bucket_rest(&b, 0, now_ms + rests[i] - 1); /* still the same rest */
		ck_assert_int_eq(bucket_ready_ms(&b, true, now_ms), now_ms + rests[i]);
		ck_assert_int_eq(bucket_ready_ms(&b, true, now_ms + rests[i] - 1),
				 now_ms + rests[i]);
		ck_assert_int_eq(bucket_ready_ms(&b, false, now_ms), now_ms);
		now_ms += rests[i];
		ck_assert_int_eq(bucket_ready_ms(&b, true, now_ms), now_ms);
	}
	bucket_rest(&b, 0, now_ms);
	ck_assert(!bucket_rested(&b, now_ms - 1)); /* it had left before */
	ck_assert_int_gt(bucket_ready_ms(&b, true, now_ms), now_ms);
	ck_assert(bucket_rested(&b, now_ms));
	ck_assert(!bucket_rested(&b, now_ms));
	ck_assert_int_eq(bucket_ready_ms(&b, true, now_ms), now_ms);
	bucket_rest(&b, 0, now_ms);
	ck_assert_int_eq(bucket_ready_ms(&b, true, now_ms), now_ms + 5000);
}
END_TEST

START_TEST(k6_a_rest_lasts_as_long_as_meta_says)
{
	static const int64_t told[][2] = {
		{ 4999, 5000 },       { 5000, 5000 },       { 5001, 5001 },
		{ 3599999, 3599999 }, { 3600000, 3600000 }, { 3600001, 3600000 },
	};

	for (unsigned i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
		bucket_init(&b, 80, 0);
		bucket_rest(&b, told[i][0], 1000);
		ck_assert_int_eq(bucket_ready_ms(&b, true, 1000), 1000 + told[i][1]);
	}
}
END_TEST

START_TEST(k7_without_a_limit_everything_goes)
{
	bucket_init(&b, 0, 0);
	for (unsigned i = 0; i < 100000; i++) {
		ck_assert_int_eq(bucket_ready_ms(&b, true, 0), 0);
		bucket_take(&b);
	}
	ck_assert(!bucket_slow(&b, 0));
	ck_assert(bucket_is_idle(&b, 0));
	bucket_rest(&b, 0, 0);
	ck_assert_int_eq(bucket_ready_ms(&b, true, 0), 5000);
}
END_TEST

START_TEST(a_long_time_fills_it_as_any_other)
{
	bucket_init(&b, BUCKET_LIMIT_MAX, 0);
	ck_assert_uint_eq(goes(INT64_C(1) << 52, (INT64_C(1) << 52) + 1), 4925);
	bucket_init(&b, 80, 1000);
	ck_assert_int_eq(bucket_ready_ms(&b, true, 500), 513); /* a clock that is behind */
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bucket");
	TCase *tcase = tcase_create("bucket");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, k1_it_fills_a_little_below_its_limit);
	tcase_add_test(tcase, k2_it_holds_50_ms_and_one_at_least);
	tcase_add_test(tcase, k3_it_begins_empty);
	tcase_add_test(tcase, what_did_not_go_is_given_back);
	tcase_add_test(tcase, k4_slowed_it_goes_0_7_times_as_fast);
	tcase_add_test(tcase, k4_never_slower_than_one_a_second);
	tcase_add_test(tcase, k4_what_is_lost_is_regained_in_a_minute);
	tcase_add_test(tcase, k5_another_limit_counts_at_once);
	tcase_add_test(tcase, k6_a_rest_doubles_until_something_goes_through);
	tcase_add_test(tcase, k6_a_rest_lasts_as_long_as_meta_says);
	tcase_add_test(tcase, k7_without_a_limit_everything_goes);
	tcase_add_test(tcase, a_long_time_fills_it_as_any_other);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
