#include "domain/spread.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define ALL (~UINT64_C(0))
#define MOST 130

static struct spread_worker crew[MOST];
static unsigned count;

static void setup(void)
{
	memset(crew, 0, sizeof(crew));
	count = 0;
}

static struct spread_worker *join(uint64_t lanes)
{
	struct spread_worker *w = &crew[count++];

	*w = (struct spread_worker){ .lanes = lanes, .wants = true };
	w->id.bytes[0] = (uint8_t)(count * 37); /* in no order */
	w->id.bytes[1] = (uint8_t)count;
	return w;
}

static unsigned held(unsigned i)
{
	return (unsigned)__builtin_popcountll(crew[i].lanes);
}

/* Everybody acts once on the same view: first all releases, then all takes.  Returns how many
 * lanes moved. */
static unsigned act(void)
{
	struct spread_plan plans[MOST];
	uint64_t taken = 0;
	unsigned moved = 0;

	for (unsigned i = 0; i < count; i++)
		plans[i] = spread_plan(crew, count, i);
	for (unsigned i = 0; i < count; i++) {
		ck_assert(!(plans[i].release & ~crew[i].lanes));
		ck_assert_msg(!(plans[i].take & taken), "two take the same lane");
		taken |= plans[i].take;
		for (unsigned o = 0; o < count; o++)
			ck_assert_msg(!(plans[i].take & crew[o].lanes), "a lane that is held");
	}
	for (unsigned i = 0; i < count; i++) {
		crew[i].lanes = (crew[i].lanes & ~plans[i].release) | plans[i].take;
		moved += (unsigned)__builtin_popcountll(plans[i].take);
	}
	return moved;
}

static unsigned settle(void)
{
	unsigned moved = 0;
	unsigned now;
	unsigned rounds = 0;

	do {
		now = act() + act(); /* releases, then takes */
		moved += now;
		ck_assert_uint_lt(rounds++, 5);
	} while (now);
	return moved;
}

static void expect_even(void)
{
	uint64_t all = 0;
	unsigned wanting = 0;

	for (unsigned i = 0; i < count; i++)
		wanting += crew[i].wants;
	for (unsigned i = 0; i < count; i++) {
		ck_assert(!(all & crew[i].lanes));
		all |= crew[i].lanes;
		if (!crew[i].wants) {
			ck_assert_uint_eq(held(i), 0);
			continue;
		}
		ck_assert_uint_ge(held(i), 64 / wanting);
		ck_assert_uint_le(held(i), (64 + wanting - 1) / wanting);
	}
	ck_assert(all == ALL);
}

START_TEST(any_number_of_workers_shares_evenly_and_stays_so)
{
	static const unsigned sizes[] = { 1, 2, 3, 5, 7, 31, 32, 33, 63, 64, 65, 100 };

	for (size_t n = 0; n < sizeof(sizes) / sizeof(sizes[0]); n++) {
		setup();
		for (unsigned i = 0; i < sizes[n]; i++)
			join(0);
		ck_assert_uint_eq(settle(), 64);
		expect_even();
		ck_assert_uint_eq(act(), 0);
	}
}
END_TEST

START_TEST(a_newcomer_moves_only_its_share)
{
	for (unsigned workers = 1; workers < 64; workers += 7) {
		setup();
		for (unsigned i = 0; i < workers; i++)
			join(0);
		(void)settle();
		join(0);
		ck_assert_uint_eq(settle(), 64 / (workers + 1));
		expect_even();
	}
}
END_TEST

START_TEST(one_that_goes_moves_only_its_lanes)
{
	for (unsigned workers = 2; workers <= 64; workers += 7) {
		unsigned had;

		setup();
		for (unsigned i = 0; i < workers; i++)
			join(0);
		(void)settle();
		had = held(0);
		crew[0].wants = false;
		ck_assert_uint_le(settle(), had + 1);
		expect_even();
	}
}
END_TEST

START_TEST(who_drains_alone_releases_all)
{
	struct spread_plan plan;

	join(ALL)->wants = false;
	plan = spread_plan(crew, count, 0);
	ck_assert(plan.release == ALL);
	ck_assert(plan.take == 0);
	ck_assert(!plan.short_of);
}
END_TEST

START_TEST(who_gets_too_little_says_so)
{
	join(ALL);
	join(0);
	ck_assert(spread_plan(crew, count, 1).short_of);
	ck_assert(!spread_plan(crew, count, 0).short_of);
	ck_assert_int_eq(__builtin_popcountll(spread_plan(crew, count, 0).release), 32);
}
END_TEST

START_TEST(a_lease_ends_earlier_for_its_holder)
{
	ck_assert_int_eq(spread_lease_until_ms(1000, 10000), 1000 + 10000 - SPREAD_MARGIN_MS);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("spread");
	TCase *tcase = tcase_create("spread");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, any_number_of_workers_shares_evenly_and_stays_so);
	tcase_add_test(tcase, a_newcomer_moves_only_its_share);
	tcase_add_test(tcase, one_that_goes_moves_only_its_lanes);
	tcase_add_test(tcase, who_drains_alone_releases_all);
	tcase_add_test(tcase, who_gets_too_little_says_so);
	tcase_add_test(tcase, a_lease_ends_earlier_for_its_holder);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
