/*
 * bench-load: an open-loop load generator.
 *
 * Request number n is due at a time that is fixed beforehand, whatever became of the
 * others, and its latency counts from then.  So a server that stalls is charged for
 * every request that should have been made meanwhile ("coordinated omission" is what
 * the error is called of leaving those out).
 *
 * Requests start in the order in which they are due.  One that finds no free connection
 * and the pool at its cap waits; those behind it wait with it, so no queue is needed:
 * `next` is the first request not started.  A connection carries one request at a time
 * and is in exactly one list: free (last used first), busy (oldest request first) or
 * unused.  Nothing is repeated: a request that fails has failed.
 *
 * stderr gets the lines "measuring" when the first measured request starts and
 * "measured" when all are due, so that whoever runs this can take its samples then.
 */
#define _GNU_SOURCE 1
#include "tests/bench/hist.h"
#include "tests/bench/options.h"
#include "tests/bench/report.h"
#include "tests/bench/request.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_MAX = 4096, EVENTS_MAX = 256, SPARE_FILES = 32 };

#define SECOND INT64_C(1000000000)

struct link {
	struct link *prev, *next;
};

struct conn {
	struct link link; /* first, so that a link is its connection */
	int fd;
	bool busy;
	bool connected;
	uint64_t seq;  /* the request it carries */
	int64_t since; /* busy: start of the request; free: end of the last one */
	size_t sent;
	size_t got;
	char answer[ANSWER_MAX + 1];
};

struct load {
	struct options options;
	struct request request;
	struct results results;
	struct sockaddr_in server;
	int epoll;
	int64_t begin;       /* CLOCK_MONOTONIC, ns, as all times here */
	uint64_t ramp_count; /* requests of the ramp */
	uint64_t first_measured;
	uint64_t total;
	uint64_t next;
	uint64_t in_flight;
	bool starved; /* request `next` is due and found no connection */
	bool said_measuring, said_measured;
	struct conn *pool;
	struct link free, busy, unused;
};

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

static void list_init(struct link *head)
{
	head->prev = head->next = head;
}

static bool list_empty(const struct link *head)
{
	return head->next == head;
}

static void list_insert(struct link *after, struct link *item)
{
	item->prev = after;
	item->next = after->next;
	after->next->prev = item;
	after->next = item;
}

static void list_remove(struct link *item)
{
	item->prev->next = item->next;
	item->next->prev = item->prev;
}

/* During the ramp the rate grows evenly from 0, so n requests take a time like sqrt(n). */
static int64_t due(const struct load *l, uint64_t seq)
{
	const struct options *o = &l->options;
	double t;

	if (seq < l->ramp_count)
		t = sqrt(2 * o->ramp * (double)seq / o->rate);
	else
		t = o->ramp + (double)(seq - l->ramp_count) / o->rate;
	return l->begin + (int64_t)(t * (double)SECOND);
}

static bool measured(const struct load *l, uint64_t seq)
{
	return seq >= l->first_measured;
}

static void conn_close(struct load *l, struct conn *c)
{
	close(c->fd);
	c->fd = -1;
	if (c->busy)
		l->in_flight--;
	c->busy = false;
	list_remove(&c->link);
	list_insert(&l->unused, &c->link);
}

static void count_failure(struct load *l, uint64_t seq, enum failure why)
{
	l->results.all.failure[why]++;
	if (measured(l, seq))
		l->results.measured.failure[why]++;
}

static void conn_fail(struct load *l, struct conn *c, enum failure why)
{
	count_failure(l, c->seq, why);
	conn_close(l, c);
}

static void count_answer(struct load *l, const struct conn *c, int status)
{
	const struct options *o = &l->options;
	int64_t now = now_ns();
	int64_t latency = now - due(l, c->seq);
	int64_t from = l->begin + (int64_t)((o->ramp + o->warmup) * (double)SECOND);
	int64_t to = from + (int64_t)(o->seconds * (double)SECOND);
	bool ok = status >= 200 && status < 300;

	l->results.all.status[status]++;
	if (ok && now >= from && now < to)
		l->results.ok_in_window++;
	if (!measured(l, c->seq))
		return;
	l->results.measured.status[status]++;
	hist_add(ok ? &l->results.ok : &l->results.refused, (uint64_t)(latency / 1000));
}

static void conn_done(struct load *l, struct conn *c, int status, bool keep)
{
	count_answer(l, c, status);
	if (!keep) {
		conn_close(l, c);
		return;
	}
	c->busy = false;
	c->since = now_ns();
	l->in_flight--;
	list_remove(&c->link);
	list_insert(&l->free, &c->link);
}

/* Returns the value of a header inside the head that ends at `end`, or NULL. */
static const char *header(const char *head, const char *end, const char *name)
{
	const char *at = strcasestr(head, name);

	return at != NULL && at < end ? at + strlen(name) : NULL;
}

/*
 * Looks at the bytes so far: returns 0 when more must come, the status when the answer
 * is whole, -1 when it is not HTTP.  As a connection carries one request at a time, a
 * chunked body has ended when the bytes end in its last chunk.
 */
static int answer_read(const struct conn *c, bool *ret_keep)
{
	static const char last_chunk[] = "\r\n0\r\n\r\n";
	const size_t last = sizeof(last_chunk) - 1;
	const char *end = strstr(c->answer, "\r\n\r\n");
	const char *value;
	int status;

	if (end == NULL)
		return c->got == ANSWER_MAX ? -1 : 0;
	if (strncmp(c->answer, "HTTP/1.1 ", 9) != 0)
		return -1;
	status = (int)strtol(c->answer + 9, NULL, 10);
	if (status < 200 || status >= STATUS_MAX)
		return -1;
	value = header(c->answer, end, "\r\nContent-Length:");
	if (value != NULL) {
		size_t whole = (size_t)(end + 4 - c->answer) + strtoul(value, NULL, 10);

		if (c->got > whole || whole > ANSWER_MAX)
			return -1;
		if (c->got < whole)
			return 0;
	} else if (header(c->answer, end, "\r\nTransfer-Encoding: chunked") == NULL) {
		return -1;
	} else if (memcmp(c->answer + c->got - last, last_chunk, last) != 0) {
		return c->got == ANSWER_MAX ? -1 : 0;
	}
	*ret_keep = header(c->answer, end, "\r\nConnection: close") == NULL;
	return status;
}

static void conn_write(struct load *l, struct conn *c)
{
	ssize_t n;

	request_number(&l->request, c->seq);
	n = send(c->fd, l->request.bytes + c->sent, l->request.len - c->sent, MSG_NOSIGNAL);
	if (n >= 0)
		c->sent += (size_t)n;
	else if (errno != EAGAIN)
		conn_fail(l, c, FAILURE_CLOSED);
}

static void conn_read(struct load *l, struct conn *c)
{
	ssize_t n = recv(c->fd, c->answer + c->got, ANSWER_MAX - c->got, 0);
	bool keep = false;
	int status;

	if (n < 0 && errno == EAGAIN)
		return;
	if (!c->busy) { /* the server ends an idle connection */
		conn_close(l, c);
		return;
	}
	if (n <= 0) {
		conn_fail(l, c, FAILURE_CLOSED);
		return;
	}
	c->got += (size_t)n;
	c->answer[c->got] = '\0';
	status = answer_read(c, &keep);
	if (status < 0)
		conn_fail(l, c, FAILURE_PROTOCOL);
	else if (status > 0)
		conn_done(l, c, status, keep);
}

static void conn_event(struct load *l, struct conn *c, uint32_t events)
{
	if (!c->connected) {
		if (events & (EPOLLERR | EPOLLHUP)) {
			conn_fail(l, c, FAILURE_CONNECT);
			return;
		}
		c->connected = true;
	}
	if (c->busy && c->sent < l->request.len) {
		conn_write(l, c);
		if (c->fd < 0)
			return;
	}
	if (events & (EPOLLIN | EPOLLERR | EPOLLHUP | EPOLLRDHUP))
		conn_read(l, c);
	/* An answer may come with the end of its connection, which is not reported again. */
	if (c->fd >= 0 && !c->busy && (events & EPOLLRDHUP))
		conn_close(l, c);
}

/* Takes a slot and begins to connect it; NULL when all slots are in use or the kernel says no. */
static struct conn *conn_open(struct load *l)
{
	struct conn *c = (struct conn *)l->unused.next;
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET };
	int one = 1;

	if (list_empty(&l->unused))
		return NULL;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return NULL;
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	event.data.ptr = c;
	c->connected = false;
	if ((connect(c->fd, (struct sockaddr *)&l->server, sizeof(l->server)) < 0 &&
	     errno != EINPROGRESS) ||
	    epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &event) < 0) {
		close(c->fd);
		c->fd = -1;
		return NULL;
	}
	l->results.connects++;
	return c;
}

/*
 * The free connection used last.  If even that one has been idle for long, all have, and
 * the server may be closing them at this moment, which would lose the request.
 */
static struct conn *conn_take(struct load *l, int64_t now)
{
	int64_t max_idle = (int64_t)(l->options.max_idle * (double)SECOND);

	while (!list_empty(&l->free)) {
		struct conn *c = (struct conn *)l->free.next;

		if (now - c->since <= max_idle)
			return c;
		conn_close(l, c);
	}
	return conn_open(l);
}

static void count_start(struct load *l, int64_t lateness)
{
	struct results *r = &l->results;
	int64_t allowed = (int64_t)((l->options.tick_ms + 1) * (double)SECOND / 1000);

	r->measured.due++;
	if (l->starved) {
		r->waited++;
	} else if (lateness > allowed) {
		r->late++;
		if ((uint64_t)lateness / 1000 > r->latest_us)
			r->latest_us = (uint64_t)lateness / 1000;
	}
}

static void start_next(struct load *l, struct conn *c)
{
	int64_t now = now_ns();

	c->seq = l->next++;
	c->since = now;
	c->sent = 0;
	c->got = 0;
	c->busy = true;
	list_remove(&c->link);
	list_insert(l->busy.prev, &c->link);
	if (++l->in_flight > l->results.in_flight_max)
		l->results.in_flight_max = l->in_flight;
	l->results.all.due++;
	if (measured(l, c->seq))
		count_start(l, now - due(l, c->seq));
	if (c->connected)
		conn_write(l, c);
}

static void say(bool *said, bool when, const char *line)
{
	if (*said || !when)
		return;
	fprintf(stderr, "%s\n", line);
	*said = true;
}

static void start_due(struct load *l, int64_t now)
{
	while (l->next < l->total && due(l, l->next) <= now) {
		struct conn *c = conn_take(l, now);

		if (c == NULL) {
			l->starved = true;
			return;
		}
		say(&l->said_measuring, measured(l, l->next), "measuring");
		start_next(l, c);
	}
	l->starved = false;
}

static void expire(struct load *l, int64_t now)
{
	int64_t timeout = (int64_t)(l->options.timeout * (double)SECOND);

	while (!list_empty(&l->busy)) {
		struct conn *c = (struct conn *)l->busy.next;

		if (now - c->since < timeout)
			break;
		conn_fail(l, c, FAILURE_TIMEOUT);
	}
	if (l->next == l->total || now < due(l, l->total - 1) + timeout)
		return;
	for (; l->next < l->total; l->next++) {
		l->results.all.due++;
		if (measured(l, l->next))
			l->results.measured.due++;
		count_failure(l, l->next, FAILURE_NOT_STARTED);
	}
}

/*
 * Sleeps until the next tick and handles what has come by then.  Waking for each event
 * would cost several times what the events cost; the price is that a latency may show up
 * to two ticks too long, never too short.
 */
static void wait_and_handle(struct load *l)
{
	struct epoll_event events[EVENTS_MAX];
	int64_t tick = (int64_t)(l->options.tick_ms * (double)SECOND / 1000);
	int64_t wake = l->begin + ((now_ns() - l->begin) / tick + 1) * tick;
	struct timespec until = { .tv_sec = wake / SECOND, .tv_nsec = wake % SECOND };
	int n;

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
	do {
		n = epoll_wait(l->epoll, events, EVENTS_MAX, 0);
		for (int i = 0; i < n; i++)
			conn_event(l, events[i].data.ptr, events[i].events);
	} while (n == EVENTS_MAX);
}

static void run(struct load *l)
{
	l->begin = now_ns();
	while (l->next < l->total || l->in_flight > 0) {
		int64_t now = now_ns();

		expire(l, now);
		start_due(l, now);
		say(&l->said_measured, l->next == l->total, "measured");
		wait_and_handle(l);
	}
}

static void allow_files(int connections)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max < (rlim_t)connections + SPARE_FILES) {
		fprintf(stderr,
			"bench-load: --connections %d needs %d open files, the limit is %lu\n",
			connections, connections + SPARE_FILES, (unsigned long)limit.rlim_max);
		exit(2);
	}
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static void load_init(struct load *l)
{
	const struct options *o = &l->options;
	double ramp_count = o->rate * o->ramp / 2;

	allow_files(o->connections);
	/* 20,000 a second: runs that follow each other do not meet each other's recipients. */
	request_init(&l->request, o, (uint64_t)time(NULL) * 20000);
	l->ramp_count = (uint64_t)ramp_count;
	l->first_measured = l->ramp_count + (uint64_t)(o->rate * o->warmup);
	l->total = l->first_measured + (uint64_t)(o->rate * o->seconds);
	l->server.sin_family = AF_INET;
	l->server.sin_port = htons((uint16_t)o->port);
	l->server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->pool = calloc((size_t)o->connections, sizeof(*l->pool));
	if (l->epoll < 0 || l->pool == NULL) {
		perror("bench-load");
		exit(1);
	}
	list_init(&l->free);
	list_init(&l->busy);
	list_init(&l->unused);
	for (int i = o->connections - 1; i >= 0; i--) {
		l->pool[i].fd = -1;
		list_insert(&l->unused, &l->pool[i].link);
	}
}

static double cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
	struct load *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		perror("bench-load");
		return 1;
	}
	options_parse(&l->options, argc, argv);
	load_init(l);
	run(l);
	l->results.cpu_seconds = cpu_seconds();
	report_print(&l->results, &l->options);
	while (!list_empty(&l->free))
		conn_close(l, (struct conn *)l->free.next);
	close(l->epoll);
	free(l->pool);
	free(l);
	return 0;
}
