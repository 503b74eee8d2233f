#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

void fd_close(int *fd)
{
	if (*fd == -1)
		return;
	(void)close(*fd); /* also on EINTR the descriptor is gone (close(2), Linux) */
	*fd = -1;
}

static int set_flag(int fd, int get, int set, int flag, bool on, struct err *ret_err)
{
	int flags = fcntl(fd, get);

	if (flags != -1 && fcntl(fd, set, on ? flags | flag : flags & ~flag) != -1)
		return 0;
	err_set(ret_err, ERR_INTERNAL, errno, "fcntl of descriptor %d: %s", fd, strerror(errno));
	return -1;
}

int fd_set_nonblocking(int fd, bool on, struct err *ret_err)
{
	return set_flag(fd, F_GETFL, F_SETFL, O_NONBLOCK, on, ret_err);
}

int fd_set_cloexec(int fd, bool on, struct err *ret_err)
{
	return set_flag(fd, F_GETFD, F_SETFD, FD_CLOEXEC, on, ret_err);
}

long fd_raise_limit(void)
{
	struct rlimit limit;
	struct rlimit raised;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return sysconf(_SC_OPEN_MAX);
	raised = limit;
	raised.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
		limit = raised;
	return (long)limit.rlim_cur;
}
