#include "base/loop.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "slowness.h"

static struct loop *loop;
static struct err err;
static char trace[1000]; /* what happened, a letter each */

static void open_loop(void)
{
	loop = loop_new(&err);
	ck_assert_ptr_nonnull(loop);
	trace[0] = '\0';
}

static void close_loop(void)
{
	loop_free(loop);
}

static void run(void)
{
	ck_assert_int_eq(loop_run(loop, &err), 0);
}

static void note(void *arg)
{
	size_t len = strlen(trace);

	snprintf(trace + len, sizeof(trace) - len, "%s", (const char *)arg);
}

static void stop(void *arg)
{
	note(arg);
	loop_stop(loop);
}

/* --- timers --- */

START_TEST(timers_fire_in_the_order_of_their_times)
{
	int64_t now = clock_boot_ms();

	loop_timer(loop, now + 9, note, "c");
	loop_timer(loop, now + 3, note, "a");
	loop_timer(loop, now + 12, stop, "d");
	loop_timer(loop, now + 6, note, "b");
	run();
	ck_assert_str_eq(trace, "abcd");
}
END_TEST

START_TEST(timers_of_one_time_fire_in_the_order_of_setting)
{
	int64_t due = clock_boot_ms() + 2;
	char names[26][2];

	for (int i = 0; i < 26; i++) {
		names[i][0] = (char)('a' + i);
		names[i][1] = '\0';
		loop_timer(loop, due, note, names[i]);
	}
	loop_timer(loop, due, stop, "!");
	run();
	ck_assert_str_eq(trace, "abcdefghijklmnopqrstuvwxyz!");
}
END_TEST

START_TEST(times_past_are_due_at_once)
{
	loop_timer(loop, 5, note, "a");
	loop_timer(loop, INT64_MIN, note, "b");
	loop_timer(loop, 0, stop, "c");
	run();
	ck_assert_str_eq(trace, "abc");
}
END_TEST

static int64_t due_at;

static void check_due(void *arg)
{
	int64_t now = clock_boot_ms();

	ck_assert_int_ge(now, due_at);
	ck_assert_int_ge(loop_now_ms(loop), due_at);
	ck_assert_int_le(loop_now_ms(loop), now);
	*(int64_t *)arg = now - due_at;
	loop_stop(loop);
}

START_TEST(a_timer_is_never_early_and_seldom_late)
{
	int punctual = 0;

	for (int wait = 0; wait < 40; wait++) {
		int64_t late = 0;

		due_at = clock_boot_ms() + wait;
		loop_timer(loop, due_at, check_due, &late);
		run();
		punctual += late <= 1;
	}
	ck_assert_int_ge(punctual, 10); /* a busy machine may wake us late, not always */
}
END_TEST

START_TEST(a_cancelled_timer_does_not_fire)
{
	int64_t now = clock_boot_ms();
	uint64_t ids[5];

	ids[0] = loop_timer(loop, now + 1, note, "a");
	ids[1] = loop_timer(loop, now + 2, note, "b");
	ids[2] = loop_timer(loop, now + 3, note, "c");
	ids[3] = loop_timer(loop, now + 4, note, "d");
	ids[4] = loop_timer(loop, now + 5, stop, "e");
	for (int i = 0; i < 5; i++)
		ck_assert_uint_ne(ids[i], 0);
	loop_cancel(loop, ids[2]);
	loop_cancel(loop, ids[0]);
	loop_cancel(loop, ids[0]);
	loop_cancel(loop, 0);
	loop_cancel(loop, UINT64_MAX);
	run();
	ck_assert_str_eq(trace, "bde");
	loop_cancel(loop, ids[1]);
}
END_TEST

static uint64_t other_timer;

static void cancel_other(void *arg)
{
	note(arg);
	loop_cancel(loop, other_timer);
}

START_TEST(a_timer_may_cancel_one_that_is_due_too)
{
	loop_timer(loop, 0, cancel_other, "a");
	other_timer = loop_timer(loop, 0, note, "b");
	loop_timer(loop, 0, stop, "c");
	run();
	ck_assert_str_eq(trace, "ac");
}
END_TEST

static uint64_t own_timer;

static void cancel_itself(void *arg)
{
	note(arg);
	loop_cancel(loop, own_timer);
	/* The slot is free again: the new timer must not be hit by the old id. */
	loop_timer(loop, 0, stop, "b");
	loop_cancel(loop, own_timer);
}

START_TEST(a_timer_that_fires_is_dead_already)
{
	own_timer = loop_timer(loop, 0, cancel_itself, "a");
	run();
	ck_assert_str_eq(trace, "ab");
}
END_TEST

static int again_count;

static void again(void *arg)
{
	again_count++;
	loop_timer(loop, 0, again, arg);
}

START_TEST(timers_that_set_themselves_starve_nobody)
{
	again_count = 0;
	loop_timer(loop, 0, again, NULL);
	loop_timer(loop, 0, again, NULL);
	loop_timer(loop, clock_boot_ms() + 5, stop, "s");
	run();
	ck_assert_str_eq(trace, "s");
	ck_assert_int_ge(again_count, 2);
}
END_TEST

static int64_t last_due;
static int fired;
static int to_fire;

static void check_order(void *arg)
{
	const int64_t *due = arg;

	ck_assert_int_ge(*due, last_due);
	ck_assert_int_le(*due, clock_boot_ms());
	last_due = *due;
	if (++fired == to_fire)
		loop_stop(loop);
}

START_TEST(tens_of_thousands_of_timers)
{
	enum { COUNT = 50000 };
	static int64_t dues[COUNT];
	static uint64_t ids[COUNT];
	int64_t now = clock_boot_ms();
	int64_t start = now;
	uint32_t state = 1;

	fired = 0;
	last_due = 0;
	to_fire = COUNT / 2;
	for (int i = 0; i < COUNT; i++) {
		state = state * 1664525 + 1013904223;
		dues[i] = now + (state >> 16) % 50;
		ids[i] = loop_timer(loop, dues[i] < loop_now_ms(loop) ? loop_now_ms(loop) : dues[i],
				    check_order, &dues[i]);
	}
	for (int i = COUNT - 1; i > 0; i -= 2)
		loop_cancel(loop, ids[i]);
	run();
	ck_assert_int_eq(fired, COUNT / 2);
	ck_assert_int_lt(clock_boot_ms() - start, 3000 * slowness());
}
END_TEST

/* --- descriptors --- */

static int pair[2][2];
static uint64_t watch[2];

static void make_pairs(void)
{
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair[i]), 0);
}

static void close_pairs(void)
{
	for (int i = 0; i < 2; i++) {
		close(pair[i][0]);
		close(pair[i][1]);
	}
}

static void read_one(void *arg, int fd, uint32_t events)
{
	char c;

	ck_assert_int_ne(events & EPOLLIN, 0);
	ck_assert_int_eq(read(fd, &c, 1), 1);
	note(arg);
	if (c == '!')
		loop_stop(loop);
}

START_TEST(what_is_not_read_is_reported_again)
{
	make_pairs();
	ck_assert_uint_ne(loop_watch(loop, pair[0][0], EPOLLIN, read_one, "a", &err), 0);
	ck_assert_int_eq(write(pair[0][1], "xx!", 3), 3);
	run();
	ck_assert_str_eq(trace, "aaa");
	close_pairs();
}
END_TEST

static void unwatch_both(void *arg, int fd, uint32_t events)
{
	(void)fd;
	(void)events;
	note(arg);
	loop_unwatch(loop, watch[0]);
	loop_unwatch(loop, watch[1]);
	loop_timer(loop, 0, stop, "s");
}

START_TEST(events_of_a_removed_watch_are_dropped)
{
	make_pairs();
	for (int i = 0; i < 2; i++) {
		watch[i] = loop_watch(loop, pair[i][0], EPOLLIN, unwatch_both, "a", &err);
		ck_assert_int_eq(write(pair[i][1], "x", 1), 1);
	}
	run();
	ck_assert_str_eq(trace, "as");
	close_pairs();
}
END_TEST

static void replace_other(void *arg, int fd, uint32_t events)
{
	int other = fd == pair[0][0];

	(void)events;
	note(arg);
	/* The other event of this round belongs to the old watch of the same descriptor. */
	loop_unwatch(loop, watch[!other]);
	loop_unwatch(loop, watch[other]);
	watch[other] = loop_watch(loop, pair[other][0], EPOLLIN, read_one, "b", &err);
	ck_assert_uint_ne(watch[other], 0);
}

START_TEST(an_old_event_does_not_reach_a_new_watch)
{
	make_pairs();
	for (int i = 0; i < 2; i++) {
		watch[i] = loop_watch(loop, pair[i][0], EPOLLIN, replace_other, "a", &err);
		ck_assert_int_eq(write(pair[i][1], "!", 1), 1);
	}
	run();
	ck_assert_str_eq(trace, "ab");
	close_pairs();
}
END_TEST

static void close_other(void *arg, int fd, uint32_t events)
{
	int other = fd == pair[0][0];
	int old = pair[other][0];

	(void)events;
	note(arg);
	loop_unwatch(loop, watch[!other]);
	loop_unwatch_closing(loop, watch[other]);
	close(old);
	/* Its number comes back at once, and is watched anew. */
	close(pair[other][1]);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair[other]), 0);
	ck_assert(pair[other][0] == old || pair[other][1] == old);
	watch[other] = loop_watch(loop, pair[other][0], EPOLLIN, read_one, "b", &err);
	ck_assert_uint_ne(watch[other], 0);
	ck_assert_int_eq(write(pair[other][1], "!", 1), 1);
}

START_TEST(a_watch_may_end_with_the_close)
{
	make_pairs();
	for (int i = 0; i < 2; i++) {
		watch[i] = loop_watch(loop, pair[i][0], EPOLLIN, close_other, "a", &err);
		ck_assert_int_eq(write(pair[i][1], "!", 1), 1);
	}
	run();
	ck_assert_str_eq(trace, "ab");
	close_pairs();
}
END_TEST

static void switch_to_in(void *arg, int fd, uint32_t events)
{
	char c;

	note(arg);
	if (events & EPOLLOUT) {
		loop_rewatch(loop, watch[0], EPOLLIN);
		ck_assert_int_eq(write(pair[0][1], "x", 1), 1);
	} else {
		ck_assert_int_eq(read(fd, &c, 1), 1);
		loop_stop(loop);
	}
}

START_TEST(what_is_waited_for_can_change)
{
	static const uint32_t flags[] = { 0, EPOLLEXCLUSIVE };

	for (int i = 0; i < 2; i++) {
		make_pairs();
		trace[0] = '\0';
		watch[0] =
			loop_watch(loop, pair[0][0], EPOLLOUT | flags[i], switch_to_in, "a", &err);
		ck_assert_uint_ne(watch[0], 0);
		run();
		ck_assert_str_eq(trace, "aa");
		loop_unwatch(loop, watch[0]);
		close_pairs();
	}
}
END_TEST

START_TEST(a_watch_of_nothing_wakes_nobody)
{
	make_pairs();
	watch[0] = loop_watch(loop, pair[0][0], EPOLLIN, read_one, "a", &err);
	loop_rewatch(loop, watch[0], 0);
	ck_assert_int_eq(write(pair[0][1], "!", 1), 1);
	loop_timer(loop, clock_boot_ms() + 5, stop, "s");
	run();
	ck_assert_str_eq(trace, "s");
	close_pairs();
}
END_TEST

START_TEST(a_bad_descriptor_is_an_error)
{
	ck_assert_uint_eq(loop_watch(loop, 1000000, EPOLLIN, read_one, NULL, &err), 0);
	ck_assert_int_eq(err.code, EBADF);
	loop_unwatch(loop, 0);
	loop_unwatch(loop, 12345);
}
END_TEST

static void stop_unread(void *arg, int fd, uint32_t events)
{
	(void)fd;
	(void)events;
	stop(arg);
}

START_TEST(nothing_is_called_after_the_stop)
{
	make_pairs();
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_ne(loop_watch(loop, pair[i][0], EPOLLIN, stop_unread, "a", &err), 0);
		ck_assert_int_eq(write(pair[i][1], "x", 1), 1);
	}
	run();
	ck_assert_str_eq(trace, "a");
	loop_timer(loop, 0, stop, "t");
	loop_timer(loop, 0, stop, "u");
	run();
	ck_assert_str_eq(trace, "at");
	close_pairs();
}
END_TEST

static int drained;

static void drain(void *arg, int fd, uint32_t events)
{
	uint64_t value;

	(void)arg;
	(void)events;
	ck_assert_int_eq(read(fd, &value, sizeof(value)), sizeof(value));
	if (++drained == 700)
		loop_stop(loop);
}

START_TEST(more_descriptors_than_one_wait_reports)
{
	int fds[700];

	drained = 0;
	for (int i = 0; i < 700; i++) {
		fds[i] = eventfd(1, EFD_NONBLOCK);
		ck_assert_uint_ne(loop_watch(loop, fds[i], EPOLLIN, drain, NULL, &err), 0);
	}
	run();
	ck_assert_int_eq(drained, 700);
	for (int i = 0; i < 700; i++)
		close(fds[i]);
}
END_TEST

/* --- hooks --- */

static int work_left;

static bool work(void *arg)
{
	note(arg);
	if (work_left == 0)
		return false;
	work_left--;
	return true;
}

static bool idle(void *arg)
{
	note(arg);
	return false;
}

START_TEST(hooks_run_in_order_until_none_has_work)
{
	work_left = 2;
	loop_hook(loop, work, "w");
	loop_hook(loop, idle, "i");
	loop_timer(loop, clock_boot_ms() + 5, stop, "s");
	run();
	/* Twice something done, once nothing, then the wait; once more after the stop. */
	ck_assert_str_eq(trace, "wiwiwiswi");
}
END_TEST

START_TEST(before_each_wait_once)
{
	work_left = 2;
	loop_hook(loop, work, "w");
	loop_before_wait(loop, note, "b");
	loop_timer(loop, clock_boot_ms() + 5, stop, "s");
	run();
	/* Behind the hooks, and not when the loop ends instead. */
	ck_assert_str_eq(trace, "wwwbsw");
}
END_TEST

START_TEST(hooks_always_busy_do_not_stop_the_round)
{
	int64_t start = clock_boot_ms();

	work_left = 3 * LOOP_HOOK_ROUNDS;
	loop_hook(loop, work, "w");
	make_pairs();
	ck_assert_uint_ne(loop_watch(loop, pair[0][0], EPOLLIN, read_one, "r", &err), 0);
	ck_assert_int_eq(write(pair[0][1], "x!", 2), 2);
	run();
	ck_assert_str_eq(trace, "wwwwwwwwrwwwwwwwwr");
	/* Work left over is done at once, though no descriptor and no timer is due. */
	ck_assert_int_lt(clock_boot_ms() - start, 5000 * slowness());
	close_pairs();
}
END_TEST

static bool stop_when_done(void *arg)
{
	(void)arg;
	if (work_left == 0)
		loop_stop(loop);
	return false;
}

START_TEST(work_left_over_does_not_wait)
{
	int64_t start = clock_boot_ms();

	work_left = 100;
	loop_hook(loop, work, "");
	loop_hook(loop, stop_when_done, NULL);
	run();
	ck_assert_int_lt(clock_boot_ms() - start, 5000 * slowness());
}
END_TEST

START_TEST(a_loop_can_run_again)
{
	for (int i = 0; i < 3; i++) {
		loop_timer(loop, 0, stop, "s");
		run();
	}
	ck_assert_str_eq(trace, "sss");
	loop_stop(loop);
	run();
	/* What is left is dropped. */
	loop_timer(loop, clock_boot_ms() + 100000, note, "x");
	make_pairs();
	ck_assert_uint_ne(loop_watch(loop, pair[0][0], EPOLLIN, read_one, "a", &err), 0);
	close_pairs();
}
END_TEST

static Suite *loop_suite(void)
{
	Suite *suite = suite_create("loop");
	TCase *tcase = tcase_create("loop");

	tcase_add_checked_fixture(tcase, open_loop, close_loop);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, timers_fire_in_the_order_of_their_times);
	tcase_add_test(tcase, timers_of_one_time_fire_in_the_order_of_setting);
	tcase_add_test(tcase, times_past_are_due_at_once);
	tcase_add_test(tcase, a_timer_is_never_early_and_seldom_late);
	tcase_add_test(tcase, a_cancelled_timer_does_not_fire);
	tcase_add_test(tcase, a_timer_may_cancel_one_that_is_due_too);
	tcase_add_test(tcase, a_timer_that_fires_is_dead_already);
	tcase_add_test(tcase, timers_that_set_themselves_starve_nobody);
	tcase_add_test(tcase, tens_of_thousands_of_timers);
	tcase_add_test(tcase, what_is_not_read_is_reported_again);
	tcase_add_test(tcase, events_of_a_removed_watch_are_dropped);
	tcase_add_test(tcase, an_old_event_does_not_reach_a_new_watch);
	tcase_add_test(tcase, a_watch_may_end_with_the_close);
	tcase_add_test(tcase, what_is_waited_for_can_change);
	tcase_add_test(tcase, a_watch_of_nothing_wakes_nobody);
	tcase_add_test(tcase, a_bad_descriptor_is_an_error);
	tcase_add_test(tcase, nothing_is_called_after_the_stop);
	tcase_add_test(tcase, more_descriptors_than_one_wait_reports);
	tcase_add_test(tcase, hooks_run_in_order_until_none_has_work);
	tcase_add_test(tcase, before_each_wait_once);
	tcase_add_test(tcase, hooks_always_busy_do_not_stop_the_round);
	tcase_add_test(tcase, work_left_over_does_not_wait);
	tcase_add_test(tcase, a_loop_can_run_again);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(loop_suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
