/* The Conversation Service's copy: how long it may wait, and what a drain does with it. */
#include <check.h>
#include <stdlib.h>

#include "base/clock.h"
#include "delivery_house.h"
#include "slowness.h"

#define SECOND_US INT64_C(1000000)

static void post_copy(unsigned n)
{
	struct message m = message_of(n);
	struct delivery_order order;

	m.conversation_id = "conversation";
	order = order_of(&m);
	take(&order);
	commit_begin();
	answer_accepted();
	ck_assert_uint_eq(fake.post_count, 1);
}

START_TEST(a_copy_refused_for_good_waits_longest)
{
	fake.copies_refused_for_good = true;
	post_copy(1);
	commit_outcome();
	answer_posted(false);
	ck_assert(!fake.notes[0].row.stored);
	ck_assert_int_ge(fake.notes[0].row.due_wall_us, clock_wall_us() + 29 * SECOND_US);
	ck_assert_int_le(fake.notes[0].row.due_wall_us, clock_wall_us() + 30 * SECOND_US);
	commit_note();
	expect_over();
}
END_TEST

/* It is due at once, so that the next owner repeats it. */
static void expect_left(void)
{
	ck_assert(!fake.notes[0].row.stored);
	ck_assert_uint_eq(fake.notes[0].row.tries, 1);
	ck_assert_int_le(fake.notes[0].row.due_wall_us, clock_wall_us());
	answer_posted(true); /* nobody asks any more */
	ck_assert_uint_eq(fake.note_count, 1);
	commit_note();
	ck_assert_uint_eq(delivery_busy(house.d), 0);
}

START_TEST(a_drain_leaves_a_copy_that_hangs)
{
	int64_t began_ms;

	post_copy(1);
	commit_outcome();
	turn_until(&house.told.count, 1); /* its second is over, and it hangs on */
	expect_told(DELIVERY_SENT);
	began_ms = clock_boot_ms();
	delivery_drain(house.d);
	turn_until(&fake.note_count, 1);
	ck_assert_int_le(clock_boot_ms() - began_ms, 1400 * slowness());
	expect_left();
}
END_TEST

START_TEST(a_drain_leaves_a_copy_with_its_answer)
{
	post_copy(1);
	delivery_drain(house.d);
	commit_outcome();
	expect_not_told();
	turn_until(&fake.note_count, 1);
	expect_told(DELIVERY_SENT);
	expect_left();
}
END_TEST

/* Most are quick: they need not be repeated. */
START_TEST(a_drain_lets_a_quick_copy_end)
{
	post_copy(1);
	commit_outcome();
	delivery_drain(house.d);
	answer_posted(true);
	ck_assert(fake.notes[0].row.stored);
	expect_told(DELIVERY_SENT);
	commit_note();
	ck_assert_uint_eq(delivery_busy(house.d), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("copy");
	TCase *tcase = tcase_create("copy");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, house_open_looked, house_close);
	tcase_add_test(tcase, a_copy_refused_for_good_waits_longest);
	tcase_add_test(tcase, a_drain_leaves_a_copy_that_hangs);
	tcase_add_test(tcase, a_drain_leaves_a_copy_with_its_answer);
	tcase_add_test(tcase, a_drain_lets_a_quick_copy_end);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
