/*
 * Listening and time; the connections themselves are connection.c's.
 *
 * The listening socket is shared by all workers: EPOLLEXCLUSIVE wakes one of them, and a
 * wake-up takes at most ACCEPT_BATCH connections, so that what else has happened is not kept
 * waiting.  It must be many: a busy worker has long rounds, and while it takes few in each the
 * socket's queue fills, and lighttpd, which cannot connect then, answers 500.  But of those that
 * are answered at once, as refused, it takes few: else, with much to refuse, little else would be
 * done.  When no descriptor is left, or max_connections is reached, listening pauses for PAUSE_MS:
 * the socket would stay readable and turn the loop into a busy one.
 */
#include "fcgi/server.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <fcgiapp.h>

#include "fcgi/connection.h"

#define ACCEPT_BATCH 256                      /* as many as a round has other events */
#define ANSWERED_AT_ONCE 16                   /* such a one counts for so many of them */
#define ACCEPT_LAST (8192 * ANSWERED_AT_ONCE) /* taken from the backlog at the close */
#define PAUSE_MS 10
#define SWEEP_MS_MIN 5
#define SWEEP_MS_MAX 1000
#define LISTEN_EVENTS ((uint32_t)EPOLLIN | (uint32_t)EPOLLEXCLUSIVE)

struct fcgi_server {
	struct loop *loop;
	struct fcgi_server_settings settings;
	struct connections connections;
	uint64_t listen_watch; /* 0: paused or closed */
	uint64_t pause_timer;
	uint64_t sweep_timer;
	int64_t sweep_ms;
};

static void server_listen(void *arg);

static void server_pause(struct fcgi_server *server)
{
	meter_bound(server->settings.meter, BOUND_CONNECTIONS);
	loop_unwatch(server->loop, server->listen_watch);
	server->listen_watch = 0;
	server->pause_timer = loop_timer(server->loop, loop_now_ms(server->loop) + PAUSE_MS,
					 server_listen, server);
}

static bool server_is_full(const struct fcgi_server *server)
{
	return connections_count(&server->connections) >= server->settings.max_connections;
}

/* Takes up to max connections; false: no more can be taken for now. */
static bool server_accept(struct fcgi_server *server, unsigned max)
{
	unsigned taken = 0;

	while (taken < max) {
		const unsigned before = connections_count(&server->connections);
		int fd;

		if (server_is_full(server))
			return false;
		fd = accept4(server->settings.listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			connections_add(&server->connections, fd);
			taken += connections_count(&server->connections) > before
					 ? 1
					 : ANSWERED_AT_ONCE;
			continue;
		}
		if (errno == EAGAIN)
			return true;
		if (errno != EINTR && errno != ECONNABORTED)
			return false;
	}
	return true;
}

static void server_ready(void *arg, int fd, uint32_t events)
{
	struct fcgi_server *server = arg;

	(void)fd;
	(void)events;
	if (!server_accept(server, ACCEPT_BATCH) && server->listen_watch)
		server_pause(server);
}

static void server_listen(void *arg)
{
	struct fcgi_server *server = arg;
	struct err err;

	server->pause_timer = 0;
	if (!server_is_full(server))
		server->listen_watch = loop_watch(server->loop, server->settings.listen_fd,
						  LISTEN_EVENTS, server_ready, server, &err);
	if (!server->listen_watch)
		server_pause(server);
}

static void server_sweep(void *arg)
{
	struct fcgi_server *server = arg;

	connections_sweep(&server->connections);
	server->sweep_timer = loop_timer(server->loop, loop_now_ms(server->loop) + server->sweep_ms,
					 server_sweep, server);
}

/* Connections are looked at often enough to be at most a quarter of their time late. */
static int64_t sweep_interval(const struct fcgi_server_settings *s)
{
	int64_t ms = s->read_timeout_ms < s->idle_timeout_ms ? s->read_timeout_ms
							     : s->idle_timeout_ms;

	ms /= 4;
	if (ms < SWEEP_MS_MIN)
		return SWEEP_MS_MIN;
	return ms > SWEEP_MS_MAX ? SWEEP_MS_MAX : ms;
}

struct fcgi_server *fcgi_server_new(struct loop *loop, const struct fcgi_server_settings *settings,
				    fcgi_request_fn *fn, void *arg, struct err *ret_err)
{
	struct fcgi_server *server = calloc(1, sizeof(*server));

	if (!server || FCGX_Init() != 0) {
		err_set(ret_err, ERR_TEMPORARY, ENOMEM, "no memory for the FastCGI server");
		free(server);
		return NULL;
	}
	server->loop = loop;
	server->settings = *settings;
	server->sweep_ms = sweep_interval(settings);
	if (connections_init(&server->connections, loop, &server->settings, fn, arg, ret_err) ==
	    -1) {
		free(server);
		return NULL;
	}
	server->listen_watch =
		loop_watch(loop, settings->listen_fd, LISTEN_EVENTS, server_ready, server, ret_err);
	if (!server->listen_watch) {
		connections_fini(&server->connections);
		free(server);
		return NULL;
	}
	server->sweep_timer =
		loop_timer(loop, loop_now_ms(loop) + server->sweep_ms, server_sweep, server);
	return server;
}

static void server_stop_listening(struct fcgi_server *server)
{
	loop_unwatch(server->loop, server->listen_watch);
	loop_cancel(server->loop, server->pause_timer);
	server->listen_watch = 0;
	server->pause_timer = 0;
}

void fcgi_server_free(struct fcgi_server *server)
{
	if (!server)
		return;
	server_stop_listening(server);
	loop_cancel(server->loop, server->sweep_timer);
	connections_fini(&server->connections);
	free(server);
}

bool fcgi_server_answer(struct fcgi_server *server, uint64_t id,
			const struct http_response *response)
{
	return connections_answer(&server->connections, id, response);
}

void fcgi_server_close(struct fcgi_server *server, bool drain_backlog)
{
	server_stop_listening(server);
	if (drain_backlog)
		(void)server_accept(server, ACCEPT_LAST);
	connections_close_idle(&server->connections);
}

unsigned fcgi_server_busy(const struct fcgi_server *server)
{
	return connections_busy(&server->connections);
}
