#include "simulator/errand.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* One connection, or the place for one. */
struct link {
	struct watch watch; /* fd -1: closed */
	struct timer timer;
	struct errands *errands;
	struct errand *errand; /* NULL: idle */
	size_t written;
	struct buf in;
	unsigned int age; /* of the settings it was opened under */
};

struct errands {
	struct loop *loop;
	int port;
	int connections;
	int timeout_ms;
	unsigned int age; /* grows with every change of the settings */
	struct errand *first, **tail;
	struct timer timer; /* looks at the line: errands_run() itself calls nobody back */
	struct link links[ERRAND_CONNECTIONS_MAX];
};

/* An answer as far as it is there. */
struct reply {
	int status;
	bool whole;
	bool wrong;
	bool last; /* the connection ends with it */
	const char *body;
	size_t len;
};

static void look(struct errands *errands);

static void close_link(struct link *link)
{
	loop_unset_timer(link->errands->loop, &link->timer);
	if (link->watch.fd >= 0)
		close(link->watch.fd);
	link->watch.fd = -1;
	buf_clear(&link->in, 4096);
}

/* The errand is over; what has been put into it is all that came. */
static void finish(struct link *link, bool keep)
{
	struct errand *errand = link->errand;
	struct errands *errands = link->errands;

	link->errand = NULL;
	if (keep && link->age == errands->age) {
		loop_unset_timer(errands->loop, &link->timer);
		loop_rewatch(errands->loop, &link->watch, EPOLLIN);
		buf_clear(&link->in, 4096);
	} else {
		close_link(link);
	}
	if (errand)
		errand->done(errand);
	look(errands);
}

static void is_late(struct timer *timer)
{
	finish((struct link *)((char *)timer - offsetof(struct link, timer)), false);
}

/* The value of a header within [head, end), or NULL; `name` with its colon. */
static const char *header(const char *head, const char *end, const char *name)
{
	size_t len = strlen(name);

	for (const char *line = head; line && line < end;) {
		if (strncasecmp(line, name, len) == 0)
			return line + len + strspn(line + len, " \t");
		line = memmem(line, (size_t)(end - line), "\r\n", 2);
		line = line ? line + 2 : NULL;
	}
	return NULL;
}

/* Joins the chunks at `at` in place. True: the last one is there. */
static bool join_chunks(char *at, const char *end, struct reply *reply)
{
	char *to = at;

	reply->body = at;
	for (char *next; (next = memmem(at, (size_t)(end - at), "\r\n", 2));) {
		size_t n = strtoul(at, NULL, 16);

		at = next + 2;
		if (!n) {
			reply->len = (size_t)(to - reply->body);
			return memmem(next, (size_t)(end - next), "\r\n\r\n", 4) != NULL;
		}
		if (n + 2 > (size_t)(end - at))
			return false;
		memmove(to, at, n);
		to += n;
		at += n + 2;
	}
	return false;
}

/* `in` is a copy of what came, as joining chunks changes it. */
static struct reply read_reply(const struct buf *in, bool ended)
{
	struct reply reply = { 0 };
	char *head_end = in->len ? memmem(in->at, in->len, "\r\n\r\n", 4) : NULL;
	const char *end = in->at + in->len;

	if (!head_end)
		return reply;
	if (strncmp(in->at, "HTTP/1.", 7) == 0)
		reply.status = (int)strtol(in->at + 8, NULL, 10);
	reply.wrong = reply.status < 100 || reply.status > 599;
	const char *length = header(in->at, head_end, "content-length:");
	const char *coding = header(in->at, head_end, "transfer-encoding:");
	const char *connection = header(in->at, head_end, "connection:");
	reply.last = ended || (connection && strncasecmp(connection, "close", 5) == 0);
	reply.body = head_end + 4;
	if (coding) {
		reply.whole = join_chunks(head_end + 4, end, &reply);
	} else if (length) {
		reply.len = strtoul(length, NULL, 10);
		reply.whole = reply.len <= (size_t)(end - reply.body);
	} else {
		reply.len = (size_t)(end - reply.body);
		reply.whole = ended;
		reply.last = true;
	}
	return reply;
}

static void take_answer(struct link *link, bool ended)
{
	struct errand *errand = link->errand;
	struct buf copy = { 0 };

	buf_append(&copy, link->in.at, link->in.len);
	struct reply reply = read_reply(&copy, ended);
	if (reply.whole && !reply.wrong) {
		const char *type = header(copy.at, reply.body, "content-type:");

		errand->status = reply.status;
		if (type)
			snprintf(errand->type, sizeof(errand->type), "%.*s",
				 (int)strcspn(type, "\r"), type);
		buf_append(&errand->body, reply.body, reply.len);
	}
	bool over = reply.whole || reply.wrong || ended || link->in.len > ERRAND_ANSWER_MAX;
	buf_free(&copy);
	if (over)
		finish(link, reply.whole && !reply.wrong && !reply.last);
}

static void read_link(struct link *link)
{
	char bytes[4096];
	ssize_t n = read(link->watch.fd, bytes, sizeof(bytes));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (!link->errand) {
		close_link(link); /* the other side does not want to keep it */
		return;
	}
	if (n > 0)
		buf_append(&link->in, bytes, (size_t)n);
	take_answer(link, n <= 0);
}

static void write_link(struct link *link)
{
	const struct buf *request = &link->errand->request;

	while (link->written < request->len) {
		ssize_t n = send(link->watch.fd, request->at + link->written,
				 request->len - link->written, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break; /* for now, or for good: then reading tells */
		link->written += (size_t)n;
	}
	loop_rewatch(link->errands->loop, &link->watch,
		     EPOLLIN | (link->written < request->len ? EPOLLOUT : 0));
}

static void link_event(struct watch *watch, uint32_t events)
{
	struct link *link = (struct link *)((char *)watch - offsetof(struct link, watch));

	if (link->watch.fd < 0)
		return; /* closed earlier in this round */
	if ((events & EPOLLOUT) && link->errand)
		write_link(link);
	if (events & (EPOLLIN | EPOLLERR | EPOLLHUP))
		read_link(link);
}

static bool open_link(struct link *link)
{
	struct errands *errands = link->errands;
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)errands->port),
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };

	link->watch.ready = link_event;
	link->watch.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	link->age = errands->age;
	if (link->watch.fd < 0)
		return false;
	/* Whether it is connected, or refused, the first event tells. */
	(void)connect(link->watch.fd, (struct sockaddr *)&to, sizeof(to));
	if (loop_watch(errands->loop, &link->watch, EPOLLIN | EPOLLOUT) < 0)
		abort();
	return true;
}

/* An open one if there is one, else a place for one, else NULL. */
static struct link *free_link(struct errands *errands)
{
	struct link *place = NULL;

	for (int i = 0; i < errands->connections; i++) {
		struct link *link = &errands->links[i];

		if (link->errand)
			continue;
		if (link->watch.fd >= 0 && link->age == errands->age)
			return link;
		if (!place)
			place = link;
	}
	return place;
}

static void begin(struct link *link)
{
	struct errands *errands = link->errands;
	struct errand *errand = errands->first;

	errands->first = errand->next;
	if (!errands->first)
		errands->tail = &errands->first;
	link->errand = errand;
	link->written = 0;
	errand->status = 0;
	errand->type[0] = 0;
	buf_clear(&errand->body, 0);
	loop_set_timer(errands->loop, &link->timer,
		       loop_now_ns() + errands->timeout_ms * INT64_C(1000000));
	write_link(link);
}

static void look(struct errands *errands)
{
	struct link *link;

	while (errands->first && (link = free_link(errands))) {
		if (link->watch.fd >= 0 && link->age != errands->age)
			close_link(link);
		if (link->watch.fd < 0 && !open_link(link)) {
			/* Not even a socket: a moment later, then. */
			if (!errands->timer.place)
				loop_set_timer(errands->loop, &errands->timer,
					       loop_now_ns() + INT64_C(10000000));
			return;
		}
		begin(link);
	}
}

static void look_later(struct timer *timer)
{
	look((struct errands *)((char *)timer - offsetof(struct errands, timer)));
}

struct errands *errands_new(struct loop *loop)
{
	struct errands *errands = buf_alloc(1, sizeof(*errands));

	errands->loop = loop;
	errands->tail = &errands->first;
	errands->timer.fire = look_later;
	for (int i = 0; i < ERRAND_CONNECTIONS_MAX; i++) {
		errands->links[i].errands = errands;
		errands->links[i].watch.fd = -1;
		errands->links[i].timer.fire = is_late;
	}
	return errands;
}

void errands_free(struct errands *errands)
{
	loop_unset_timer(errands->loop, &errands->timer);
	for (int i = 0; i < ERRAND_CONNECTIONS_MAX; i++) {
		close_link(&errands->links[i]);
		buf_free(&errands->links[i].in);
	}
	free(errands);
}

void errands_set(struct errands *errands, int port, int connections, int timeout_ms)
{
	errands->age++;
	errands->port = port;
	errands->connections = connections;
	errands->timeout_ms = timeout_ms;
}

void errands_run(struct errands *errands, struct errand *errand)
{
	errand->next = NULL;
	*errands->tail = errand;
	errands->tail = &errand->next;
	if (!errands->timer.place)
		loop_set_timer(errands->loop, &errands->timer, loop_now_ns());
}
