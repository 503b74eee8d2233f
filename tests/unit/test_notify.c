/* Each test runs in a process of its own, so it may do with its environment what it likes. */
#include "process/notify.h"

#include <check.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"

static char folder[64];
static char path[108];
static int manager = -1;
static struct notify n;

static int bind_to(const char *name, socklen_t len)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(address.sun_path, name, len);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
			 0);
	return fd;
}

static void listen_at_path(void)
{
	text_copy_cut(folder, sizeof(folder), "/tmp/test_notify.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/notify", folder);
	manager = bind_to(path, (socklen_t)strlen(path) + 1);
	ck_assert_int_eq(setenv("NOTIFY_SOCKET", path, 1), 0);
}

static void close_all(void)
{
	notify_close(&n);
	fd_close(&manager);
	if (*path)
		(void)unlink(path);
	if (*folder)
		(void)rmdir(folder);
}

static void has_got(const char *text)
{
	char got[1024];
	const ssize_t len = recv(manager, got, sizeof(got) - 1, 0);

	ck_assert_int_ge(len, 0);
	got[len] = '\0';
	ck_assert_str_eq(got, text);
}

START_TEST(nobody_asked)
{
	notify_open(&n);
	ck_assert_int_eq(n.fd, -1);
	ck_assert_int_eq(n.watchdog_ms, 0);
	notify_send(&n, "READY=1");
}
END_TEST

START_TEST(it_tells_the_manager)
{
	listen_at_path();
	notify_open(&n);
	notify_send(&n, "READY=1\nSTATUS=%u workers serve", 2u);
	has_got("READY=1\nSTATUS=2 workers serve");
	notify_send(&n, "WATCHDOG=1");
	has_got("WATCHDOG=1");
	ck_assert_ptr_null(getenv("NOTIFY_SOCKET"));
}
END_TEST

START_TEST(an_abstract_socket)
{
	char name[64];

	snprintf(name, sizeof(name), "@test_notify.%d", (int)getpid());
	ck_assert_int_eq(setenv("NOTIFY_SOCKET", name, 1), 0);
	name[0] = '\0';
	manager = bind_to(name, (socklen_t)(1 + strlen(name + 1)));
	notify_open(&n);
	notify_send(&n, "STOPPING=1");
	has_got("STOPPING=1");
}
END_TEST

START_TEST(a_manager_that_is_gone_costs_nothing)
{
	listen_at_path();
	notify_open(&n);
	fd_close(&manager);
	ck_assert_int_eq(unlink(path), 0);
	notify_send(&n, "READY=1");
	ck_assert_int_ge(n.fd, 0);
}
END_TEST

START_TEST(names_that_are_none)
{
	static char longest[108], too_long[109];
	static const char *const names[] = { "", "relative", "vsock:1:2", too_long };

	memset(too_long, 'x', sizeof(too_long) - 1);
	too_long[0] = '/';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		ck_assert_int_eq(setenv("NOTIFY_SOCKET", names[i], 1), 0);
		notify_open(&n);
		ck_assert_int_eq(n.fd, -1);
	}
	memcpy(longest, too_long, sizeof(longest) - 1);
	ck_assert_int_eq(setenv("NOTIFY_SOCKET", longest, 1), 0);
	notify_open(&n);
	ck_assert_int_ge(n.fd, 0);
}
END_TEST

START_TEST(the_watchdog_of_this_process)
{
	char me[32];
	static const struct {
		const char *usec;
		const char *pid; /* null: not set; "": this process's */
		int64_t ms;
	} cases[] = {
		{ "30000000", NULL, 30000 },
		{ "30000000", "", 30000 },
		{ "30000000", "1", 0 },
		{ "30000000", "x", 0 },
		{ "999", "", 0 },
		{ "1000", "", 1 },
		{ "-1", "", 0 },
	};

	listen_at_path();
	snprintf(me, sizeof(me), "%d", (int)getpid());
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ck_assert_int_eq(setenv("NOTIFY_SOCKET", path, 1), 0);
		ck_assert_int_eq(setenv("WATCHDOG_USEC", cases[i].usec, 1), 0);
		if (cases[i].pid)
			setenv("WATCHDOG_PID", *cases[i].pid ? cases[i].pid : me, 1);
		notify_open(&n);
		ck_assert_int_eq(n.watchdog_ms, cases[i].ms);
		ck_assert_ptr_null(getenv("WATCHDOG_USEC"));
		ck_assert_ptr_null(getenv("WATCHDOG_PID"));
		notify_close(&n);
	}
}
END_TEST

START_TEST(what_does_not_fit_is_not_sent)
{
	static char text[512];
	char got[8];

	listen_at_path();
	notify_open(&n);
	memset(text, 'x', 511);
	notify_send(&n, "%sx", text);
	ck_assert_int_eq(recv(manager, got, sizeof(got), 0), -1);
	notify_send(&n, "%s", text);
	has_got(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("notify");
	TCase *tcase = tcase_create("notify");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, NULL, close_all);
	tcase_add_test(tcase, nobody_asked);
	tcase_add_test(tcase, it_tells_the_manager);
	tcase_add_test(tcase, an_abstract_socket);
	tcase_add_test(tcase, a_manager_that_is_gone_costs_nothing);
	tcase_add_test(tcase, names_that_are_none);
	tcase_add_test(tcase, the_watchdog_of_this_process);
	tcase_add_test(tcase, what_does_not_fit_is_not_sent);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
