/*
 * The TLS side: a certificate authority made at start, and a server certificate of it.
 */
#ifndef SIMULATOR_CERT_H
#define SIMULATOR_CERT_H

#include <openssl/ssl.h>
#include <stdbool.h>

/*
 * A server context with a fresh P-256 certificate for localhost, 127.0.0.1 and ::1, good for a
 * year; the authority's certificate goes to `ca_path` (PEM). `offer_h2`: ALPN offers h2 before
 * http/1.1. NULL on failure; OpenSSL's error queue or errno tells why.
 */
SSL_CTX *cert_make_context(const char *ca_path, bool offer_h2);

#endif
