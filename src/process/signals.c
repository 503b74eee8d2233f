#include "process/signals.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/fd.h"

static void on_ready(void *arg, int fd, uint32_t events)
{
	struct signals *s = arg;
	struct signalfd_siginfo info;

	(void)events;
	while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		s->fn(s->arg, (int)info.ssi_signo);
}

int signals_open(struct signals *s, struct loop *loop, const int *list,
		 void (*fn)(void *arg, int signal), void *arg, struct err *ret_err)
{
	sigset_t set;

	s->fn = fn;
	s->arg = arg;
	(void)sigemptyset(&set);
	for (; *list; list++) {
		/* An ignored disposition (nohup) would keep the signal from the signalfd. */
		(void)signal(*list, SIG_DFL);
		(void)sigaddset(&set, *list);
	}
	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigprocmask(SIG_SETMASK, &set, NULL);
	s->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (s->fd < 0) {
		err_set(ret_err, ERR_TEMPORARY, errno, "signalfd: %s", strerror(errno));
		return -1;
	}
	s->watch = loop_watch(loop, s->fd, EPOLLIN, on_ready, s, ret_err);
	if (!s->watch) {
		fd_close(&s->fd);
		return -1;
	}
	return 0;
}

void signals_close(struct signals *s, struct loop *loop)
{
	loop_unwatch(loop, s->watch);
	fd_close(&s->fd);
}
