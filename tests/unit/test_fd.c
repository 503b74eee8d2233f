#include "base/fd.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

START_TEST(closing_forgets_the_descriptor)
{
	int fd = dup(2);
	int number = fd;

	fd_close(&fd);
	ck_assert_int_eq(fd, -1);
	ck_assert_int_eq(fcntl(number, F_GETFD), -1);
	fd_close(&fd);
	ck_assert_int_eq(fd, -1);
}
END_TEST

START_TEST(flags_are_set_and_taken_away)
{
	struct err err;
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(fd_set_nonblocking(fds[0], true, &err), 0);
	ck_assert_int_ne(fcntl(fds[0], F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_eq(fd_set_nonblocking(fds[0], false, &err), 0);
	ck_assert_int_eq(fcntl(fds[0], F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_eq(fd_set_cloexec(fds[0], true, &err), 0);
	ck_assert_int_eq(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fd_set_cloexec(fds[0], false, &err), 0);
	ck_assert_int_eq(fcntl(fds[0], F_GETFD), 0);
	fd_close(&fds[0]);
	fd_close(&fds[1]);
}
END_TEST

START_TEST(a_closed_descriptor_is_an_error)
{
	struct err err = { 0 };

	ck_assert_int_eq(fd_set_nonblocking(1000000, true, &err), -1);
	ck_assert_int_eq(err.code, EBADF);
	ck_assert_ptr_nonnull(strstr(err.text, "1000000"));
	ck_assert_int_eq(fd_set_cloexec(1000000, true, &err), -1);
}
END_TEST

START_TEST(the_limit_goes_up_to_the_hard_one)
{
	struct rlimit limit;
	rlim_t hard;

	/* The hard limit stays as it is: valgrind keeps it to itself. */
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	hard = limit.rlim_max;
	limit.rlim_cur = 100;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_uint_eq((rlim_t)fd_raise_limit(), hard);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_uint_eq(limit.rlim_cur, hard);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fd");
	TCase *tcase = tcase_create("fd");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, closing_forgets_the_descriptor);
	tcase_add_test(tcase, flags_are_set_and_taken_away);
	tcase_add_test(tcase, a_closed_descriptor_is_an_error);
	tcase_add_test(tcase, the_limit_goes_up_to_the_hard_one);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
