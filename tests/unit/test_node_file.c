#include "delivery/node_file.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"

static const struct message_id us = { { 1, 2, 3 } };
static const struct message_id others = { { 1, 2, 4 } };
static char dir[] = "/tmp/node-file-XXXXXX";
static char boot[NODE_FILE_BOOT_BYTES];
static char path[NODE_FILE_PATH_BYTES];

static int open_file(void)
{
	char socket[64];
	struct err err;
	int fd;

	(void)snprintf(socket, sizeof(socket), "%s/s", dir);
	fd = node_file_open(socket, us, boot, path, &err);
	ck_assert_msg(fd >= 0, "%s", err.text);
	return fd;
}

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	node_file_boot_id(boot);
	ck_assert_uint_eq(strlen(boot), 36);
}

static void teardown(void)
{
	(void)unlink(path);
	(void)rmdir(dir);
}

START_TEST(a_node_is_gone_when_nobody_holds_its_file)
{
	int fd = open_file();

	ck_assert(!node_file_proves_gone(path, us, boot));
	fd_close(&fd);
	ck_assert(node_file_proves_gone(path, us, boot));
	ck_assert(node_file_proves_gone(path, us, boot)); /* looking takes nothing away */
}
END_TEST

START_TEST(another_id_or_boot_or_no_file_proves_nothing)
{
	int fd = open_file();

	fd_close(&fd);
	ck_assert(!node_file_proves_gone(path, others, boot));
	ck_assert(!node_file_proves_gone(path, us, "another-boot"));
	ck_assert(!node_file_proves_gone(path, us, ""));
	ck_assert(!node_file_proves_gone("", us, boot));
	(void)unlink(path);
	ck_assert(!node_file_proves_gone(path, us, boot));
}
END_TEST

START_TEST(a_worker_that_outlives_its_master_keeps_the_node_alive)
{
	int fd = open_file();
	const pid_t pid = fork();

	if (!pid) {
		(void)pause();
		_exit(0);
	}
	fd_close(&fd);
	ck_assert(!node_file_proves_gone(path, us, boot));
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	ck_assert(node_file_proves_gone(path, us, boot));
}
END_TEST

START_TEST(a_file_that_is_there_is_not_taken_over)
{
	struct err err;
	char socket[64];
	char other_path[NODE_FILE_PATH_BYTES];
	int fd = open_file();

	(void)snprintf(socket, sizeof(socket), "%s/s", dir);
	ck_assert_int_lt(node_file_open(socket, us, boot, other_path, &err), 0);
	fd_close(&fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("node_file");
	TCase *tcase = tcase_create("node_file");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_node_is_gone_when_nobody_holds_its_file);
	tcase_add_test(tcase, another_id_or_boot_or_no_file_proves_nothing);
	tcase_add_test(tcase, a_worker_that_outlives_its_master_keeps_the_node_alive);
	tcase_add_test(tcase, a_file_that_is_there_is_not_taken_over);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
