/*
 * A connection is open only when the server's SETTINGS have come: until then nothing of a call
 * is written, so all that can go wrong before leaves every call unsent.
 *
 * Addresses are tried in turn, each for its share of the time that is left.  Once TLS has
 * begun on one, the rest of the time is its own.
 *
 * Frames are packed only when everything packed before has been taken by the socket: what the
 * gate let pass leaves at once, or the socket is the only one to hold it up.
 */
#include "transport/h2_connection.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/fd.h"

#define TURN_MIN_MS 250
#define READ_BYTES 16384
/* Parts of idle_max_ms (30 s): silence before a ping, when calls wait and when none do, and the
 * time for its answer. */
#define PING_BUSY_PART 15
#define PING_IDLE_PART 3
#define PING_ANSWER_PART 10

static struct loop *loop_of(const struct h2_connection *c)
{
	return c->rules->session.pool->loop;
}

static int64_t now_ms(const struct h2_connection *c)
{
	return loop_now_ms(loop_of(c));
}

static int64_t open_until_ms(const struct h2_connection *c)
{
	return c->began_ms + c->rules->session.pool->settings->connect_timeout_ms;
}

void h2_connection_touch(struct h2_connection *c)
{
	list_remove(&c->touched);
	list_append(c->rules->touched, &c->touched);
}

/* --- ends --- */

static void drop_socket(struct h2_connection *c)
{
	loop_unwatch(loop_of(c), c->watch);
	c->watch = 0;
	/* Else OpenSSL takes the end for an attack, and the session for spoilt. */
	if (c->ssl != NULL && SSL_is_init_finished(c->ssl))
		SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(c->ssl);
	c->ssl = NULL;
	fd_close(&c->fd);
}

/* c->err says why. */
static void end(struct h2_connection *c)
{
	c->state = H2_CONNECTION_OVER;
	loop_cancel(loop_of(c), c->timer);
	c->timer = 0;
	if (c->session != NULL)
		h2_session_end_all(c->session, &c->err);
	drop_socket(c);
	h2_connection_touch(c);
}

/* --- the socket --- */

static void on_ready(void *arg, int fd, uint32_t events);

static bool watch(struct h2_connection *c, uint32_t events)
{
	if (c->events == events && c->watch != 0)
		return true;
	c->events = events;
	if (c->watch != 0)
		loop_rewatch(loop_of(c), c->watch, events);
	else
		c->watch = loop_watch(loop_of(c), c->fd, events, on_ready, c, &c->err);
	return c->watch != 0;
}

/* --- connecting --- */

static void on_timer(void *arg);

static void set_timer(struct h2_connection *c, int64_t due_ms)
{
	loop_cancel(loop_of(c), c->timer);
	c->timer = loop_timer(loop_of(c), due_ms, on_timer, c);
}

static int64_t turn_end(const struct h2_connection *c)
{
	int64_t left = open_until_ms(c) - now_ms(c);
	unsigned choices = 1;

	while (dial_address(c->rules->dial, c->address + choices) != NULL)
		choices++;
	left /= choices;
	return now_ms(c) + (left > TURN_MIN_MS ? left : TURN_MIN_MS);
}

static bool begin_connect(struct h2_connection *c, const struct dial_address *address)
{
	int on = 1;

	c->fd = socket(address->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd != -1) {
		(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		if (connect(c->fd, (const struct sockaddr *)&address->at, address->len) == 0 ||
		    errno == EINPROGRESS)
			return watch(c, EPOLLOUT);
	}
	err_set(&c->err, ERR_TEMPORARY, errno, "connect: %s", strerror(errno));
	return false;
}

/* Begins with c->address, or the first one behind it that can be begun with. */
static void connect_from(struct h2_connection *c)
{
	const struct dial_address *address;

	for (; (address = dial_address(c->rules->dial, c->address)) != NULL; c->address++) {
		if (begin_connect(c, address)) {
			set_timer(c, turn_end(c));
			return;
		}
		drop_socket(c);
	}
	end(c);
}

static void connect_next(struct h2_connection *c)
{
	drop_socket(c);
	c->address++;
	connect_from(c);
}

static void on_timer(void *arg)
{
	struct h2_connection *c = arg;

	c->timer = 0;
	err_set(&c->err, ERR_TEMPORARY, ETIMEDOUT, "%s: no connection in time",
		c->rules->session.origin->authority);
	if (c->state == H2_CONNECTION_CONNECTING && now_ms(c) < open_until_ms(c))
		connect_next(c);
	else
		end(c);
}

/* --- reading --- */

static void check_settled(struct h2_connection *c)
{
	if (c->state != H2_CONNECTION_SETTLING || !h2_session_settled(c->session))
		return;
	c->state = H2_CONNECTION_OPEN;
	loop_cancel(loop_of(c), c->timer);
	c->timer = 0;
}

/* Until nothing is left in OpenSSL's buffer, of which the loop knows nothing; what is left in
 * the socket is told by its next event.  How much a server can send in one go is bounded by
 * the window, which only h2_connection_flush() opens again.  False: it is over, c->err says
 * why. */
static bool read_all(struct h2_connection *c)
{
	uint8_t data[READ_BYTES];

	do {
		int got;
		int kind;

		ERR_clear_error();
		errno = 0;
		got = SSL_read(c->ssl, data, sizeof(data));
		if (got <= 0) {
			kind = SSL_get_error(c->ssl, got);
			if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE)
				return true;
			tls_error(c->ssl, got, "connection", &c->err);
			return false;
		}
		c->heard_ms = now_ms(c);
		if (!h2_session_receive(c->session, data, (size_t)got, &c->err))
			return false;
	} while (SSL_has_pending(c->ssl));
	return true;
}

static void receive(struct h2_connection *c)
{
	bool alive = read_all(c);

	check_settled(c);
	if (alive && h2_session_over(c->session)) {
		err_set(&c->err, ERR_TEMPORARY, 0, "connection: ended by the server");
		alive = false;
	}
	h2_connection_touch(c);
	if (!alive)
		end(c);
}

/* --- the handshake --- */

static void begin_session(struct h2_connection *c)
{
	if (!tls_speaks_h2(c->ssl)) {
		c->http1_only = true;
		err_set(&c->err, ERR_TEMPORARY, 0, "%s: does not offer HTTP/2",
			c->rules->session.origin->authority);
		end(c);
		return;
	}
	c->session = h2_session_new(&c->rules->session, &c->err);
	if (c->session == NULL || !watch(c, EPOLLIN)) {
		end(c);
		return;
	}
	c->state = H2_CONNECTION_SETTLING;
	c->heard_ms = now_ms(c);
	dial_worked(c->rules->dial, c->address);
	/* The server's SETTINGS may have come with the last of the handshake. */
	receive(c);
}

static void shake(struct h2_connection *c)
{
	int rc;
	int kind;

	ERR_clear_error();
	errno = 0;
	rc = SSL_do_handshake(c->ssl);
	if (rc == 1) {
		begin_session(c);
		return;
	}
	kind = SSL_get_error(c->ssl, rc);
	if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE) {
		if (watch(c, kind == SSL_ERROR_WANT_READ ? EPOLLIN : EPOLLOUT))
			return;
	} else {
		c->untrusted = tls_untrusted(c->ssl);
		tls_error(c->ssl, rc, c->rules->session.origin->authority, &c->err);
	}
	end(c);
}

static void on_connected(struct h2_connection *c)
{
	int failure = 0;
	socklen_t len = sizeof(failure);

	(void)getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &failure, &len);
	if (failure != 0) {
		err_set(&c->err, ERR_TEMPORARY, failure, "connect: %s", strerror(failure));
		connect_next(c);
		return;
	}
	c->ssl = tls_connect(c->rules->tls, c->rules->session.origin, c->fd);
	if (c->ssl == NULL) {
		err_set(&c->err, ERR_TEMPORARY, ENOMEM, "TLS: no memory");
		end(c);
		return;
	}
	c->state = H2_CONNECTION_HANDSHAKING;
	set_timer(c, open_until_ms(c));
	shake(c);
}

static void on_ready(void *arg, int fd UNUSED, uint32_t events)
{
	struct h2_connection *c = arg;

	if (c->state == H2_CONNECTION_CONNECTING)
		on_connected(c);
	else if (c->state == H2_CONNECTION_HANDSHAKING)
		shake(c);
	else if (events & (EPOLLIN | EPOLLERR | EPOLLHUP))
		receive(c);
	else
		h2_connection_touch(c);
}

/* --- writing --- */

enum written { WROTE_ALL, WROTE_PART, WROTE_NONE };

/* Moves *at on. */
static enum written write_some(struct h2_connection *c, const uint8_t *data, size_t len, size_t *at)
{
	while (*at < len) {
		int rc;
		int kind;

		ERR_clear_error();
		errno = 0;
		rc = SSL_write(c->ssl, data + *at, (int)(len - *at));
		if (rc > 0) {
			*at += (size_t)rc;
			continue;
		}
		kind = SSL_get_error(c->ssl, rc);
		if (kind == SSL_ERROR_WANT_WRITE || kind == SSL_ERROR_WANT_READ)
			return WROTE_PART;
		tls_error(c->ssl, rc, "connection", &c->err);
		return WROTE_NONE;
	}
	return WROTE_ALL;
}

static enum written write_rest(struct h2_connection *c)
{
	size_t at = 0;
	enum written written = write_some(c, (const uint8_t *)c->rest.data, c->rest.len, &at);

	memmove(c->rest.data, c->rest.data + at, c->rest.len - at);
	c->rest.len -= at;
	c->rest.data[c->rest.len] = 0;
	if (written == WROTE_ALL)
		str_fini(&c->rest);
	return written;
}

static enum written write_frames(struct h2_connection *c)
{
	uint8_t data[H2_SESSION_PACK_SPACE];
	enum written written;
	size_t len;
	size_t at;

	do {
		at = 0;
		if (!h2_session_pack(c->session, data, &len, &c->err))
			return WROTE_NONE;
		written = write_some(c, data, len, &at);
	} while (written == WROTE_ALL && len > 0);
	if (written == WROTE_PART && !str_append(&c->rest, (const char *)data + at, len - at)) {
		err_set(&c->err, ERR_TEMPORARY, ENOMEM, "connection: no memory");
		return WROTE_NONE;
	}
	return written;
}

void h2_connection_flush(struct h2_connection *c)
{
	enum written written = WROTE_ALL;

	if (c->state != H2_CONNECTION_SETTLING && c->state != H2_CONNECTION_OPEN)
		return;
	if (c->rest.len > 0)
		written = write_rest(c);
	if (written == WROTE_ALL && h2_session_wants_write(c->session))
		written = write_frames(c);
	if (written == WROTE_ALL && h2_session_over(c->session)) {
		err_set(&c->err, ERR_TEMPORARY, 0, "connection: ended by the server");
		written = WROTE_NONE;
	} else if (written == WROTE_NONE) {
		/* The server may have said before what it has not looked at. */
		struct err err = c->err;

		(void)read_all(c);
		c->err = err;
	}
	if (written == WROTE_NONE ||
	    !watch(c, written == WROTE_PART ? EPOLLIN | EPOLLOUT : EPOLLIN))
		end(c);
}

/* --- state --- */

unsigned h2_connection_room(const struct h2_connection *c)
{
	return c->state == H2_CONNECTION_OPEN && !c->suspect && c->rest.len == 0
		       ? h2_session_room(c->session)
		       : 0;
}

unsigned h2_connection_streams(const struct h2_connection *c)
{
	return c->session != NULL ? h2_session_streams(c->session) : 0;
}

bool h2_connection_leaving(const struct h2_connection *c)
{
	return c->suspect || (c->session != NULL && h2_session_leaving(c->session));
}

int64_t h2_connection_look(struct h2_connection *c, int64_t now_boot_ms)
{
	int64_t idle_max_ms = c->rules->session.pool->settings->idle_max_ms;
	int64_t silence_ms =
		idle_max_ms / (h2_connection_streams(c) > 0 ? PING_BUSY_PART : PING_IDLE_PART);
	int64_t answer_ms = idle_max_ms / PING_ANSWER_PART;

	if (c->state != H2_CONNECTION_OPEN || c->suspect)
		return INT64_MAX;
	if (h2_session_ping_pending(c->session) && c->heard_ms < c->pinged_ms) {
		if (now_boot_ms < c->pinged_ms + answer_ms)
			return c->pinged_ms + answer_ms;
		c->suspect = true;
		h2_connection_touch(c);
		return INT64_MAX;
	}
	if (now_boot_ms < c->heard_ms + silence_ms)
		return c->heard_ms + silence_ms;
	h2_session_ping(c->session);
	c->pinged_ms = now_boot_ms;
	h2_connection_touch(c);
	return now_boot_ms + answer_ms;
}

/* --- birth and death --- */

struct h2_connection *h2_connection_new(const struct h2_connection_rules *rules)
{
	struct h2_connection *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	list_init(&c->node);
	list_init(&c->touched);
	str_init(&c->rest, H2_SESSION_PACK_SPACE);
	c->rules = rules;
	c->fd = -1;
	c->began_ms = now_ms(c);
	connect_from(c);
	return c;
}

void h2_connection_free(struct h2_connection *c)
{
	if (c == NULL)
		return;
	if (c->state != H2_CONNECTION_OVER)
		end(c);
	h2_session_free(c->session);
	str_fini(&c->rest);
	list_remove(&c->node);
	list_remove(&c->touched);
	free(c);
}
