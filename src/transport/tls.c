/*
 * Sessions: a TLS 1.3 ticket is good for one connection (RFC 8446, C.4), and a server sends
 * one or two with each, so the last few are kept and each is used once.
 */
#include "transport/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#define SESSIONS_MAX 8u

struct tls {
	SSL_CTX *context;
	SSL_SESSION *sessions[SESSIONS_MAX];
	unsigned count;
};

static const unsigned char protocols[] = "\x02h2\x08http/1.1";

static int on_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	if (t == NULL)
		return 0;
	if (t->count == SESSIONS_MAX) {
		SSL_SESSION_free(t->sessions[0]);
		memmove(t->sessions, t->sessions + 1, --t->count * sizeof(t->sessions[0]));
	}
	t->sessions[t->count++] = session;
	return 1;
}

/* The directory as compiled in: which certificates count is not the environment's to say. */
static bool trust(SSL_CTX *context, const char *ca_file)
{
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	return SSL_CTX_load_verify_dir(context, X509_get_default_cert_dir()) == 1 &&
	       (ca_file[0] == 0 || SSL_CTX_load_verify_file(context, ca_file) == 1);
}

static bool set_up(SSL_CTX *context)
{
	/* Read ahead: one system call takes all records that have come. */
	SSL_CTX_set_read_ahead(context, 1);
	SSL_CTX_set_mode(context,
			 SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* An end without farewell is an end: HTTP/2 says itself what is complete. */
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					     SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(context, on_session);
	return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_alpn_protos(context, protocols, sizeof(protocols) - 1) == 0;
}

struct tls *tls_new(const char *ca_file, struct err *ret_err)
{
	struct tls *t = calloc(1, sizeof(*t));

	ERR_clear_error();
	if (t != NULL)
		t->context = SSL_CTX_new(TLS_client_method());
	if (t == NULL || t->context == NULL || !set_up(t->context)) {
		err_set(ret_err, ERR_TEMPORARY, 0, "TLS: no memory");
		tls_free(t);
		return NULL;
	}
	if (!trust(t->context, ca_file)) {
		err_set(ret_err, ERR_TEMPORARY, 0, "TLS: cannot read the certificates of %s",
			ca_file[0] != 0 ? ca_file : "the system");
		tls_free(t);
		return NULL;
	}
	SSL_CTX_set_app_data(t->context, t);
	return t;
}

void tls_free(struct tls *t)
{
	if (t == NULL)
		return;
	for (unsigned i = 0; i < t->count; i++)
		SSL_SESSION_free(t->sessions[i]);
	/* A connection that is still open keeps the context. */
	if (t->context != NULL)
		SSL_CTX_set_app_data(t->context, NULL);
	SSL_CTX_free(t->context);
	free(t);
}

/* A name goes into the handshake, too (RFC 6066: never an address). */
static bool expect_host(SSL *ssl, const struct origin *origin)
{
	X509_VERIFY_PARAM *verify = SSL_get0_param(ssl);

	X509_VERIFY_PARAM_set_hostflags(verify, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (origin->address)
		return X509_VERIFY_PARAM_set1_ip_asc(verify, origin->host) == 1;
	return X509_VERIFY_PARAM_set1_host(verify, origin->host, 0) == 1 &&
	       SSL_set_tlsext_host_name(ssl, origin->host) == 1;
}

/* A session that cannot be taken up means a whole handshake, no more. */
static void resume(struct tls *t, SSL *ssl)
{
	bool found = false;

	while (!found && t->count > 0) {
		SSL_SESSION *session = t->sessions[--t->count];

		found = SSL_SESSION_is_resumable(session) == 1 &&
			SSL_set_session(ssl, session) == 1;
		SSL_SESSION_free(session);
	}
}

SSL *tls_connect(struct tls *t, const struct origin *origin, int fd)
{
	SSL *ssl;

	ERR_clear_error();
	ssl = SSL_new(t->context);
	if (ssl == NULL)
		return NULL;
	if (!expect_host(ssl, origin) || SSL_set_fd(ssl, fd) != 1) {
		SSL_free(ssl);
		return NULL;
	}
	resume(t, ssl);
	SSL_set_connect_state(ssl);
	return ssl;
}

bool tls_speaks_h2(const SSL *ssl)
{
	const unsigned char *name;
	unsigned len;

	SSL_get0_alpn_selected(ssl, &name, &len);
	return len == 2 && memcmp(name, "h2", 2) == 0;
}

bool tls_untrusted(const SSL *ssl)
{
	return SSL_get_verify_result(ssl) != X509_V_OK;
}

void tls_error(const SSL *ssl, int rc, const char *what, struct err *ret_err)
{
	int saved = errno;
	long verified = SSL_get_verify_result(ssl);
	const char *reason = ERR_reason_error_string(ERR_peek_error());
	int kind = SSL_get_error(ssl, rc);

	if (verified != X509_V_OK)
		err_set(ret_err, ERR_TEMPORARY, (int)verified, "%s: certificate: %s", what,
			X509_verify_cert_error_string(verified));
	else if (kind == SSL_ERROR_ZERO_RETURN || (kind == SSL_ERROR_SYSCALL && saved == 0))
		err_set(ret_err, ERR_TEMPORARY, 0, "%s: closed by the server", what);
	else if (kind == SSL_ERROR_SYSCALL)
		err_set(ret_err, ERR_TEMPORARY, saved, "%s: %s", what, strerror(saved));
	else
		err_set(ret_err, ERR_TEMPORARY, 0, "%s: TLS: %s", what,
			reason != NULL ? reason : "failed");
}
