#include "simulator/conn.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { OUT_KEEP = 32 * 1024 };

void conn_mark(struct conn *conn)
{
	if (conn->is_dirty)
		return;
	conn->is_dirty = true;
	conn->next_dirty = conn->net->dirty;
	conn->net->dirty = conn;
}

void conn_doom(struct conn *conn, bool abrupt)
{
	conn->doomed = true;
	conn->abrupt |= abrupt;
	conn_mark(conn);
}

static void conn_break(struct conn *conn)
{
	conn->broken = true;
	conn_doom(conn, true);
}

static void choose_proto(struct conn *conn)
{
	const unsigned char *name = NULL;
	unsigned int len = 0;

	if (conn->ssl)
		SSL_get0_alpn_selected(conn->ssl, &name, &len);
	if (len == 2 && memcmp(name, "h2", 2) == 0) {
		conn->proto = &h2_proto;
		conn->net->h2_total++;
	} else {
		conn->proto = &h1_proto;
	}
	conn->proto->open(conn);
}

/* True once the connection speaks its protocol. */
static bool conn_ready(struct conn *conn)
{
	if (conn->proto)
		return true;
	if (conn->ssl) {
		ERR_clear_error();
		int rc = SSL_do_handshake(conn->ssl);
		if (rc != 1) {
			int why = SSL_get_error(conn->ssl, rc);
			if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
				conn_break(conn);
			return false;
		}
	}
	choose_proto(conn);
	return true;
}

/* Bytes read; 0 when there are none now; -1 when the connection has ended. */
static ssize_t conn_read(struct conn *conn, char *to, size_t room)
{
	if (!conn->ssl) {
		ssize_t n = read(conn->watch.fd, to, room);
		if (n > 0)
			return n;
		return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
	}
	ERR_clear_error();
	int n = SSL_read(conn->ssl, to, (int)room);
	if (n > 0)
		return n;
	return SSL_get_error(conn->ssl, n) == SSL_ERROR_WANT_READ ? 0 : -1;
}

/* As conn_read(), for writing `out`. */
static ssize_t conn_write(struct conn *conn)
{
	if (!conn->ssl) {
		ssize_t n = send(conn->watch.fd, conn->out.at, conn->out.len, MSG_NOSIGNAL);
		if (n > 0)
			return n;
		return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
	}
	ERR_clear_error();
	int n = SSL_write(conn->ssl, conn->out.at, (int)conn->out.len);
	if (n > 0)
		return n;
	int why = SSL_get_error(conn->ssl, n);
	return why == SSL_ERROR_WANT_WRITE || why == SSL_ERROR_WANT_READ ? 0 : -1;
}

static void conn_input(struct conn *conn)
{
	struct net *net = conn->net;

	while (!conn->doomed) {
		ssize_t n = conn_read(conn, net->scratch, sizeof(net->scratch));

		if (n < 0)
			conn_break(conn);
		if (n <= 0)
			return;
		conn->proto->input(conn, net->scratch, (size_t)n);
		/* Asking again costs a system call, and epoll tells if there is more. */
		bool more = conn->ssl ? SSL_has_pending(conn->ssl)
				      : (size_t)n == sizeof(net->scratch);
		if (!more)
			return;
	}
}

static void conn_event(struct watch *watch, uint32_t events)
{
	struct conn *conn = (struct conn *)((char *)watch - offsetof(struct conn, watch));

	if (events & EPOLLOUT)
		conn_mark(conn);
	if (events & (EPOLLERR | EPOLLHUP))
		conn_break(conn);
	else if (!conn->doomed && conn_ready(conn) && (events & EPOLLIN))
		conn_input(conn);
}

void conn_open(struct net *net, int fd, bool is_tls)
{
	struct conn *conn = buf_alloc(1, sizeof(*conn));

	conn->net = net;
	conn->watch = (struct watch){ .fd = fd, .ready = conn_event };
	if (is_tls) {
		conn->ssl = SSL_new(net->tls);
		if (!conn->ssl || !SSL_set_fd(conn->ssl, fd))
			abort();
		SSL_set_accept_state(conn->ssl);
	}
	conn->events = EPOLLIN;
	if (loop_watch(net->loop, &conn->watch, conn->events) < 0)
		abort();
	conn->next = net->conns;
	if (conn->next)
		conn->next->prev = conn;
	net->conns = conn;
	*(is_tls ? &net->tls_total : &net->plain_total) += 1;
	*(is_tls ? &net->tls_open : &net->plain_open) += 1;
}

static void conn_free(struct conn *conn)
{
	struct net *net = conn->net;

	while (conn->exchanges)
		exchange_free(conn->exchanges);
	if (conn->proto)
		conn->proto->close(conn);
	*(conn->ssl ? &net->tls_open : &net->plain_open) -= 1;
	if (conn->ssl) {
		if (!conn->abrupt)
			SSL_shutdown(conn->ssl);
		SSL_free(conn->ssl);
	}
	close(conn->watch.fd);
	if (conn->prev)
		conn->prev->next = conn->next;
	else
		net->conns = conn->next;
	if (conn->next)
		conn->next->prev = conn->prev;
	buf_free(&conn->out);
	free(conn);
}

static void conn_flush(struct conn *conn)
{
	if (conn->proto && !conn->broken)
		conn->proto->output(conn);
	while (conn->out.len && !conn->broken) {
		ssize_t n = conn_write(conn);

		if (n < 0)
			conn_break(conn);
		if (n <= 0)
			break;
		buf_consume(&conn->out, (size_t)n);
	}
	if (conn->doomed && (conn->broken || !conn->out.len)) {
		conn_free(conn);
		return;
	}
	conn->is_dirty = false;
	if (!conn->out.len)
		buf_clear(&conn->out, OUT_KEEP);
	/* A doomed connection is not read any more, or level triggering would spin. */
	uint32_t events = (conn->doomed ? 0 : EPOLLIN) | (conn->out.len ? EPOLLOUT : 0);
	if (events != conn->events) {
		conn->events = events;
		loop_rewatch(conn->net->loop, &conn->watch, events);
	}
}

void net_flush(struct net *net)
{
	struct conn *conn;

	/* conn_flush() clears is_dirty last, lest conn_break() put it on the list again. */
	while ((conn = net->dirty)) {
		net->dirty = conn->next_dirty;
		conn_flush(conn);
	}
}

const char *net_date(struct net *net)
{
	time_t now = time(NULL);
	struct tm tm;

	if (now != net->date_second) {
		net->date_second = now;
		strftime(net->date, sizeof(net->date), "%a, %d %b %Y %H:%M:%S GMT",
			 gmtime_r(&now, &tm));
	}
	return net->date;
}

void net_close(struct net *net)
{
	/* conn_free() takes it out of net->conns, which the analyser does not see. */
	while (net->conns)
		conn_free(net->conns); // NOLINT(clang-analyzer-unix.Malloc)
	while (net->spare) {
		struct exchange *exchange = net->spare;

		net->spare = exchange->next;
		buf_free(&exchange->request.target);
		buf_free(&exchange->request.path);
		buf_free(&exchange->request.headers);
		buf_free(&exchange->request.body);
		buf_free(&exchange->answer.body);
		free(exchange);
	}
}
