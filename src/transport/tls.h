/*
 * tls - TLS to one server: 1.2 or later, the certificate and the host's name always verified,
 * HTTP/2 offered by ALPN, earlier sessions taken up again.
 *
 * The process ignores SIGPIPE.  One thread.
 */
#ifndef TRANSPORT_TLS_H
#define TRANSPORT_TLS_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "base/compiler.h"
#include "base/err.h"
#include "transport/origin.h"

struct tls;

/* ca_file: bundle to trust beside the system's, "" none.  Null with ret_err. */
struct tls *tls_new(const char *ca_file, struct err *ret_err) MUST_CHECK;
/* Connections that came of it may go on. */
void tls_free(struct tls *t);

/* A connection to begin on the connected descriptor, which stays the caller's.  Null: memory.
 * End it with SSL_free(). */
SSL *tls_connect(struct tls *t, const struct origin *origin, int fd) MUST_CHECK;
/* After the handshake: was HTTP/2 agreed on? */
bool tls_speaks_h2(const SSL *ssl);
/* After a handshake that failed: was it the certificate? */
bool tls_untrusted(const SSL *ssl);
/* Why a call of OpenSSL failed, given what it returned. */
void tls_error(const SSL *ssl, int rc, const char *what, struct err *ret_err);

#endif
