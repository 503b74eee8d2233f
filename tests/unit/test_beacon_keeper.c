#include "process/beacon_keeper.h"

#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

#define SOCKET "/run/elsewhere/s.sock"

static char dir[32];
static char log_path[64];
static struct log keeper_log = { .level = LOG_DEBUG, .role = "test" };
static struct beacon_keeper k;
static int disk[2] = { -1, -1 };

/* In place of the C library's: a disk that hangs until something is written to `disk`. */
int fsync(int fd)
{
	char byte;

	(void)fd;
	return disk[0] < 0 || read(disk[0], &byte, 1) == 1 ? 0 : -1;
}

static struct beacon_known known_at(int64_t ticks)
{
	return (struct beacon_known){ true, { { 1, 2, 3 } }, ticks };
}

static void setup(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/beacon-keeper-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(log_path, sizeof(log_path), "%s.log", dir);
	keeper_log.fd = open(log_path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	ck_assert_int_ge(keeper_log.fd, 0);
	beacon_keeper_open(&k, &keeper_log, dir, SOCKET);
}

static void teardown(void)
{
	(void)close(keeper_log.fd);
	(void)close(disk[0]);
	(void)close(disk[1]);
	disk[0] = -1;
	(void)unlink(log_path);
	(void)unlink(k.path);
	ck_assert_int_eq(rmdir(dir), 0); /* nothing else is left there */
}

static unsigned logged(const char *event)
{
	char text[4096] = "";
	unsigned count = 0;

	ck_assert_int_ge(pread(keeper_log.fd, text, sizeof(text) - 1, 0), 0);
	for (const char *at = text; (at = strstr(at, event)); at++)
		count++;
	return count;
}

/* Until the write that keep() began has ended. */
static void until_written(const struct beacon_known *known, int64_t now_ms)
{
	const int64_t deadline_ms = clock_boot_ms() + 5000;

	for (beacon_keeper_keep(&k, known, now_ms); k.writing;
	     beacon_keeper_keep(&k, known, now_ms)) {
		ck_assert_int_lt(clock_boot_ms(), deadline_ms);
		(void)poll(NULL, 0, 1);
	}
}

static int64_t in_file(void)
{
	const struct beacon_known found = beacon_file_read(k.path);

	return found.any ? found.ticks : -1;
}

START_TEST(what_is_known_is_written_every_five_seconds)
{
	const struct beacon_known nothing = { .any = false };
	const struct beacon_known first = known_at(7), second = known_at(8);

	until_written(&nothing, 1000);
	ck_assert_int_eq(in_file(), -1);
	until_written(&first, 1000);
	ck_assert_int_eq(in_file(), 7);
	until_written(&second, 5999);
	ck_assert_int_eq(in_file(), 7);
	until_written(&second, 6000);
	ck_assert_int_eq(in_file(), 8);
	beacon_keeper_close(&k, &second);
}
END_TEST

START_TEST(it_begins_with_what_the_file_says)
{
	const struct beacon_known known = known_at(7);

	ck_assert(!k.kept.any);
	beacon_keeper_close(&k, &known);
	beacon_keeper_open(&k, &keeper_log, dir, SOCKET);
	ck_assert(k.kept.any && k.kept.ticks == 7);
	ck_assert_int_eq(unlink(k.path), 0);
	until_written(&known, 1000); /* nothing new: not written */
	ck_assert_int_eq(in_file(), -1);
}
END_TEST

START_TEST(a_disk_that_hangs_holds_up_the_file_only)
{
	const struct beacon_known first = known_at(7), second = known_at(8), last = known_at(9);

	ck_assert_int_eq(pipe(disk), 0);
	beacon_keeper_keep(&k, &first, 1000);
	beacon_keeper_keep(&k, &second, 7000);
	ck_assert(k.writing);
	ck_assert_int_eq(in_file(), -1);
	ck_assert_int_eq(write(disk[1], "1", 1), 1);
	until_written(&first, 7000);
	ck_assert_int_eq(in_file(), 7);
	beacon_keeper_keep(&k, &second, 7000);
	ck_assert_int_eq(write(disk[1], "23", 2), 2);
	beacon_keeper_close(&k, &last); /* first what is being written, then what is known now */
	ck_assert(!k.writing);
	ck_assert_int_eq(in_file(), 9);
}
END_TEST

START_TEST(a_fault_is_said_once_and_that_it_is_over)
{
	const struct beacon_known known = known_at(7);

	ck_assert_int_eq(rmdir(dir), 0);
	for (int64_t now_ms = 0; now_ms < 30000; now_ms += 1000)
		until_written(&known, now_ms);
	ck_assert_uint_eq(logged("event=no_beacon_file"), 1);
	ck_assert_uint_eq(logged("STATE_DIR"), 1);
	{
		const int fd = open(dir, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

		ck_assert_int_ge(fd, 0); /* another fault: no directory */
		(void)close(fd);
	}
	until_written(&known, 40000);
	until_written(&known, 50000);
	ck_assert_uint_eq(logged("event=no_beacon_file"), 2);
	ck_assert_int_eq(unlink(dir), 0);
	ck_assert_int_eq(mkdir(dir, 0700), 0);
	ck_assert_uint_eq(logged("event=beacon_file"), 0);
	until_written(&known, 60000); /* although nothing new is known */
	until_written(&known, 70000);
	ck_assert_uint_eq(logged("event=beacon_file"), 1);
	ck_assert_uint_eq(logged("event=no_beacon_file"), 2);
	ck_assert_int_eq(in_file(), 7);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("beacon_keeper");
	TCase *tcase = tcase_create("beacon_keeper");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, what_is_known_is_written_every_five_seconds);
	tcase_add_test(tcase, it_begins_with_what_the_file_says);
	tcase_add_test(tcase, a_disk_that_hangs_holds_up_the_file_only);
	tcase_add_test(tcase, a_fault_is_said_once_and_that_it_is_over);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
