#include "delivery/turn.h"

#include <check.h>
#include <stdlib.h>

#include "base/clock.h"

#define HOLD_MS 60

static struct loop *loop;
static struct turns *turns;
static struct turn *told[16];
static int64_t told_ms[16];
static unsigned told_count;

static void on_turn(void *arg, struct turn *turn)
{
	(void)arg;
	told_ms[told_count] = clock_boot_ms();
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

START_TEST(other_classes_do_not_wait)
{
	struct turn a = { .waiting = false }, b = a;
	struct message m = to("+1");

	m.class = MESSAGE_BULK;
	ck_assert(turn_join(turns, &a, &m));
	ck_assert(!turn_is_free(turns, &m));
	m.class = MESSAGE_HIGH;
	ck_assert(turn_is_free(turns, &m));
	ck_assert(turn_join(turns, &b, &m));
	ck_assert(turn_may_begin(turns, &b));
	turn_leave(turns, &a);
	turn_leave(turns, &b);
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

START_TEST(a_hand_over_does_not_wind_the_clock_anew)
{
	struct turn first = { .waiting = false }, forms[3] = { first, first, first }, next = first;
	int64_t pass_ms;

	join(&first, "+1");
	join(&next, "+1");
	ck_assert(!turn_may_begin(turns, &next));
	pass_ms = first.pass_ms;
	ck_assert_int_eq(pass_ms, loop_now_ms(loop) + HOLD_MS);
	turn_hand_over(turns, &first, &forms[0]);
	for (unsigned i = 1; i < 3; i++) {
		run_for(HOLD_MS / 3);
		turn_hand_over(turns, &forms[i - 1], &forms[i]);
		ck_assert_int_eq(forms[i].pass_ms, pass_ms);
	}
	run_for(HOLD_MS);
	ck_assert_uint_eq(told_count, 1);
	ck_assert_ptr_eq(told[0], &next);
	ck_assert_int_ge(told_ms[0], pass_ms);
	turn_hand_over(turns, &forms[2], &first);
	ck_assert(first.passed);
	turn_leave(turns, &next);
	ck_assert(is_free("+1"));
	turn_leave(turns, &first);
}
END_TEST

/* A hand-over at this time before (below zero: after) the moment of passing. */
static void hand_over_at(int64_t left_ms)
{
	struct turn old = { .waiting = false }, new = old, next = old;

	told_count = 0;
	join(&old, "+1");
	join(&next, "+1");
	turn_has_begun(&old, clock_wall_us() - 1000 * (HOLD_MS - left_ms));
	ck_assert(!turn_may_begin(turns, &next));
	ck_assert_int_le(old.pass_ms, loop_now_ms(loop) + left_ms);
	turn_hand_over(turns, &old, &new);
	ck_assert_uint_eq(told_count, 0); /* never from within */
	ck_assert_int_le(new.pass_ms, loop_now_ms(loop) + left_ms);
	run_for(left_ms > 0 ? left_ms + 1 : 1);
	ck_assert_uint_eq(told_count, 1);
	ck_assert_int_ge(told_ms[0], new.pass_ms);
	turn_leave(turns, &next);
	turn_leave(turns, &new);
}

START_TEST(a_hand_over_around_the_limit)
{
	for (int64_t left_ms = -1; left_ms <= 1; left_ms++)
		hand_over_at(left_ms);
}
END_TEST

/* When the first has begun so long ago, and the next came so long ago: what is left. */
static void expect_left(int64_t begun_ago_ms, int64_t came_ago_ms, int64_t left_ms)
{
	const int64_t now_us = clock_wall_us();
	struct message m = to("+1");
	struct turn first = { .waiting = false }, next = first;
	int64_t from_ms;

	join(&first, "+1");
	turn_has_begun(&first, now_us - 1000 * begun_ago_ms);
	m.accepted_wall_us = now_us - 1000 * came_ago_ms;
	ck_assert(turn_join(turns, &next, &m));
	from_ms = loop_now_ms(loop);
	ck_assert(!turn_may_begin(turns, &next));
	ck_assert_int_le(first.pass_ms, from_ms + left_ms);
	ck_assert_int_ge(first.pass_ms, from_ms + left_ms - (clock_wall_us() - now_us) / 1000 - 1);
	turn_leave(turns, &next);
	turn_leave(turns, &first);
}

START_TEST(what_began_elsewhere_has_held_up_who_waited_since)
{
	for (int64_t ago_ms = HOLD_MS - 1; ago_ms <= HOLD_MS + 1; ago_ms++) {
		expect_left(ago_ms, 100 * HOLD_MS, HOLD_MS - ago_ms);
		expect_left(100 * HOLD_MS, ago_ms, HOLD_MS - ago_ms); /* who came later */
	}
	expect_left(0, 1000, HOLD_MS);
	expect_left(-1000, 0, HOLD_MS); /* a host's clock that is ahead */
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
	tcase_add_test(tcase, other_classes_do_not_wait);
	tcase_add_test(tcase, one_that_holds_others_up_is_passed);
	tcase_add_test(tcase, a_place_in_the_queue_can_be_handed_over);
	tcase_add_test(tcase, a_hand_over_does_not_wind_the_clock_anew);
	tcase_add_test(tcase, a_hand_over_around_the_limit);
	tcase_add_test(tcase, what_began_elsewhere_has_held_up_who_waited_since);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
