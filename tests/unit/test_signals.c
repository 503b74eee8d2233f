#include "process/signals.h"

#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define DEADLINE_MS 5000

static struct loop *loop;
static struct signals signals = { .fd = -1 };
static int seen[65];

static void on_signal(void *arg, int number)
{
	ck_assert_ptr_eq(arg, seen);
	seen[number]++;
}

static void on_turned(void *arg)
{
	loop_stop(arg);
}

static void turn_until_seen(int number)
{
	const int64_t deadline_ms = clock_boot_ms() + DEADLINE_MS;
	struct err err;

	while (!seen[number] && clock_boot_ms() < deadline_ms) {
		loop_timer(loop, clock_boot_ms() + 1, on_turned, loop);
		ck_assert_int_eq(loop_run(loop, &err), 0);
	}
	ck_assert_int_eq(seen[number], 1);
	seen[number] = 0;
}

static void open_signals(void)
{
	static const int list[] = { SIGTERM, SIGHUP, SIGCHLD, 0 };
	struct err err;

	loop = loop_new(&err);
	ck_assert_int_eq(signals_open(&signals, loop, list, on_signal, seen, &err), 0);
}

static void close_signals(void)
{
	signals_close(&signals, loop);
	loop_free(loop);
}

START_TEST(each_signal_of_the_list_becomes_a_call)
{
	static const int list[] = { SIGTERM, SIGHUP };

	open_signals();
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		ck_assert_int_eq(kill(getpid(), list[i]), 0);
		turn_until_seen(list[i]);
	}
	close_signals();
}
END_TEST

START_TEST(the_death_of_a_child_is_heard)
{
	pid_t pid;

	open_signals();
	pid = fork();
	if (pid == 0)
		_exit(0);
	turn_until_seen(SIGCHLD);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	close_signals();
}
END_TEST

/* nohup(1) and some supervisors leave signals ignored. */
START_TEST(a_signal_that_was_ignored_is_heard)
{
	(void)signal(SIGHUP, SIG_IGN);
	open_signals();
	ck_assert_int_eq(kill(getpid(), SIGHUP), 0);
	turn_until_seen(SIGHUP);
	close_signals();
}
END_TEST

/* A worker opens its own after the fork: what came in between is not lost. */
START_TEST(a_signal_that_waits_is_heard_by_the_next_to_open)
{
	open_signals();
	ck_assert_int_eq(kill(getpid(), SIGTERM), 0);
	close_signals();
	open_signals();
	turn_until_seen(SIGTERM);
	close_signals();
}
END_TEST

START_TEST(a_broken_pipe_does_not_end_the_process)
{
	int pair[2];

	open_signals();
	ck_assert_int_eq(pipe(pair), 0);
	ck_assert_int_eq(close(pair[0]), 0);
	ck_assert_int_lt(write(pair[1], "x", 1), 0);
	ck_assert_int_eq(close(pair[1]), 0);
	close_signals();
}
END_TEST

/* The workers' mask is theirs: what the master had blocked and they do not list is open. */
START_TEST(only_the_list_is_blocked)
{
	static const int list[] = { SIGTERM, 0 };
	struct err err;
	sigset_t set;

	open_signals();
	close_signals();
	loop = loop_new(&err);
	ck_assert_int_eq(signals_open(&signals, loop, list, on_signal, seen, &err), 0);
	ck_assert_int_eq(sigprocmask(SIG_SETMASK, NULL, &set), 0);
	ck_assert_int_eq(sigismember(&set, SIGTERM), 1);
	ck_assert_int_eq(sigismember(&set, SIGHUP), 0);
	ck_assert_int_eq(sigismember(&set, SIGCHLD), 0);
	close_signals();
	ck_assert_int_eq(signals.fd, -1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("signals");
	TCase *tcase = tcase_create("signals");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, each_signal_of_the_list_becomes_a_call);
	tcase_add_test(tcase, the_death_of_a_child_is_heard);
	tcase_add_test(tcase, a_signal_that_was_ignored_is_heard);
	tcase_add_test(tcase, a_signal_that_waits_is_heard_by_the_next_to_open);
	tcase_add_test(tcase, a_broken_pipe_does_not_end_the_process);
	tcase_add_test(tcase, only_the_list_is_blocked);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
