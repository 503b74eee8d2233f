#include "proxy.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"

#define PAIRS_MAX 64

struct pair {
	struct proxy *proxy;
	int client;
	int server;
	uint64_t client_watch;
	uint64_t server_watch;
};

struct proxy {
	struct loop *loop;
	int listener;
	uint64_t watch;
	char target[108];
	enum proxy_mode mode;
	struct pair pairs[PAIRS_MAX];
};

static void close_pair(struct pair *pair)
{
	if (pair->client < 0)
		return;
	loop_unwatch(pair->proxy->loop, pair->client_watch);
	loop_unwatch(pair->proxy->loop, pair->server_watch);
	close(pair->client);
	close(pair->server);
	pair->client = -1;
	pair->server = -1;
}

/* Blocking writes: what passes is small beside the sockets' buffers. */
static void move(struct pair *pair, int from, int to)
{
	char data[65536];
	ssize_t got = recv(from, data, sizeof(data), 0);

	if (got <= 0) {
		close_pair(pair);
		return;
	}
	if (pair->proxy->mode == PROXY_SWALLOW && from == pair->server)
		return;
	for (ssize_t at = 0; at < got;) {
		ssize_t put = send(to, data + at, (size_t)(got - at), MSG_NOSIGNAL);

		if (put <= 0) {
			close_pair(pair);
			return;
		}
		at += put;
	}
}

static void pair_ready(void *arg, int fd, uint32_t events)
{
	struct pair *pair = arg;

	(void)events;
	move(pair, fd, fd == pair->client ? pair->server : pair->client);
}

static void accept_pair(void *arg, int fd, uint32_t events)
{
	struct proxy *p = arg;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct pair *pair = NULL;
	struct err err;
	int client = accept(fd, NULL, NULL);
	uint32_t wanted = p->mode == PROXY_HOLD ? 0 : EPOLLIN;

	(void)events;
	ck_assert_int_ge(client, 0);
	if (p->mode == PROXY_REFUSE) {
		close(client);
		return;
	}
	for (int i = 0; i < PAIRS_MAX && !pair; i++)
		if (p->pairs[i].client < 0)
			pair = &p->pairs[i];
	ck_assert_ptr_nonnull(pair);
	pair->client = client;
	pair->server = socket(AF_UNIX, SOCK_STREAM, 0);
	memcpy(address.sun_path, p->target, sizeof(address.sun_path));
	if (connect(pair->server, (struct sockaddr *)&address, sizeof(address)) != 0) {
		close(pair->client);
		close(pair->server);
		pair->client = -1;
		return;
	}
	pair->client_watch = loop_watch(p->loop, client, wanted, pair_ready, pair, &err);
	pair->server_watch = loop_watch(p->loop, pair->server, wanted, pair_ready, pair, &err);
}

struct proxy *proxy_new(struct loop *loop, const char *directory, int port)
{
	struct proxy *p = calloc(1, sizeof(*p));
	struct sockaddr_in address = { .sin_family = AF_INET };
	struct err err;

	ck_assert_ptr_nonnull(p);
	p->loop = loop;
	for (int i = 0; i < PAIRS_MAX; i++)
		p->pairs[i] = (struct pair){ .proxy = p, .client = -1, .server = -1 };
	snprintf(p->target, sizeof(p->target), "%s/.s.PGSQL.%d", directory, port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	p->listener = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(p->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(p->listener, 16), 0);
	p->watch = loop_watch(loop, p->listener, EPOLLIN, accept_pair, p, &err);
	return p;
}

void proxy_free(struct proxy *p)
{
	if (!p)
		return;
	proxy_cut(p);
	loop_unwatch(p->loop, p->watch);
	close(p->listener);
	free(p);
}

int proxy_port(const struct proxy *p)
{
	struct sockaddr_in address;
	socklen_t len = sizeof(address);

	ck_assert_int_eq(getsockname(p->listener, (struct sockaddr *)&address, &len), 0);
	return ntohs(address.sin_port);
}

void proxy_mode(struct proxy *p, enum proxy_mode mode)
{
	p->mode = mode;
	for (int i = 0; i < PAIRS_MAX; i++) {
		if (p->pairs[i].client < 0)
			continue;
		loop_rewatch(p->loop, p->pairs[i].client_watch, mode == PROXY_HOLD ? 0 : EPOLLIN);
		loop_rewatch(p->loop, p->pairs[i].server_watch, mode == PROXY_HOLD ? 0 : EPOLLIN);
	}
}

void proxy_cut(struct proxy *p)
{
	for (int i = 0; i < PAIRS_MAX; i++)
		close_pair(&p->pairs[i]);
}
