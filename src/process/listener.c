#include "process/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"

#define BACKLOG 4096
#define FIRST_PASSED_FD 3 /* sd_listen_fds(3) */

static bool is_listening(int fd)
{
	int listening = 0;
	socklen_t len = sizeof(listening);

	return !getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) && listening;
}

static bool passed_by_systemd(void)
{
	const char *pid_text = getenv("LISTEN_PID");
	const char *fds_text = getenv("LISTEN_FDS");
	uint64_t pid = 0;
	uint64_t fds = 0;
	const bool passed = pid_text && fds_text && text_to_u64(pid_text, 1, INT32_MAX, &pid) &&
			    text_to_u64(fds_text, 1, INT32_MAX, &fds) && (pid_t)pid == getpid();

	/* Children must not take it for theirs. */
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	return passed;
}

/* Takes over an inherited descriptor; 0, 1 and 2 stay open (on /dev/null). */
static int adopt(struct listener *l, int fd, struct err *ret_err)
{
	if (!is_listening(fd)) {
		err_set(ret_err, ERR_INVALID, 0,
			"the socket passed as descriptor %d does not listen", fd);
		return -1;
	}
	l->fd = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_PASSED_FD);
	if (l->fd < 0) {
		err_set(ret_err, ERR_TEMPORARY, errno, "descriptor %d: %s", fd, strerror(errno));
		return -1;
	}
	(void)close(fd);
	if (fd == STDIN_FILENO)
		(void)open("/dev/null", O_RDONLY);
	l->inherited = true;
	return fd_set_nonblocking(l->fd, true, ret_err);
}

static int lock(struct listener *l, struct err *ret_err)
{
	char path[sizeof(l->path) + 8];

	(void)snprintf(path, sizeof(path), "%s.lock", l->path);
	l->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (l->lock_fd < 0) {
		err_set(ret_err, ERR_PERMANENT, errno, "%s: cannot open %s: %s", l->setting, path,
			strerror(errno));
		return -1;
	}
	if (flock(l->lock_fd, LOCK_EX | LOCK_NB)) {
		err_set(ret_err, ERR_PERMANENT, errno, "%s: another message-sender serves %s",
			l->setting, l->path);
		return -1;
	}
	return 0;
}

static int give_to_group(const char *path, const char *name, struct err *ret_err)
{
	const struct group *group;

	if (!*name)
		return 0;
	group = getgrnam(name);
	if (!group) {
		err_set(ret_err, ERR_INVALID, 0, "FCGI_SOCKET_GROUP: there is no group \"%s\"",
			name);
		return -1;
	}
	if (chown(path, (uid_t)-1, group->gr_gid)) {
		err_set(ret_err, ERR_PERMANENT, errno,
			"FCGI_SOCKET_GROUP: cannot give %s to group \"%s\": %s", path, name,
			strerror(errno));
		return -1;
	}
	return 0;
}

/* Only a socket is taken away: a wrong FCGI_SOCKET must not cost anybody a file. */
static int remove_stale(const char *setting, const char *path, struct err *ret_err)
{
	struct stat st;

	if (lstat(path, &st))
		return 0;
	if (!S_ISSOCK(st.st_mode)) {
		err_set(ret_err, ERR_INVALID, 0, "%s: %s is there and is no socket", setting, path);
		return -1;
	}
	(void)unlink(path);
	return 0;
}

static int bind_path(struct listener *l, const struct listener_settings *settings,
		     struct err *ret_err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	mode_t before;
	int failed;

	if (!text_copy(address.sun_path, sizeof(address.sun_path), l->path)) {
		err_set(ret_err, ERR_INVALID, 0, "%s: longer than %zu characters", l->setting,
			sizeof(address.sun_path) - 1);
		return -1;
	}
	if (remove_stale(l->setting, l->path, ret_err))
		return -1;
	before = umask(0177); /* nobody else before mode and group are right */
	failed = bind(l->fd, (const struct sockaddr *)&address, sizeof(address));
	(void)umask(before);
	if (failed) {
		err_set(ret_err, ERR_PERMANENT, errno, "%s: cannot bind %s: %s", l->setting,
			l->path, strerror(errno));
		return -1;
	}
	if (give_to_group(l->path, settings->group, ret_err))
		return -1;
	if (chmod(l->path, (mode_t)settings->mode) || listen(l->fd, BACKLOG)) {
		err_set(ret_err, ERR_PERMANENT, errno, "%s: cannot listen on %s: %s", l->setting,
			l->path, strerror(errno));
		return -1;
	}
	return 0;
}

static int open_path(struct listener *l, const struct listener_settings *settings,
		     struct err *ret_err)
{
	if (!*settings->path || !text_copy(l->path, sizeof(l->path), settings->path)) {
		err_set(ret_err, ERR_INVALID, 0, "%s: 1 to %zu characters", l->setting,
			sizeof(l->path) - 1);
		return -1;
	}
	if (lock(l, ret_err))
		return -1;
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd < 0) {
		err_set(ret_err, ERR_TEMPORARY, errno, "cannot make a socket: %s", strerror(errno));
		return -1;
	}
	return bind_path(l, settings, ret_err);
}

int listener_open_own(struct listener *l, const struct listener_settings *settings,
		      struct err *ret_err)
{
	*l = (struct listener){ .fd = -1, .lock_fd = -1, .setting = settings->setting };
	if (!open_path(l, settings, ret_err))
		return 0;
	listener_close(l);
	return -1;
}

int listener_open(struct listener *l, const struct listener_settings *settings, struct err *ret_err)
{
	int failed;

	*l = (struct listener){ .fd = -1, .lock_fd = -1, .setting = settings->setting };
	if (passed_by_systemd())
		failed = adopt(l, FIRST_PASSED_FD, ret_err);
	else if (is_listening(STDIN_FILENO))
		failed = adopt(l, STDIN_FILENO, ret_err);
	else
		failed = open_path(l, settings, ret_err);
	if (failed)
		listener_close(l);
	return failed;
}

void listener_unlink(struct listener *l)
{
	if (!l->inherited && *l->path)
		(void)unlink(l->path);
}

void listener_close(struct listener *l)
{
	fd_close(&l->fd);
	fd_close(&l->lock_fd);
}
