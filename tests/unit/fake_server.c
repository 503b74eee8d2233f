#include "fake_server.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUESTS_MAX 4096
#define CONNECTIONS_MAX 1024
#define REQUEST_BYTES 65536

struct connection {
	struct fake_server *server;
	pthread_t thread;
	int fd;
};

struct fake_server {
	int fd;
	int stop_pipe[2];
	char url[64];
	struct fake_step *steps; /* a copy: the test's own may go before the last peer is served */
	size_t steps_count;
	pthread_t thread;
	pthread_mutex_t lock;
	char *requests[REQUESTS_MAX];
	unsigned requests_count;
	struct connection connections[CONNECTIONS_MAX];
	unsigned connections_count;
};

/* False: the server stops. */
static bool wait_readable(const struct fake_server *s, int fd, int timeout_ms)
{
	struct pollfd fds[2] = { { .fd = s->stop_pipe[0], .events = POLLIN },
				 { .fd = fd, .events = POLLIN } };

	poll(fds, 2, timeout_ms);
	return fds[0].revents == 0;
}

static const struct fake_step *record(struct fake_server *s, const char *text)
{
	unsigned n;

	pthread_mutex_lock(&s->lock);
	n = s->requests_count;
	if (n < REQUESTS_MAX) {
		s->requests[n] = strdup(text);
		s->requests_count++;
	}
	pthread_mutex_unlock(&s->lock);
	return &s->steps[n < s->steps_count ? n : s->steps_count - 1];
}

static const struct fake_step *next_step(struct fake_server *s)
{
	unsigned n;

	pthread_mutex_lock(&s->lock);
	n = s->requests_count;
	pthread_mutex_unlock(&s->lock);
	return &s->steps[n < s->steps_count ? n : s->steps_count - 1];
}

/* Length of the whole request once it is there, else 0. */
static size_t whole_request(const char *text, size_t len)
{
	const char *end = strstr(text, "\r\n\r\n");
	const char *field;
	size_t body = 0;

	if (end == NULL)
		return 0;
	field = strcasestr(text, "\r\nContent-Length:");
	if (field != NULL && field < end)
		body = strtoul(field + 17, NULL, 10);
	end += 4;
	return (size_t)(end - text) + body <= len ? (size_t)(end - text) + body : 0;
}

static void send_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);

		if (sent <= 0)
			return;
		data += sent;
		len -= (size_t)sent;
	}
}

/* True: the connection lives on. */
static bool act(struct connection *c, const struct fake_step *step)
{
	const char *body = step->body != NULL ? step->body : "";
	size_t len = strlen(body);
	char header[32768];
	int header_len = snprintf(header, sizeof(header),
				  "HTTP/1.1 %d Fake\r\n%sContent-Length: %zu\r\n\r\n",
				  step->status != 0 ? step->status : 200,
				  step->headers != NULL ? step->headers : "", len);

	if (step->act == FAKE_CLOSE_READ)
		return false;
	if (step->act == FAKE_HANG)
		return wait_readable(c->server, -1, -1);
	send_all(c->fd, header, (size_t)header_len);
	if (step->act == FAKE_HALF) {
		send_all(c->fd, body, len / 2);
		return false;
	}
	for (size_t i = 0; step->act == FAKE_TRICKLE && i < len; i++) {
		send_all(c->fd, body + i, 1);
		if (!wait_readable(c->server, -1, 1000))
			return false;
	}
	if (step->act == FAKE_ANSWER)
		send_all(c->fd, body, len);
	return true;
}

static void *serve_connection(void *arg)
{
	struct connection *c = arg;
	char *text = calloc(1, REQUEST_BYTES + 1);
	size_t have = 0;

	if (next_step(c->server)->act == FAKE_CLOSE_UNREAD) {
		record(c->server, "");
		goto out;
	}
	while (wait_readable(c->server, c->fd, -1)) {
		ssize_t got = recv(c->fd, text + have, REQUEST_BYTES - have, 0);
		size_t len;
		char after;

		if (got <= 0)
			break;
		have += (size_t)got;
		text[have] = 0;
		len = whole_request(text, have);
		if (len == 0)
			continue;
		after = text[len];
		text[len] = 0;
		if (!act(c, record(c->server, text)))
			break;
		text[len] = after;
		memmove(text, text + len, have - len + 1);
		have -= len;
	}
out:
	free(text);
	shutdown(c->fd, SHUT_RDWR);
	close(c->fd);
	return NULL;
}

static void *serve(void *arg)
{
	struct fake_server *s = arg;

	while (wait_readable(s, s->fd, -1)) {
		struct connection *c;
		int fd = accept(s->fd, NULL, NULL);
		int on = 1;

		if (fd == -1)
			continue;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		pthread_mutex_lock(&s->lock);
		c = &s->connections[s->connections_count];
		*c = (struct connection){ .server = s, .fd = fd };
		if (s->connections_count < CONNECTIONS_MAX - 1 &&
		    pthread_create(&c->thread, NULL, serve_connection, c) == 0)
			s->connections_count++;
		else
			close(fd);
		pthread_mutex_unlock(&s->lock);
	}
	return NULL;
}

struct fake_server *fake_server_start(const struct fake_step *steps, size_t count)
{
	struct fake_server *s = calloc(1, sizeof(*s));
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);

	ck_assert_ptr_nonnull(s);
	s->steps = calloc(count, sizeof(*steps));
	ck_assert_ptr_nonnull(s->steps);
	memcpy(s->steps, steps, count * sizeof(*steps));
	s->steps_count = count;
	pthread_mutex_init(&s->lock, NULL);
	ck_assert_int_eq(pipe(s->stop_pipe), 0);
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(s->fd, (struct sockaddr *)&address, len), 0);
	ck_assert_int_eq(listen(s->fd, 512), 0);
	ck_assert_int_eq(getsockname(s->fd, (struct sockaddr *)&address, &len), 0);
	snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%d", ntohs(address.sin_port));
	ck_assert_int_eq(pthread_create(&s->thread, NULL, serve, s), 0);
	return s;
}

void fake_server_stop(struct fake_server *s)
{
	ck_assert_int_eq((int)write(s->stop_pipe[1], "x", 1), 1);
	pthread_join(s->thread, NULL);
	for (unsigned i = 0; i < s->connections_count; i++)
		pthread_join(s->connections[i].thread, NULL);
	for (unsigned i = 0; i < s->requests_count; i++)
		free(s->requests[i]);
	close(s->stop_pipe[0]);
	close(s->stop_pipe[1]);
	close(s->fd);
	pthread_mutex_destroy(&s->lock);
	free(s->steps);
	free(s);
}

const char *fake_server_url(const struct fake_server *s)
{
	return s->url;
}

unsigned fake_server_requests(struct fake_server *s)
{
	unsigned n;

	pthread_mutex_lock(&s->lock);
	n = s->requests_count;
	pthread_mutex_unlock(&s->lock);
	return n;
}

unsigned fake_server_connections(struct fake_server *s)
{
	unsigned n;

	pthread_mutex_lock(&s->lock);
	n = s->connections_count;
	pthread_mutex_unlock(&s->lock);
	return n;
}

const char *fake_server_request(struct fake_server *s, unsigned n)
{
	return n < fake_server_requests(s) ? s->requests[n] : "";
}

const char *fake_server_body(struct fake_server *s, unsigned n)
{
	const char *end = strstr(fake_server_request(s, n), "\r\n\r\n");

	return end != NULL ? end + 4 : "";
}
