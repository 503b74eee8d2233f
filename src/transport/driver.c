/*
 * Objects: one entry per descriptor number curl told us of, in an array that grows.
 *
 * Syscalls are what a call costs most, so they are saved where curl asks for nothing new:
 * a connection that curl no longer waits for (its last call ended) stays in epoll, as the
 * next call wants the same again; only an event nobody wants takes it out.  The timer in the
 * loop may fire before curl's: it is set anew only when curl's moves to an earlier time.
 *
 * Invariant: an entry's descriptor leaves epoll before it is closed (on_close for
 * connections, CURL_POLL_REMOVE for all others, the resolver's pipe for one).
 */
#include "transport/driver.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Curl may ask for "at once" again and again while data is at hand; the loop goes on between. */
#define RUNS_MAX 8

struct entry {
	uint64_t watch;  /* 0: not in epoll */
	bool wanted;     /* curl waits for it */
	bool connection; /* opened by on_open */
};

struct driver {
	struct loop *loop;
	CURLM *multi;
	struct entry *entries; /* by descriptor */
	size_t entries_space;
	unsigned open;    /* connections, established or not */
	unsigned opening; /* users that wait for one they opened */
	bool due_now;
	int64_t due;    /* curl's timer; INT64_MAX: none */
	uint64_t timer; /* the loop's; 0: none */
	int64_t timer_due;
};

static void action(struct driver *d, curl_socket_t fd, int bits)
{
	int running;

	(void)curl_multi_socket_action(d->multi, fd, bits, &running);
}

static struct entry *entry_of(struct driver *d, int fd)
{
	size_t space = d->entries_space == 0 ? 64 : d->entries_space;
	struct entry *grown;

	if ((size_t)fd < d->entries_space)
		return &d->entries[fd];
	while (space <= (size_t)fd)
		space *= 2;
	grown = reallocarray(d->entries, space, sizeof(*grown));
	if (grown == NULL)
		return NULL;
	memset(grown + d->entries_space, 0, (space - d->entries_space) * sizeof(*grown));
	d->entries = grown;
	d->entries_space = space;
	return &grown[fd];
}

static void forget(struct driver *d, struct entry *e)
{
	loop_unwatch(d->loop, e->watch);
	*e = (struct entry){ 0 };
}

static void on_ready(void *arg, int fd, uint32_t events)
{
	struct driver *d = arg;
	struct entry *e = &d->entries[fd];
	int bits = 0;

	if (!e->wanted) {
		loop_unwatch(d->loop, e->watch);
		e->watch = 0;
		return;
	}
	if (events & (EPOLLIN | EPOLLHUP))
		bits |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		bits |= CURL_CSELECT_OUT;
	if (events & EPOLLERR)
		bits |= CURL_CSELECT_ERR;
	action(d, fd, bits);
}

/* A descriptor that cannot be watched is not reported: curl would give up all calls of the
 * multi; this one call ends by its deadline. */
static int on_socket(CURL *easy UNUSED, curl_socket_t fd, int what, void *arg,
		     void *socket_arg UNUSED)
{
	struct driver *d = arg;
	struct entry *e = entry_of(d, fd);
	uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0u) |
			  (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
	struct err ignored;

	if (e == NULL)
		return 0;
	if (what == CURL_POLL_REMOVE) {
		e->wanted = false;
		if (!e->connection)
			forget(d, e);
		return 0;
	}
	e->wanted = true;
	if (e->watch == 0)
		e->watch = loop_watch(d->loop, fd, events, on_ready, d, &ignored);
	else
		loop_rewatch(d->loop, e->watch, events);
	return 0;
}

static curl_socket_t on_open(void *arg, curlsocktype purpose UNUSED, struct curl_sockaddr *address)
{
	struct driver_user *user = arg;
	struct driver *d = user->driver;
	int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	struct entry *e;

	if (fd == -1)
		return CURL_SOCKET_BAD;
	e = entry_of(d, fd);
	if (e == NULL) {
		close(fd);
		return CURL_SOCKET_BAD;
	}
	*e = (struct entry){ .connection = true };
	d->open++;
	if (!user->opening)
		d->opening++;
	user->opening = true;
	return fd;
}

static int on_close(void *arg, curl_socket_t fd)
{
	struct driver *d = arg;

	forget(d, &d->entries[fd]);
	d->open--;
	return close(fd);
}

static void arm(struct driver *d);

static void on_loop_timer(void *arg)
{
	struct driver *d = arg;

	d->timer = 0;
	if (d->due <= loop_now_ms(d->loop))
		d->due_now = true;
	else if (d->due != INT64_MAX)
		arm(d);
}

static void arm(struct driver *d)
{
	loop_cancel(d->loop, d->timer);
	d->timer_due = d->due;
	d->timer = loop_timer(d->loop, d->due, on_loop_timer, d);
}

static int on_timer(CURLM *multi UNUSED, long wait_ms, void *arg)
{
	struct driver *d = arg;

	d->due_now = wait_ms == 0;
	/* Curl counts microseconds, the loop whole milliseconds: one more is never early. */
	d->due = wait_ms > 0 ? loop_now_ms(d->loop) + wait_ms + 1 : INT64_MAX;
	if (wait_ms > 0 && (d->timer == 0 || d->due < d->timer_due))
		arm(d);
	return 0;
}

struct driver *driver_new(struct loop *loop, struct err *ret_err)
{
	struct driver *d = calloc(1, sizeof(*d));

	if (d != NULL)
		d->multi = curl_multi_init();
	if (d == NULL || d->multi == NULL) {
		err_set(ret_err, ERR_TEMPORARY, 0, "curl: no memory");
		free(d);
		return NULL;
	}
	d->loop = loop;
	d->due = INT64_MAX;
	curl_multi_setopt(d->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(d->multi, CURLMOPT_SOCKETDATA, d);
	curl_multi_setopt(d->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(d->multi, CURLMOPT_TIMERDATA, d);
	return d;
}

void driver_free(struct driver *d)
{
	if (d == NULL)
		return;
	curl_multi_cleanup(d->multi);
	loop_cancel(d->loop, d->timer);
	for (size_t i = 0; i < d->entries_space; i++)
		loop_unwatch(d->loop, d->entries[i].watch);
	free(d->entries);
	free(d);
}

CURLM *driver_multi(struct driver *d)
{
	return d->multi;
}

void driver_prepare(struct driver *d, CURL *easy, struct driver_user *user)
{
	*user = (struct driver_user){ .driver = d };
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, user);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, d);
}

void driver_run(struct driver *d)
{
	for (int i = 0; i < RUNS_MAX && d->due_now; i++) {
		d->due_now = false;
		action(d, CURL_SOCKET_TIMEOUT, 0);
	}
	if (d->due_now) {
		d->due = loop_now_ms(d->loop);
		arm(d);
	}
}

void driver_opened(struct driver_user *user)
{
	if (user->opening)
		user->driver->opening--;
	user->opening = false;
}

unsigned driver_established(const struct driver *d)
{
	return d->open > d->opening ? d->open - d->opening : 0;
}

unsigned driver_opening(const struct driver *d)
{
	return d->opening;
}
