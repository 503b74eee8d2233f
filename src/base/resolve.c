/*
 * The thread owns its job (name and writing end) and writes its answer in one piece, which
 * a pipe keeps whole (less than PIPE_BUF).  The loop owns the reading end.  Whoever goes
 * first just closes its end: the thread blocks all signals, so it only sees EPIPE.
 */
#include "base/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"

_Static_assert(sizeof(struct resolve_answer) <= PIPE_BUF, "an answer is one write");

struct resolve {
	struct loop *loop;
	uint64_t watch;
	int fd;
	resolve_done_fn *done;
	void *arg;
};

struct job {
	int fd;
	char host[256];
};

static void look_up(const char *host, struct resolve_answer *answer)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
	struct addrinfo *list = NULL;
	int rc = getaddrinfo(host, NULL, &hints, &list);

	/* AI_ADDRCONFIG does not count loopback: a machine with nothing else has localhost. */
	if (rc != 0) {
		hints.ai_flags = 0;
		rc = getaddrinfo(host, NULL, &hints, &list);
	}
	if (rc != 0) {
		text_copy_cut(answer->why, sizeof(answer->why), gai_strerror(rc));
		return;
	}
	for (struct addrinfo *a = list; a && answer->count < RESOLVE_ADDRESSES_MAX; a = a->ai_next)
		if (getnameinfo(a->ai_addr, a->ai_addrlen, answer->addresses[answer->count],
				RESOLVE_ADDRESS_BYTES, NULL, 0, NI_NUMERICHOST) == 0)
			answer->count++;
	if (answer->count == 0)
		text_copy_cut(answer->why, sizeof(answer->why), "no usable address");
	freeaddrinfo(list);
}

static void *run(void *arg)
{
	struct job *job = arg;
	struct resolve_answer answer = { .count = 0 };
	ssize_t written;

	look_up(job->host, &answer);
	do
		written = write(job->fd, &answer, sizeof(answer));
	while (written < 0 && errno == EINTR);
	close(job->fd);
	free(job);
	return NULL;
}

static int start_thread(struct job *job)
{
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	if (pthread_attr_init(&attr) != 0)
		return -1;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&thread, &attr, run, job);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return rc == 0 ? 0 : -1;
}

static void answered(void *arg, int fd, uint32_t events)
{
	struct resolve *r = arg;
	struct resolve_answer answer = { .count = 0 };
	resolve_done_fn *done = r->done;
	void *done_arg = r->arg;
	ssize_t got = read(fd, &answer, sizeof(answer));

	(void)events;
	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (got != (ssize_t)sizeof(answer)) {
		answer.count = 0;
		text_copy_cut(answer.why, sizeof(answer.why), "the look-up ended without answer");
	}
	resolve_forget(r);
	done(done_arg, &answer);
}

struct resolve *resolve_start(struct loop *loop, const char *host, resolve_done_fn *done, void *arg,
			      struct err *ret_err)
{
	struct resolve *r = calloc(1, sizeof(*r));
	struct job *job = calloc(1, sizeof(*job));
	int ends[2] = { -1, -1 };

	if (!r || !job)
		goto fail;
	if (!text_copy(job->host, sizeof(job->host), host)) {
		err_set(ret_err, ERR_INVALID, 0, "host name longer than 255 bytes");
		free(r);
		free(job);
		return NULL;
	}
	if (pipe2(ends, O_CLOEXEC) != 0)
		goto fail;
	*r = (struct resolve){ .loop = loop, .fd = ends[0], .done = done, .arg = arg };
	r->watch = loop_watch(loop, r->fd, EPOLLIN, answered, r, ret_err);
	if (!r->watch)
		goto fail_told;
	job->fd = ends[1];
	if (start_thread(job) == 0)
		return r;
	loop_unwatch(loop, r->watch);
fail:
	err_set(ret_err, ERR_TEMPORARY, errno, "looking up %s: no thread, memory or descriptor",
		host);
fail_told:
	fd_close(&ends[0]);
	fd_close(&ends[1]);
	free(r);
	free(job);
	return NULL;
}

void resolve_forget(struct resolve *r)
{
	if (!r)
		return;
	loop_unwatch(r->loop, r->watch);
	fd_close(&r->fd);
	free(r);
}
