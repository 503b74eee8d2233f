#include "domain/pair.h"

#include <check.h>
#include <stdlib.h>

static const struct pair_policy meta = { .every_ms = 6000, .burst = 45 };

static struct pairs *p;

static void open_meta(void)
{
	p = pairs_new(&meta, 1000);
	ck_assert_ptr_nonnull(p);
}

static void close_it(void)
{
	pairs_free(p);
}

static uint64_t pair_of(unsigned n)
{
	return (uint64_t)(n + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

/* So many go at once. */
static void send(unsigned pair, unsigned count, int64_t now_ms)
{
	for (unsigned i = 0; i < count; i++) {
		ck_assert_int_eq(pairs_ready_ms(p, pair_of(pair), false, now_ms), now_ms);
		ck_assert(pairs_take(p, pair_of(pair), now_ms));
	}
}

START_TEST(a1_a_burst_of_45_goes_and_the_46th_waits)
{
	send(1, 44, 1000);
	ck_assert_int_eq(pairs_ready_ms(p, pair_of(1), false, 1000), 1000);
	send(1, 1, 1000);
	ck_assert_int_eq(pairs_ready_ms(p, pair_of(1), false, 1000), 7000);
	ck_assert_int_eq(pairs_ready_ms(p, pair_of(1), false, 6999), 7000);
	ck_assert_int_eq(pairs_ready_ms(p, pair_of(1), false, 7000), 7000);
	ck_assert_int_eq(pairs_ready_ms(p, pair_of(2), false, 1000), 1000); /* others do not */
	send(1, 1, 7000);
	ck_assert_int_eq(pairs_ready_ms(p, pair_of(1), false, 7000), 13000);
}
END_TEST

START_TEST(a1_what_was_borrowed_is_paid_back_by_silence)
{
	send(1, 45, 0);
	send(1, 20, 120000);
	ck_assert_int_gt(pairs_ready_ms(p, pair_of(1), false, 120000), 120000);
	send(1, 45, 120000 + 6000 * 45);
}
END_TEST

START_TEST(a1_one_in_6_s_goes_for_ever)
{
	for (unsigned i = 0; i < 200; i++)
		send(1, 1, 6000 * (int64_t)i);
	send(1, 44, 6000 * 199);
	ck_assert_int_eq(pairs_ready_ms(p, pair_of(1), false, 6000 * 199), 6000 * 200);
}
END_TEST

START_TEST(what_did_not_go_is_given_back)
{
	send(1, 45, 1000);
	pairs_give_back(p, pair_of(1));
	ck_assert_int_eq(pairs_ready_ms(p, pair_of(1), false, 1000), 1000);
	pairs_give_back(p, pair_of(2)); /* nothing of it is known */
	ck_assert_int_eq(pairs_ready_ms(p, pair_of(2), false, 1000), 1000);
}
END_TEST

START_TEST(a2_cautious_borrows_nothing)
{
	ck_assert_int_eq(pairs_ready_ms(p, pair_of(1), true, 1000), 1000);
	ck_assert(pairs_take(p, pair_of(1), 1000));
	ck_assert_int_eq(pairs_ready_ms(p, pair_of(1), true, 1000), 7000);
	ck_assert_int_eq(pairs_ready_ms(p, pair_of(1), true, 6999), 7000);
	ck_assert_int_eq(pairs_ready_ms(p, pair_of(1), true, 7000), 7000);
	ck_assert_int_eq(pairs_ready_ms(p, pair_of(1), false, 1000), 1000);
	ck_assert_int_eq(pairs_cautious_ms(p), 270000);
}
END_TEST

START_TEST(a2_a_history_that_is_known_counts_though)
{
	send(1, 2, 1000);
	ck_assert_int_eq(pairs_ready_ms(p, pair_of(1), true, 6999), 6999);
	ck_assert_int_eq(pairs_ready_ms(p, pair_of(1), true, 7000), 13000);
}
END_TEST

START_TEST(a3_refused_it_waits_ever_longer)
{
	static const int64_t waits_ms[] = { 1000, 4000, 16000, 64000, 256000, 256000 };
	int64_t now_ms = 1000;

	send(1, 1, now_ms);
	for (unsigned i = 0; i < sizeof(waits_ms) / sizeof(waits_ms[0]); i++) {
		pairs_refused(p, pair_of(1), now_ms);
		ck_assert_int_eq(pairs_ready_ms(p, pair_of(1), false, now_ms),
				 now_ms + waits_ms[i]);
		ck_assert_int_eq(pairs_ready_ms(p, pair_of(1), true, now_ms), now_ms + waits_ms[i]);
		now_ms += waits_ms[i];
	}
	/* Its burst is used up … */
	send(1, 1, now_ms);
	ck_assert_int_eq(pairs_ready_ms(p, pair_of(1), false, now_ms), now_ms + 6000);
	/* … and when all is paid back, forgotten. */
	now_ms += 6000 * 45;
	send(1, 2, now_ms);
	pairs_refused(p, pair_of(1), now_ms);
	ck_assert_int_eq(pairs_ready_ms(p, pair_of(1), false, now_ms), now_ms + 1000);
}
END_TEST

START_TEST(a3_a_pair_nothing_is_known_of_can_be_refused)
{
	pairs_refused(p, pair_of(7), 5000);
	ck_assert_int_eq(pairs_ready_ms(p, pair_of(7), false, 5000), 6000);
}
END_TEST

START_TEST(a4_who_owes_nothing_costs_nothing)
{
	size_t memory;

	for (unsigned i = 0; i < 900; i++)
		send(i, 1, 0);
	memory = pairs_memory(p);
	for (unsigned i = 0; i < 100000; i++)
		send(1000 + i, 1, 6001 + (int64_t)i * 100);
	ck_assert_uint_lt(pairs_memory(p), memory / 4);
}
END_TEST

START_TEST(a4_so_many_are_watched)
{
	for (unsigned i = 0; i < 999; i++)
		send(i, 1, 0);
	send(999, 1, 0);
	ck_assert(!pairs_take(p, pair_of(1000), 0));
	ck_assert(pairs_take(p, pair_of(5), 0));
	pairs_refused(p, pair_of(1000), 0);
	ck_assert_int_eq(pairs_ready_ms(p, pair_of(1000), true, 0), 0);
	ck_assert(pairs_take(p, pair_of(1000), 7000)); /* room again */
	ck_assert_int_eq(pairs_ready_ms(p, pair_of(5), true, 7000), 12000);
}
END_TEST

START_TEST(all_are_found_again)
{
	close_it();
	p = pairs_new(&meta, 100000);
	ck_assert_ptr_nonnull(p);
	for (unsigned i = 0; i < 50000; i++)
		send(i, 1 + i % 3, 0);
	for (unsigned i = 0; i < 50000; i++)
		ck_assert_int_eq(pairs_ready_ms(p, pair_of(i), true, 5999), i % 3 ? 5999 : 6000);
	ck_assert(pairs_take(p, 0, 0)); /* any hash will do */
	ck_assert_int_eq(pairs_ready_ms(p, 0, true, 0), 6000);
}
END_TEST

START_TEST(without_a_rule_nothing_is_owed)
{
	const struct pair_policy off = { .every_ms = 0, .burst = 45 };

	close_it();
	p = pairs_new(&off, 10);
	ck_assert_ptr_nonnull(p);
	send(1, 1000, 0);
	pairs_refused(p, pair_of(1), 0);
	pairs_give_back(p, pair_of(1));
	send(1, 1, 0);
	ck_assert_int_eq(pairs_ready_ms(p, pair_of(1), true, 0), 0);
	ck_assert_int_eq(pairs_cautious_ms(p), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pair");
	TCase *tcase = tcase_create("pair");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, open_meta, close_it);
	tcase_add_test(tcase, a1_a_burst_of_45_goes_and_the_46th_waits);
	tcase_add_test(tcase, a1_what_was_borrowed_is_paid_back_by_silence);
	tcase_add_test(tcase, a1_one_in_6_s_goes_for_ever);
	tcase_add_test(tcase, what_did_not_go_is_given_back);
	tcase_add_test(tcase, a2_cautious_borrows_nothing);
	tcase_add_test(tcase, a2_a_history_that_is_known_counts_though);
	tcase_add_test(tcase, a3_refused_it_waits_ever_longer);
	tcase_add_test(tcase, a3_a_pair_nothing_is_known_of_can_be_refused);
	tcase_add_test(tcase, a4_who_owes_nothing_costs_nothing);
	tcase_add_test(tcase, a4_so_many_are_watched);
	tcase_add_test(tcase, all_are_found_again);
	tcase_add_test(tcase, without_a_rule_nothing_is_owed);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
