#include "simulator/cert.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

static bool add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	bool ok = extension && X509_add_ext(cert, extension, -1);
	X509_EXTENSION_free(extension);
	return ok;
}

/* An unsigned certificate for `key`, with a random serial number. */
static X509 *new_cert(EVP_PKEY *key, const char *name, const X509_NAME *issuer)
{
	X509 *cert = X509_new();
	uint64_t serial;

	if (!cert || RAND_bytes((unsigned char *)&serial, sizeof(serial)) != 1 ||
	    !X509_set_version(cert, X509_VERSION_3) ||
	    !ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial >> 1) ||
	    !X509_gmtime_adj(X509_getm_notBefore(cert), -3600) ||
	    !X509_gmtime_adj(X509_getm_notAfter(cert), 365L * 86400) ||
	    !X509_set_pubkey(cert, key) ||
	    !X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
					(const unsigned char *)name, -1, -1, 0) ||
	    !X509_set_issuer_name(cert, issuer ? issuer : X509_get_subject_name(cert))) {
		X509_free(cert);
		return NULL;
	}
	return cert;
}

static X509 *make_authority(EVP_PKEY *key)
{
	X509 *cert = new_cert(key, "message-sender simulator authority", NULL);

	if (cert && add_extension(cert, cert, NID_basic_constraints, "critical,CA:TRUE") &&
	    add_extension(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign") &&
	    add_extension(cert, cert, NID_subject_key_identifier, "hash") &&
	    X509_sign(cert, key, EVP_sha256()))
		return cert;
	X509_free(cert);
	return NULL;
}

static X509 *make_leaf(EVP_PKEY *key, X509 *authority, EVP_PKEY *authority_key)
{
	X509 *cert = new_cert(key, "localhost", X509_get_subject_name(authority));

	if (cert && add_extension(cert, authority, NID_basic_constraints, "critical,CA:FALSE") &&
	    add_extension(cert, authority, NID_key_usage, "critical,digitalSignature") &&
	    add_extension(cert, authority, NID_ext_key_usage, "serverAuth") &&
	    add_extension(cert, authority, NID_authority_key_identifier, "keyid") &&
	    add_extension(cert, authority, NID_subject_alt_name,
			  "DNS:localhost,IP:127.0.0.1,IP:::1") &&
	    X509_sign(cert, authority_key, EVP_sha256()))
		return cert;
	X509_free(cert);
	return NULL;
}

static bool write_pem(const char *path, X509 *cert)
{
	FILE *file = fopen(path, "we");

	if (!file)
		return false;
	bool ok = PEM_write_X509(file, cert) == 1;
	return fclose(file) == 0 && ok;
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
			   const unsigned char *in, unsigned int in_len, void *offer_h2)
{
	static const unsigned char offer[] = "\x02h2\x08http/1.1";
	size_t skip = offer_h2 ? 0 : 3;
	unsigned char *chosen;

	(void)ssl;
	if (SSL_select_next_proto(&chosen, out_len, offer + skip,
				  (unsigned int)(sizeof(offer) - 1 - skip), in,
				  in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *make_context(X509 *cert, EVP_PKEY *key, bool offer_h2)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (!ctx || SSL_CTX_use_certificate(ctx, cert) != 1 ||
	    SSL_CTX_use_PrivateKey(ctx, key) != 1 ||
	    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	/* Idle connections hold no buffers; one read() fetches many records. */
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, offer_h2 ? "h2" : NULL);
	return ctx;
}

SSL_CTX *cert_make_context(const char *ca_path, bool offer_h2)
{
	SSL_CTX *ctx = NULL;
	EVP_PKEY *authority_key = EVP_EC_gen("P-256");
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *authority = authority_key ? make_authority(authority_key) : NULL;
	X509 *leaf = authority && key ? make_leaf(key, authority, authority_key) : NULL;

	if (leaf && write_pem(ca_path, authority))
		ctx = make_context(leaf, key, offer_h2);
	X509_free(leaf);
	X509_free(authority);
	EVP_PKEY_free(key);
	EVP_PKEY_free(authority_key);
	return ctx;
}
