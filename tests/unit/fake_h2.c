#include "fake_h2.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <nghttp2/nghttp2.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define CONNECTIONS_MAX 256
#define HELD_MAX 512

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
	struct held held[HELD_MAX]; /* answers to come, in order */
	unsigned held_count;
	bool over;
};

struct fake_h2 {
	int fd;
	int stop_pipe[2];
	char url[64];
	char ca_file[64];
	SSL_CTX *tls;
	struct fake_h2_step *steps; /* a copy: the test's own may go before its last peer */
	size_t steps_count;
	pthread_t thread;
	pthread_mutex_t lock;
	unsigned requests;
	unsigned most_streams;
	unsigned connections_count;
	struct connection connections[CONNECTIONS_MAX];
};

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

static int select_h2(SSL *ssl, const unsigned char **out, unsigned char *out_len,
		     const unsigned char *in, unsigned in_len, void *arg)
{
	(void)ssl;
	(void)arg;
	return nghttp2_select_next_protocol((unsigned char **)(uintptr_t)out, out_len, in,
					    in_len) == 1
		       ? SSL_TLSEXT_ERR_OK
		       : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void make_tls(struct fake_h2 *s)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();
	X509_NAME *name = X509_get_subject_name(certificate);
	X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
	X509_EXTENSION *ca = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "CA:TRUE");

	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_set_version(certificate, 2);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"fake", -1, -1,
				   0);
	X509_set_issuer_name(certificate, name);
	X509_set_pubkey(certificate, key);
	X509_add_ext(certificate, san, -1);
	X509_add_ext(certificate, ca, -1);
	ck_assert_int_ne(X509_sign(certificate, key, EVP_sha256()), 0);
	s->tls = SSL_CTX_new(TLS_server_method());
	ck_assert_int_eq(SSL_CTX_use_certificate(s->tls, certificate), 1);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey(s->tls, key), 1);
	SSL_CTX_set_alpn_select_cb(s->tls, select_h2, NULL);
	write_certificate(s, certificate);
	X509_EXTENSION_free(san);
	X509_EXTENSION_free(ca);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

/* --- one connection --- */

static ssize_t give_body(nghttp2_session *session, int32_t stream, uint8_t *data, size_t len,
			 uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	(void)session;
	(void)stream;
	(void)len;
	(void)source;
	(void)arg;
	memcpy(data, "ok", 2);
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	return 2;
}

static void answer(struct connection *c, int32_t stream)
{
	uint8_t name[] = ":status";
	uint8_t value[] = "200";
	nghttp2_nv header = { name, value, 7, 3, NGHTTP2_NV_FLAG_NONE };
	nghttp2_data_provider body = { .read_callback = give_body };

	nghttp2_submit_response(c->session, stream, &header, 1, &body);
}

static void act(struct connection *c, int32_t stream, const struct fake_h2_step *step)
{
	switch (step->act) {
	case FAKE_H2_ANSWER:
		ck_assert_uint_lt(c->held_count, HELD_MAX);
		c->held[c->held_count++] =
			(struct held){ stream, clock_boot_ms() + step->delay_ms };
		break;
	case FAKE_H2_REFUSE:
		nghttp2_submit_rst_stream(c->session, 0, stream, NGHTTP2_REFUSED_STREAM);
		break;
	case FAKE_H2_RESET:
		nghttp2_submit_rst_stream(c->session, 0, stream, NGHTTP2_INTERNAL_ERROR);
		break;
	case FAKE_H2_GOAWAY:
		nghttp2_submit_goaway(c->session, 0, stream - 2 > 0 ? stream - 2 : 0,
				      NGHTTP2_NO_ERROR, NULL, 0);
		break;
	case FAKE_H2_CLOSE:
		c->over = true;
		break;
	}
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct connection *c = arg;
	struct fake_h2 *s = c->server;
	size_t n;

	(void)session;
	if ((frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS) ||
	    (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
		return 0;
	pthread_mutex_lock(&s->lock);
	n = s->requests++;
	if (c->held_count + 1 > s->most_streams)
		s->most_streams = c->held_count + 1;
	pthread_mutex_unlock(&s->lock);
	act(c, frame->hd.stream_id, &s->steps[n < s->steps_count ? n : s->steps_count - 1]);
	return 0;
}

static void answer_due(struct connection *c)
{
	unsigned done = 0;

	while (done < c->held_count && c->held[done].due <= clock_boot_ms())
		answer(c, c->held[done++].stream);
	c->held_count -= done;
	memmove(c->held, c->held + done, c->held_count * sizeof(c->held[0]));
}

static bool flush(struct connection *c)
{
	const uint8_t *data;
	ssize_t len;

	while ((len = nghttp2_session_mem_send(c->session, &data)) > 0)
		if (SSL_write(c->ssl, data, (int)len) <= 0)
			return false;
	return len == 0;
}

/* False: the server stops or the connection is over. */
static bool wait_for_more(struct connection *c)
{
	struct pollfd fds[2] = { { .fd = c->server->stop_pipe[0], .events = POLLIN },
				 { .fd = c->fd, .events = POLLIN } };
	int64_t left = c->held_count > 0 ? c->held[0].due - clock_boot_ms() : -1;
	uint8_t data[16384];
	int len;

	if (SSL_pending(c->ssl) == 0)
		poll(fds, 2, c->held_count > 0 && left < 0 ? 0 : (int)left);
	if (fds[0].revents != 0)
		return false;
	if (SSL_pending(c->ssl) == 0 && fds[1].revents == 0)
		return true;
	len = SSL_read(c->ssl, data, sizeof(data));
	return len > 0 && nghttp2_session_mem_recv(c->session, data, (size_t)len) == len;
}

static void *serve_connection(void *arg)
{
	struct connection *c = arg;
	nghttp2_session_callbacks *callbacks;

	nghttp2_session_callbacks_new(&callbacks);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_server_new(&c->session, callbacks, c);
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_submit_settings(c->session, 0, NULL, 0);
	c->ssl = SSL_new(c->server->tls);
	SSL_set_fd(c->ssl, c->fd);
	if (SSL_accept(c->ssl) == 1)
		while (flush(c) && wait_for_more(c) && !c->over &&
		       (nghttp2_session_want_read(c->session) ||
			nghttp2_session_want_write(c->session)))
			answer_due(c);
	SSL_free(c->ssl);
	nghttp2_session_del(c->session);
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

struct fake_h2 *fake_h2_start(const struct fake_h2_step *steps, size_t count)
{
	struct fake_h2 *s = calloc(1, sizeof(*s));
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);

	ck_assert_ptr_nonnull(s);
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
	snprintf(s->url, sizeof(s->url), "https://127.0.0.1:%d/", ntohs(address.sin_port));
	ck_assert_int_eq(pthread_create(&s->thread, NULL, serve, s), 0);
	return s;
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
