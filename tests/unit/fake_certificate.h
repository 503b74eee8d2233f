/*
 * fake_certificate - certificates for a test's server, good and bad, made when they are needed.
 */
#ifndef FAKE_CERTIFICATE_H
#define FAKE_CERTIFICATE_H

#include <openssl/ssl.h>

enum fake_certificate {
	FAKE_GOOD = 0, /* for 127.0.0.1, localhost and two.invalid */
	FAKE_OTHER_HOST,
	FAKE_EXPIRED,
	FAKE_NOT_YET,       /* valid from tomorrow on */
	FAKE_UNKNOWN,       /* nobody trusts who made it */
	FAKE_OTHER_PURPOSE, /* of a client */
	FAKE_SHORT_KEY,     /* RSA of 1,024 bits */
	FAKE_WEAK_DIGEST,   /* made with SHA-1 */
	FAKE_OLD_TLS,       /* a good one, and TLS 1.1 at most */
	FAKE_CERTIFICATES,
};

/* A server's context; *ret_ca is what a client is to trust. */
SSL_CTX *fake_certificate_context(enum fake_certificate kind, X509 **ret_ca);

#endif
