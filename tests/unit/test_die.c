#include "base/die.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

START_TEST(it_says_why_and_ends_without_a_signal)
{
	char text[128] = "";
	int fds[2];
	int status;
	pid_t child;

	ck_assert_int_eq(pipe(fds), 0);
	child = fork();
	ck_assert_int_ne(child, -1);
	if (child == 0) {
		(void)dup2(fds[1], STDERR_FILENO);
		errno = ENOMEM;
		die("a timer");
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), DIE_STATUS);
	ck_assert_int_gt(read(fds[0], text, sizeof(text) - 1), 0);
	ck_assert_str_eq(text, "a timer: Cannot allocate memory\n");
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(abort_is_such_an_end_too)
{
	die_instead_of_abort();
	abort();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("die");
	TCase *tcase = tcase_create("die");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, it_says_why_and_ends_without_a_signal);
	tcase_add_exit_test(tcase, abort_is_such_an_end_too, DIE_STATUS);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
