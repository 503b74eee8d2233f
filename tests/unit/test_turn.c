#include "delivery/turn.h"

#include <check.h>
#include <stdlib.h>

#include "base/clock.h"

#define HOLD_MS 60

static struct loop *loop;
static struct turns *turns;
static struct turn *told[16];
static unsigned told_count;

static void on_turn(void *arg, struct turn *turn)
{
	(void)arg;
	told[told_count++] = turn;
}

static void set_up(void)
{
	struct err err;

	loop = loop_new(&err);
	turns = turns_new(loop, 2, HOLD_MS, on_turn, NULL);
	ck_assert_ptr_nonnull(turns);
	told_count = 0;
}

static void tear_down(void)
{
	turns_free(turns);
	loop_free(loop);
}

static void on_stop(void *arg)
{
	loop_stop(arg);
}

static void run_for(int64_t ms)
{
	struct err err;

	(void)loop_timer(loop, clock_boot_ms() + ms, on_stop, loop);
	ck_assert_int_eq(loop_run(loop, &err), 0);
}

static struct message to(const char *recipient)
{
	return (struct message){ .tenant_id = "t", .outlet_id = "o", .recipient = recipient };
}

static void join(struct turn *turn, const char *recipient)
{
	const struct message m = to(recipient);

	ck_assert(turn_join(turns, turn, &m));
}

static bool is_free(const char *recipient)
{
	const struct message m = to(recipient);

	return turn_is_free(turns, &m);
}

START_TEST(the_first_begins_and_the_next_follows_when_it_leaves)
{
	struct turn a = { .waiting = false }, b = a, c = a;

	ck_assert(is_free("+1"));
	join(&a, "+1");
	ck_assert(!is_free("+1"));
	join(&b, "+1");
	join(&c, "+1");
	ck_assert(turn_may_begin(turns, &a));
	ck_assert(!turn_may_begin(turns, &c));
	ck_assert(!turn_may_begin(turns, &b));
	turn_leave(turns, &a);
	ck_assert_uint_eq(told_count, 1);
	ck_assert_ptr_eq(told[0], &b);
	turn_leave(turns, &b);
	ck_assert_uint_eq(told_count, 2);
	ck_assert_ptr_eq(told[1], &c);
	turn_leave(turns, &c);
	turn_leave(turns, &c);
	ck_assert(is_free("+1"));
}
END_TEST

START_TEST(others_do_not_wait)
{
	struct turn a = { .waiting = false }, b = a, c = a;
	const struct message m = to("+3");

	join(&a, "+1");
	join(&b, "+2");
	ck_assert(turn_may_begin(turns, &b));
	ck_assert(!turn_join(turns, &c, &m)); /* two queues are all there is room for */
	ck_assert(turn_may_begin(turns, &c)); /* in no queue: nobody before it */
	turn_leave(turns, &a);
	join(&c, "+3");
	turn_leave(turns, &b);
	turn_leave(turns, &c);
}
END_TEST

START_TEST(one_that_holds_others_up_is_passed)
{
	struct turn a = { .waiting = false }, b = a, c = a;
	int64_t begun_ms;

	join(&a, "+1");
	join(&b, "+1");
	join(&c, "+1");
	run_for(2 * HOLD_MS); /* nobody waits: the clock does not run */
	begun_ms = clock_boot_ms();
	ck_assert(!turn_may_begin(turns, &b));
	ck_assert(!turn_may_begin(turns, &c));
	run_for(HOLD_MS + HOLD_MS / 2);
	ck_assert_uint_eq(told_count, 1);
	ck_assert_ptr_eq(told[0], &b);
	ck_assert_int_ge(clock_boot_ms() - begun_ms, HOLD_MS);
	ck_assert(turn_may_begin(turns, &a)); /* the passed one may go on, too */
	ck_assert(!is_free("+1"));
	turn_leave(turns, &b);
	ck_assert_uint_eq(told_count, 2);
	ck_assert_ptr_eq(told[1], &c);
	turn_leave(turns, &c);
	ck_assert(is_free("+1")); /* only the passed one is left */
	turn_leave(turns, &a);
}
END_TEST

START_TEST(a_place_in_the_queue_can_be_handed_over)
{
	struct turn claim = { .waiting = false }, item = claim, next = claim;

	join(&claim, "+1");
	join(&next, "+1");
	ck_assert(!turn_may_begin(turns, &next));
	turn_hand_over(turns, &claim, &item);
	turn_leave(turns, &claim);
	ck_assert_uint_eq(told_count, 0);
	ck_assert(turn_may_begin(turns, &item));
	turn_leave(turns, &item);
	ck_assert_uint_eq(told_count, 1);
	ck_assert_ptr_eq(told[0], &next);
	turn_leave(turns, &next);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("turn");
	TCase *tcase = tcase_create("turn");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, the_first_begins_and_the_next_follows_when_it_leaves);
	tcase_add_test(tcase, others_do_not_wait);
	tcase_add_test(tcase, one_that_holds_others_up_is_passed);
	tcase_add_test(tcase, a_place_in_the_queue_can_be_handed_over);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
