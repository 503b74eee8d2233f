/* Each test runs in a process of its own (Check forks), so it may do with its descriptors and
 * its environment what it likes. */
#include "process/listener.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"

static char folder[64];
static char path[108];
static struct listener l;
static struct listener_settings settings;
static struct err err;

static void make_folder(void)
{
	text_copy_cut(folder, sizeof(folder), "/tmp/test_listener.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/service.sock", folder);
	settings = (struct listener_settings){
		.setting = "FCGI_SOCKET", .path = path, .mode = 0660, .group = ""
	};
}

static void remove_folder(void)
{
	char lock[128];

	snprintf(lock, sizeof(lock), "%s.lock", path);
	(void)unlink(path);
	(void)unlink(lock);
	ck_assert_int_eq(rmdir(folder), 0);
}

static int dial(const char *to)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	text_copy_cut(address.sun_path, sizeof(address.sun_path), to);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

static void can_be_reached(const char *to)
{
	const int peer = dial(to);
	int fd;

	ck_assert_int_ge(peer, 0);
	fd = accept(l.fd, NULL, NULL);
	ck_assert_int_ge(fd, 0);
	close(fd);
	close(peer);
	/* Nobody waits any more, and that blocks nobody. */
	ck_assert_int_lt(accept(l.fd, NULL, NULL), 0);
	ck_assert_int_eq(errno, EAGAIN);
}

/* A listening (or only bound) socket of somebody else. */
static int foreign_socket(const char *at, bool listening)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	text_copy_cut(address.sun_path, sizeof(address.sun_path), at);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	if (listening)
		ck_assert_int_eq(listen(fd, 8), 0);
	return fd;
}

START_TEST(an_own_path_is_opened_with_its_mode)
{
	static const unsigned modes[] = { 0660, 0600, 0666, 0777 };
	struct stat st;

	(void)umask(0077);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		settings.mode = modes[i];
		ck_assert_int_eq(listener_open(&l, &settings, &err), 0);
		ck_assert(!l.inherited);
		ck_assert_str_eq(l.path, path);
		ck_assert_int_eq(stat(path, &st), 0);
		ck_assert_uint_eq(st.st_mode & 07777, modes[i]);
		ck_assert_int_eq(fcntl(l.fd, F_GETFD), FD_CLOEXEC);
		ck_assert_int_eq(fcntl(l.lock_fd, F_GETFD), FD_CLOEXEC);
		can_be_reached(path);
		listener_close(&l);
		ck_assert_int_eq(l.fd, -1);
		ck_assert_int_eq(l.lock_fd, -1);
		ck_assert_int_eq(stat(path, &st), 0); /* the path is left alone */
	}
	ck_assert_uint_eq(umask(0), 0077);
}
END_TEST

START_TEST(a_stale_file_is_replaced)
{
	close(foreign_socket(path, true));
	ck_assert_int_eq(dial(path), -1);
	ck_assert_int_eq(listener_open(&l, &settings, &err), 0);
	can_be_reached(path);
	listener_close(&l);
}
END_TEST

/* Workers of an earlier master may still end: they are not asked. */
START_TEST(a_socket_that_somebody_still_holds_is_replaced)
{
	const int old = foreign_socket(path, true);

	ck_assert_int_eq(listener_open(&l, &settings, &err), 0);
	can_be_reached(path);
	ck_assert_int_lt(recv(old, path, 0, MSG_DONTWAIT), 0);
	close(old);
	listener_close(&l);
}
END_TEST

START_TEST(what_is_no_socket_is_not_replaced)
{
	struct stat st;
	const int fd = open(path, O_CREAT | O_WRONLY, 0600);

	ck_assert_int_eq(write(fd, "precious", 8), 8);
	close(fd);
	ck_assert_int_eq(listener_open(&l, &settings, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, path));
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_size, 8);
}
END_TEST

START_TEST(a_second_master_is_refused_and_hurts_nobody)
{
	struct listener second;

	ck_assert_int_eq(listener_open(&l, &settings, &err), 0);
	ck_assert_int_eq(listener_open(&second, &settings, &err), -1);
	ck_assert_int_eq(second.fd, -1);
	ck_assert_ptr_nonnull(strstr(err.text, path));
	can_be_reached(path);
	/* When the first one is gone its place is free. */
	listener_close(&l);
	ck_assert_int_eq(listener_open(&l, &settings, &err), 0);
	can_be_reached(path);
	listener_close(&l);
}
END_TEST

/* The lock dies with its holder, and with a worker that closed it. */
START_TEST(the_lock_ends_with_the_master)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(listener_open(&l, &settings, &err) ? 1 : 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(listener_open(&l, &settings, &err), 0);
	listener_close(&l);
}
END_TEST

START_TEST(the_group_is_given)
{
	const struct group *group = getgrgid(getegid() == 0 ? 65534 : getegid());
	struct stat st;

	ck_assert_ptr_nonnull(group);
	settings.group = group->gr_name;
	ck_assert_int_eq(listener_open(&l, &settings, &err), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_gid, group->gr_gid);
	ck_assert_uint_eq(st.st_mode & 07777, 0660);
	listener_close(&l);
}
END_TEST

START_TEST(a_group_that_is_not_there_is_named)
{
	settings.group = "no-such-group";
	ck_assert_int_eq(listener_open(&l, &settings, &err), -1);
	ck_assert_int_eq(err.class, ERR_INVALID);
	ck_assert_ptr_nonnull(strstr(err.text, "no-such-group"));
	ck_assert_int_eq(l.fd, -1);
	ck_assert_int_eq(l.lock_fd, -1);
}
END_TEST

START_TEST(the_length_of_a_path_is_bounded)
{
	char longest[120];

	for (size_t len = 106; len <= 108; len++) {
		memset(longest, 'x', sizeof(longest));
		memcpy(longest, folder, strlen(folder));
		longest[strlen(folder)] = '/';
		longest[len] = '\0';
		settings.path = longest;
		if (len < 108) {
			ck_assert_int_eq(listener_open(&l, &settings, &err), 0);
			ck_assert_str_eq(l.path, longest);
			can_be_reached(longest);
			listener_unlink(&l);
			listener_close(&l);
			memcpy(longest + len, ".lock", sizeof(".lock"));
			ck_assert_int_eq(unlink(longest), 0);
		} else {
			ck_assert_int_eq(listener_open(&l, &settings, &err), -1);
			ck_assert_int_eq(err.class, ERR_INVALID);
		}
	}
	settings.path = "";
	ck_assert_int_eq(listener_open(&l, &settings, &err), -1);
	ck_assert_int_eq(err.class, ERR_INVALID);
}
END_TEST

START_TEST(a_folder_that_is_not_there_is_named)
{
	settings.path = "/no/such/folder/x.sock";
	ck_assert_int_eq(listener_open(&l, &settings, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "/no/such/folder"));
	ck_assert_int_eq(l.fd, -1);
}
END_TEST

START_TEST(unlinked_nobody_new_comes_and_the_backlog_stays)
{
	int early;
	int fd;

	ck_assert_int_eq(listener_open(&l, &settings, &err), 0);
	early = dial(path);
	ck_assert_int_ge(early, 0);
	listener_unlink(&l);
	ck_assert_int_eq(dial(path), -1);
	fd = accept(l.fd, NULL, NULL);
	ck_assert_int_ge(fd, 0);
	close(fd);
	close(early);
	listener_close(&l);
}
END_TEST

START_TEST(descriptor_0_is_taken_when_it_listens)
{
	const int from = foreign_socket(path, true);
	struct stat st;

	ck_assert_int_eq(dup2(from, STDIN_FILENO), STDIN_FILENO);
	close(from);
	settings.path = "/no/such/folder/x.sock";
	ck_assert_int_eq(listener_open(&l, &settings, &err), 0);
	ck_assert(l.inherited);
	ck_assert_str_eq(l.path, "");
	ck_assert_int_eq(l.lock_fd, -1);
	ck_assert_int_gt(l.fd, STDERR_FILENO);
	ck_assert_int_eq(fcntl(l.fd, F_GETFD), FD_CLOEXEC);
	can_be_reached(path);
	/* 0 is still there, and no socket. */
	ck_assert_int_eq(fstat(STDIN_FILENO, &st), 0);
	ck_assert(S_ISCHR(st.st_mode));
	listener_unlink(&l);
	ck_assert_int_eq(stat(path, &st), 0); /* not ours to take away */
	listener_close(&l);
}
END_TEST

static void set_number(const char *name, long value)
{
	char text[32];

	snprintf(text, sizeof(text), "%ld", value);
	ck_assert_int_eq(setenv(name, text, 1), 0);
}

static void environment_is_cleared(void)
{
	ck_assert_ptr_null(getenv("LISTEN_PID"));
	ck_assert_ptr_null(getenv("LISTEN_FDS"));
	ck_assert_ptr_null(getenv("LISTEN_FDNAMES"));
}

/* Descriptor 3 is Check's own: no ck_assert works in here. */
static int take_what_is_passed(int from)
{
	if (dup2(from, 3) != 3)
		return 2;
	if (listener_open(&l, &settings, &err))
		return err.class == ERR_INVALID && l.fd == -1 ? 1 : 3;
	if (!l.inherited || *l.path || l.fd <= 3 || l.lock_fd != -1)
		return 4;
	if (getenv("LISTEN_PID") || getenv("LISTEN_FDS") || getenv("LISTEN_FDNAMES"))
		return 5;
	return dial(path) >= 0 && accept(l.fd, NULL, NULL) >= 0 ? 0 : 6;
}

static void passed_in_child(bool listening, int expected)
{
	const int from = foreign_socket(path, listening);
	const pid_t pid = fork();
	int status;

	if (pid == 0) {
		set_number("LISTEN_PID", getpid());
		set_number("LISTEN_FDS", 1);
		(void)setenv("LISTEN_FDNAMES", "fcgi", 1);
		_exit(take_what_is_passed(from));
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), expected);
	close(from);
}

START_TEST(what_systemd_passes_is_taken)
{
	passed_in_child(true, 0);
}
END_TEST

START_TEST(a_passed_socket_must_listen)
{
	passed_in_child(false, 1);
}
END_TEST

START_TEST(what_systemd_passes_to_another_process_is_not_ours)
{
	set_number("LISTEN_PID", getpid() + 1);
	set_number("LISTEN_FDS", 1);
	ck_assert_int_eq(listener_open(&l, &settings, &err), 0);
	ck_assert(!l.inherited);
	can_be_reached(path);
	environment_is_cleared();
	listener_close(&l);
}
END_TEST

START_TEST(nonsense_in_the_environment_is_nothing_passed)
{
	static const char *const values[] = { "", "0", "-1", "x", "1x", "99999999999" };

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		set_number("LISTEN_PID", getpid());
		ck_assert_int_eq(setenv("LISTEN_FDS", values[i], 1), 0);
		ck_assert_int_eq(listener_open(&l, &settings, &err), 0);
		ck_assert(!l.inherited);
		environment_is_cleared();
		listener_close(&l);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("listener");
	TCase *tcase = tcase_create("listener");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, make_folder, remove_folder);
	tcase_add_test(tcase, an_own_path_is_opened_with_its_mode);
	tcase_add_test(tcase, a_stale_file_is_replaced);
	tcase_add_test(tcase, a_socket_that_somebody_still_holds_is_replaced);
	tcase_add_test(tcase, what_is_no_socket_is_not_replaced);
	tcase_add_test(tcase, a_second_master_is_refused_and_hurts_nobody);
	tcase_add_test(tcase, the_lock_ends_with_the_master);
	tcase_add_test(tcase, the_group_is_given);
	tcase_add_test(tcase, a_group_that_is_not_there_is_named);
	tcase_add_test(tcase, the_length_of_a_path_is_bounded);
	tcase_add_test(tcase, a_folder_that_is_not_there_is_named);
	tcase_add_test(tcase, unlinked_nobody_new_comes_and_the_backlog_stays);
	tcase_add_test(tcase, descriptor_0_is_taken_when_it_listens);
	tcase_add_test(tcase, what_systemd_passes_is_taken);
	tcase_add_test(tcase, what_systemd_passes_to_another_process_is_not_ours);
	tcase_add_test(tcase, a_passed_socket_must_listen);
	tcase_add_test(tcase, nonsense_in_the_environment_is_nothing_passed);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
