#include "fake_h2.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <nghttp2/nghttp2.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/str.h"

#define CONNECTIONS_MAX 256
#define HELD_MAX 512
#define BODIES_MAX (1u << 26)
#define WIDE (1 << 26)

struct request {
	const struct fake_h2_step *step;
	size_t body_left; /* to answer */
	bool acted;
};

struct held {
	int32_t stream;
	int64_t due;
};

struct connection {
	struct fake_h2 *server;
	pthread_t thread;
	int fd;
	SSL *ssl;
	nghttp2_session *session;
	struct held held[HELD_MAX]; /* answers to come */
	unsigned held_count;
	bool over;
	bool last_words; /* before it is over */
	bool stalled;
};

struct fake_h2 {
	struct fake_h2_options options;
	int fd;
	int port;
	int stop_pipe[2];
	char url[64];
	char ca_file[64];
	SSL_CTX *tls;
	struct fake_h2_step *steps; /* a copy: the test's own may go before its last peer */
	size_t steps_count;
	pthread_t thread;
	pthread_mutex_t lock; /* of all below */
	unsigned begun;
	unsigned requests;
	unsigned most_streams;
	unsigned resumed;
	unsigned resets;
	unsigned pieces;
	struct str bodies;
	struct str headers;
	unsigned connections_count;
	struct connection connections[CONNECTIONS_MAX];
};

static void add(struct fake_h2 *s, unsigned *count)
{
	pthread_mutex_lock(&s->lock);
	++*count;
	pthread_mutex_unlock(&s->lock);
}

/* --- certificate --- */

static void write_certificate(struct fake_h2 *s, X509 *certificate)
{
	int fd;
	FILE *file;

	snprintf(s->ca_file, sizeof(s->ca_file), "/tmp/fake-h2-XXXXXX");
	fd = mkstemp(s->ca_file);
	ck_assert_int_ne(fd, -1);
	file = fdopen(fd, "w");
	ck_assert_int_eq(PEM_write_X509(file, certificate), 1);
	fclose(file);
}

static bool is_http1(const struct connection *c)
{
	return c - c->server->connections < c->server->options.http1;
}

static int select_h2(SSL *ssl, const unsigned char **out, unsigned char *out_len,
		     const unsigned char *in, unsigned in_len, void *arg UNUSED)
{
	if (is_http1(SSL_get_app_data(ssl)))
		return SSL_TLSEXT_ERR_NOACK;
	return nghttp2_select_next_protocol((unsigned char **)(uintptr_t)out, out_len, in,
					    in_len) == 1
		       ? SSL_TLSEXT_ERR_OK
		       : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void make_tls(struct fake_h2 *s)
{
	X509 *ca;

	s->tls = fake_certificate_context(s->options.certificate, &ca);
	SSL_CTX_set_alpn_select_cb(s->tls, select_h2, NULL);
	write_certificate(s, ca);
	X509_free(ca);
}

/* --- answers --- */

static struct request *request_of(nghttp2_session *session, int32_t stream)
{
	return nghttp2_session_get_stream_user_data(session, stream);
}

static size_t body_bytes(const struct fake_h2_step *step)
{
	return step->body_bytes > 0 ? step->body_bytes : 2;
}

static ssize_t give_body(nghttp2_session *session, int32_t stream, uint8_t *data, size_t len,
			 uint32_t *flags, nghttp2_data_source *source UNUSED, void *arg UNUSED)
{
	struct request *r = request_of(session, stream);

	if (r->body_left == 0)
		return NGHTTP2_ERR_DEFERRED; /* half an answer */
	if (len > r->body_left)
		len = r->body_left;
	memset(data, 'x', len);
	if (r->step->body_bytes == 0)
		memcpy(data, "ok", len);
	r->body_left -= len;
	if (r->body_left == 0 && r->step->act != FAKE_H2_HALF &&
	    r->step->act != FAKE_H2_HALF_REFUSE)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)len;
}

static nghttp2_nv header(const char *name, const char *value)
{
	return (nghttp2_nv){ (uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
			     strlen(value), NGHTTP2_NV_FLAG_NONE };
}

static void answer(struct connection *c, int32_t stream)
{
	struct request *r = request_of(c->session, stream);
	const nghttp2_data_provider body = { .read_callback = give_body };
	char status[16];
	char length[24];
	char *filler;
	nghttp2_nv headers[5];
	size_t n = 0;

	if (r == NULL)
		return; /* reset meanwhile */
	snprintf(status, sizeof(status), "%d", r->step->status != 0 ? r->step->status : 200);
	snprintf(length, sizeof(length), "%zu",
		 body_bytes(r->step) + (r->step->act == FAKE_H2_SHORT));
	filler = malloc(r->step->header_bytes + 1);
	memset(filler, 'x', r->step->header_bytes);
	filler[r->step->header_bytes] = 0;
	headers[n++] = header(":status", status);
	headers[n++] = header("content-length", length);
	if (r->step->retry_after != NULL)
		headers[n++] = header("retry-after", r->step->retry_after);
	if (r->step->usage != NULL)
		headers[n++] = header("x-business-use-case-usage", r->step->usage);
	if (r->step->header_bytes > 0)
		headers[n++] = header("x-filler", filler);
	r->body_left = body_bytes(r->step);
	if (r->step->act == FAKE_H2_HALF || r->step->act == FAKE_H2_HALF_REFUSE)
		r->body_left /= 2;
	ck_assert_int_eq(nghttp2_submit_response(c->session, stream, headers, n, &body), 0);
	free(filler);
}

static void reset(struct connection *c, int32_t stream, uint32_t code)
{
	nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, stream, code);
}

static void go_away(struct connection *c, int32_t last)
{
	nghttp2_submit_goaway(c->session, NGHTTP2_FLAG_NONE, last > 0 ? last : 0, NGHTTP2_NO_ERROR,
			      NULL, 0);
}

static void hold(struct connection *c, int32_t stream, int delay_ms)
{
	ck_assert_uint_lt(c->held_count, HELD_MAX);
	c->held[c->held_count++] = (struct held){ stream, clock_boot_ms() + delay_ms };
}

static void act(struct connection *c, int32_t stream, const struct fake_h2_step *step)
{
	static const nghttp2_settings_entry two = { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 2 };
	const nghttp2_nv interim = header(":status", "103");

	switch (step->act) {
	case FAKE_H2_REFUSE:
		reset(c, stream, NGHTTP2_REFUSED_STREAM);
		return;
	case FAKE_H2_RESET:
		reset(c, stream, NGHTTP2_INTERNAL_ERROR);
		return;
	case FAKE_H2_GOAWAY:
		go_away(c, stream - 2);
		return;
	case FAKE_H2_GOAWAY_CUT:
		go_away(c, stream - 2);
		c->over = c->last_words = true;
		return;
	case FAKE_H2_CLOSE:
		c->over = true;
		return;
	case FAKE_H2_HALF:
		answer(c, stream);
		c->over = c->last_words = true;
		return;
	case FAKE_H2_HALF_REFUSE:
		answer(c, stream); /* the reset follows when half of it is out */
		return;
	case FAKE_H2_HANG:
		return;
	case FAKE_H2_STALL:
		c->stalled = true;
		return;
	case FAKE_H2_GOAWAY_LAST:
		go_away(c, stream);
		break;
	case FAKE_H2_LOWER:
		nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, &two, 1);
		break;
	case FAKE_H2_INTERIM:
		nghttp2_submit_headers(c->session, NGHTTP2_FLAG_NONE, stream, NULL, &interim, 1,
				       NULL);
		break;
	case FAKE_H2_ANSWER:
	case FAKE_H2_SHORT:
		break;
	}
	hold(c, stream, step->delay_ms);
}

/* --- requests --- */

static int on_begin(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct connection *c = arg;
	struct fake_h2 *s = c->server;
	struct request *r = calloc(1, sizeof(*r));
	size_t n;

	if (frame->hd.type != NGHTTP2_HEADERS || r == NULL) {
		free(r);
		return 0;
	}
	pthread_mutex_lock(&s->lock);
	n = s->begun++;
	str_reset(&s->headers);
	pthread_mutex_unlock(&s->lock);
	r->step = &s->steps[n < s->steps_count ? n : s->steps_count - 1];
	nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, r);
	return 0;
}

static int on_header(nghttp2_session *session UNUSED, const nghttp2_frame *frame UNUSED,
		     const uint8_t *name, size_t name_len UNUSED, const uint8_t *value,
		     size_t value_len UNUSED, uint8_t flags, void *arg)
{
	struct connection *c = arg;

	pthread_mutex_lock(&c->server->lock);
	str_append_format(&c->server->headers, "%s%s: %s\n",
			  flags & NGHTTP2_NV_FLAG_NO_INDEX ? "!" : "", (const char *)name,
			  (const char *)value);
	pthread_mutex_unlock(&c->server->lock);
	return 0;
}

static int on_data(nghttp2_session *session UNUSED, uint8_t flags UNUSED, int32_t stream UNUSED,
		   const uint8_t *data, size_t len, void *arg)
{
	struct connection *c = arg;

	pthread_mutex_lock(&c->server->lock);
	str_append(&c->server->bodies, (const char *)data, len);
	pthread_mutex_unlock(&c->server->lock);
	return 0;
}

static bool is_time(const struct request *r, const nghttp2_frame *frame)
{
	if (r->step->when == FAKE_H2_AT_HEADERS)
		return true;
	if (frame->hd.type == NGHTTP2_DATA && r->step->when == FAKE_H2_AT_DATA)
		return true;
	return frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
}

static void count(struct connection *c, const nghttp2_frame *frame)
{
	struct fake_h2 *s = c->server;

	pthread_mutex_lock(&s->lock);
	s->pieces += frame->hd.type == NGHTTP2_DATA;
	s->resets += frame->hd.type == NGHTTP2_RST_STREAM;
	if ((frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
	    frame->hd.flags & NGHTTP2_FLAG_END_STREAM) {
		s->requests++;
		if (c->held_count + 1 > s->most_streams)
			s->most_streams = c->held_count + 1;
	}
	pthread_mutex_unlock(&s->lock);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct connection *c = arg;
	struct request *r = request_of(session, frame->hd.stream_id);

	count(c, frame);
	if ((frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS) || r == NULL ||
	    r->acted || !is_time(r, frame))
		return 0;
	r->acted = true;
	act(c, frame->hd.stream_id, r->step);
	return 0;
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t code UNUSED,
		    void *arg UNUSED)
{
	free(request_of(session, stream));
	nghttp2_session_set_stream_user_data(session, stream, NULL);
	return 0;
}

static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	const struct request *r = request_of(session, frame->hd.stream_id);

	if (frame->hd.type == NGHTTP2_DATA && r != NULL && r->step->act == FAKE_H2_HALF_REFUSE)
		reset(arg, frame->hd.stream_id, NGHTTP2_REFUSED_STREAM);
	return 0;
}

/* --- one connection --- */

static void answer_due(struct connection *c)
{
	int64_t now = clock_boot_ms();
	unsigned left = 0;

	for (unsigned i = 0; i < c->held_count; i++)
		if (c->held[i].due <= now)
			answer(c, c->held[i].stream);
		else
			c->held[left++] = c->held[i];
	c->held_count = left;
}

/* Milliseconds until the first answer is due, -1: there is none. */
static int next_answer(const struct connection *c)
{
	int64_t first = INT64_MAX;

	for (unsigned i = 0; i < c->held_count; i++)
		if (c->held[i].due < first)
			first = c->held[i].due;
	if (c->held_count == 0)
		return -1;
	first -= clock_boot_ms();
	return first > 0 ? (int)first : 0;
}

static bool flush(struct connection *c)
{
	const uint8_t *data;
	ssize_t len;

	if (c->server->options.silent)
		return true;
	while ((len = nghttp2_session_mem_send(c->session, &data)) > 0)
		if (SSL_write(c->ssl, data, (int)len) <= 0)
			return false;
	return len == 0;
}

/* False: the server stops or the connection is over. */
static bool wait_for_more(struct connection *c)
{
	struct pollfd fds[2] = { { .fd = c->server->stop_pipe[0], .events = POLLIN },
				 { .fd = c->stalled ? -1 : c->fd, .events = POLLIN } };
	uint8_t data[16384];
	int len;

	if (SSL_pending(c->ssl) == 0 || c->stalled)
		poll(fds, 2, next_answer(c));
	if (fds[0].revents != 0)
		return false;
	if (SSL_pending(c->ssl) == 0 && fds[1].revents == 0)
		return true;
	len = SSL_read(c->ssl, data, sizeof(data));
	return len > 0 && nghttp2_session_mem_recv(c->session, data, (size_t)len) == len;
}

static void open_session(struct connection *c)
{
	const struct fake_h2_options *o = &c->server->options;
	nghttp2_settings_entry settings[2];
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;
	size_t n = 0;

	nghttp2_option_new(&option);
	nghttp2_option_set_no_auto_ping_ack(option, o->deaf);
	nghttp2_session_callbacks_new(&callbacks);
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_sent);
	nghttp2_session_server_new2(&c->session, callbacks, c, option);
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_option_del(option);
	if (o->streams > 0)
		settings[n++] = (nghttp2_settings_entry){ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
							  o->streams };
	if (o->window > 0 || o->no_window)
		settings[n++] =
			(nghttp2_settings_entry){ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, o->window };
	if (!o->silent)
		nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings, n);
	if (o->goes)
		go_away(c, 0);
	if (o->wide)
		nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0, WIDE);
}

static void serve_http2(struct connection *c)
{
	open_session(c);
	while (flush(c) && wait_for_more(c) && !c->over &&
	       (nghttp2_session_want_read(c->session) || nghttp2_session_want_write(c->session)))
		answer_due(c);
	if (c->last_words)
		flush(c);
	for (int32_t stream = nghttp2_session_get_last_proc_stream_id(c->session); stream > 0;
	     stream -= 2)
		free(request_of(c->session, stream));
	nghttp2_session_del(c->session);
}

/* One record is one request here: they are short. */
static void serve_http1(struct connection *c)
{
	static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	struct pollfd fds[2] = { { .fd = c->server->stop_pipe[0], .events = POLLIN },
				 { .fd = c->fd, .events = POLLIN } };
	char text[4096];
	size_t have = 0;
	int len;

	for (;;) {
		poll(fds, 2, -1);
		if (fds[0].revents != 0)
			return;
		len = SSL_read(c->ssl, text + have, (int)(sizeof(text) - 1 - have));
		if (len <= 0)
			return;
		have += (size_t)len;
		text[have] = 0;
		if (text[have - 1] != '}')
			continue;
		add(c->server, &c->server->requests);
		have = 0;
		if (SSL_write(c->ssl, ok, sizeof(ok) - 1) <= 0)
			return;
	}
}

static void *serve_connection(void *arg)
{
	struct connection *c = arg;

	c->ssl = SSL_new(c->server->tls);
	SSL_set_fd(c->ssl, c->fd);
	SSL_set_app_data(c->ssl, c);
	if (SSL_accept(c->ssl) == 1) {
		if (SSL_session_reused(c->ssl))
			add(c->server, &c->server->resumed);
		if (is_http1(c))
			serve_http1(c);
		else
			serve_http2(c);
	}
	SSL_free(c->ssl);
	close(c->fd);
	return NULL;
}

/* --- the server --- */

static void *serve(void *arg)
{
	struct fake_h2 *s = arg;

	for (;;) {
		struct pollfd fds[2] = { { .fd = s->stop_pipe[0], .events = POLLIN },
					 { .fd = s->fd, .events = POLLIN } };
		struct connection *c;

		poll(fds, 2, -1);
		if (fds[0].revents != 0)
			return NULL;
		pthread_mutex_lock(&s->lock);
		c = &s->connections[s->connections_count];
		*c = (struct connection){ .server = s, .fd = accept(s->fd, NULL, NULL) };
		if (c->fd != -1 && s->connections_count < CONNECTIONS_MAX - 1 &&
		    pthread_create(&c->thread, NULL, serve_connection, c) == 0)
			s->connections_count++;
		pthread_mutex_unlock(&s->lock);
	}
}

struct fake_h2 *fake_h2_start_with(const struct fake_h2_options *options,
				   const struct fake_h2_step *steps, size_t count)
{
	struct fake_h2 *s = calloc(1, sizeof(*s));
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);

	ck_assert_ptr_nonnull(s);
	s->options = *options;
	str_init(&s->bodies, BODIES_MAX);
	str_init(&s->headers, BODIES_MAX);
	make_tls(s);
	s->steps = calloc(count, sizeof(*steps));
	ck_assert_ptr_nonnull(s->steps);
	memcpy(s->steps, steps, count * sizeof(*steps));
	s->steps_count = count;
	pthread_mutex_init(&s->lock, NULL);
	ck_assert_int_eq(pipe(s->stop_pipe), 0);
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(s->fd, (struct sockaddr *)&address, len), 0);
	ck_assert_int_eq(listen(s->fd, 128), 0);
	ck_assert_int_eq(getsockname(s->fd, (struct sockaddr *)&address, &len), 0);
	s->port = ntohs(address.sin_port);
	snprintf(s->url, sizeof(s->url), "https://127.0.0.1:%d/", s->port);
	ck_assert_int_eq(pthread_create(&s->thread, NULL, serve, s), 0);
	return s;
}

struct fake_h2 *fake_h2_start(const struct fake_h2_step *steps, size_t count)
{
	return fake_h2_start_with(&(struct fake_h2_options){ 0 }, steps, count);
}

void fake_h2_stop(struct fake_h2 *s)
{
	ck_assert_int_eq((int)write(s->stop_pipe[1], "x", 1), 1);
	pthread_join(s->thread, NULL);
	for (unsigned i = 0; i < s->connections_count; i++)
		pthread_join(s->connections[i].thread, NULL);
	SSL_CTX_free(s->tls);
	close(s->stop_pipe[0]);
	close(s->stop_pipe[1]);
	close(s->fd);
	unlink(s->ca_file);
	pthread_mutex_destroy(&s->lock);
	str_fini(&s->bodies);
	str_fini(&s->headers);
	free(s->steps);
	free(s);
}

const char *fake_h2_url(const struct fake_h2 *s)
{
	return s->url;
}

const char *fake_h2_ca_file(const struct fake_h2 *s)
{
	return s->ca_file;
}

static unsigned read_count(struct fake_h2 *s, const unsigned *count)
{
	unsigned n;

	pthread_mutex_lock(&s->lock);
	n = *count;
	pthread_mutex_unlock(&s->lock);
	return n;
}

unsigned fake_h2_requests(struct fake_h2 *s)
{
	return read_count(s, &s->requests);
}

unsigned fake_h2_connections(struct fake_h2 *s)
{
	return read_count(s, &s->connections_count);
}

unsigned fake_h2_most_streams(struct fake_h2 *s)
{
	return read_count(s, &s->most_streams);
}

int fake_h2_port(const struct fake_h2 *s)
{
	return s->port;
}

unsigned fake_h2_resumed(struct fake_h2 *s)
{
	return read_count(s, &s->resumed);
}

unsigned fake_h2_resets(struct fake_h2 *s)
{
	return read_count(s, &s->resets);
}

unsigned fake_h2_pieces(struct fake_h2 *s)
{
	return read_count(s, &s->pieces);
}

static char *copy(struct fake_h2 *s, const struct str *text, size_t *ret_len)
{
	char *copied;

	pthread_mutex_lock(&s->lock);
	copied = malloc(text->len + 1);
	memcpy(copied, text->data, text->len + 1);
	*ret_len = text->len;
	pthread_mutex_unlock(&s->lock);
	return copied;
}

char *fake_h2_bodies(struct fake_h2 *s, size_t *ret_len)
{
	return copy(s, &s->bodies, ret_len);
}

char *fake_h2_headers(struct fake_h2 *s)
{
	size_t len;

	return copy(s, &s->headers, &len);
}
