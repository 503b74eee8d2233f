#include "fake_certificate.h"

#include <check.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#define DAY_S 86400

static void extend(X509 *certificate, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	ck_assert_ptr_nonnull(extension);
	X509_add_ext(certificate, extension, -1);
	X509_EXTENSION_free(extension);
}

static X509 *make(const char *cn, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key,
		  const EVP_MD *digest)
{
	X509 *certificate = X509_new();
	X509_NAME *name = X509_get_subject_name(certificate);

	ASN1_INTEGER_set(X509_get_serialNumber(certificate), issuer ? 2 : 1);
	X509_set_version(certificate, 2);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
	X509_gmtime_adj(X509_getm_notAfter(certificate), DAY_S);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1, 0);
	X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer) : name);
	X509_set_pubkey(certificate, key);
	if (!issuer)
		extend(certificate, NID_basic_constraints, "critical,CA:TRUE");
	ck_assert_int_ne(X509_sign(certificate, issuer_key, digest), 0);
	return certificate;
}

static void spoil(X509 *certificate, enum fake_certificate kind)
{
	if (kind == FAKE_EXPIRED)
		X509_gmtime_adj(X509_getm_notAfter(certificate), -60);
	if (kind == FAKE_NOT_YET)
		X509_gmtime_adj(X509_getm_notBefore(certificate), DAY_S / 2);
	if (kind == FAKE_OTHER_PURPOSE)
		extend(certificate, NID_ext_key_usage, "clientAuth");
	extend(certificate, NID_subject_alt_name,
	       kind == FAKE_OTHER_HOST ? "DNS:elsewhere.test"
				       : "IP:127.0.0.1,DNS:localhost,DNS:two.invalid");
}

/* What the server offers need not be what its own library would take. */
static SSL_CTX *lenient(enum fake_certificate kind)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	SSL_CTX_set_security_level(context, 0);
	if (kind == FAKE_OLD_TLS) {
		ck_assert_int_eq(SSL_CTX_set_min_proto_version(context, TLS1_VERSION), 1);
		ck_assert_int_eq(SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION), 1);
		ck_assert_int_eq(SSL_CTX_set_cipher_list(context, "ALL:@SECLEVEL=0"), 1);
	}
	return context;
}

SSL_CTX *fake_certificate_context(enum fake_certificate kind, X509 **ret_ca)
{
	SSL_CTX *context = lenient(kind);
	EVP_PKEY *ca_key = EVP_EC_gen("P-256");
	EVP_PKEY *key = kind == FAKE_SHORT_KEY ? EVP_RSA_gen(1024) : EVP_EC_gen("P-256");
	X509 *ca = make("fake CA", ca_key, NULL, ca_key, EVP_sha256());
	X509 *certificate = make("fake", key, ca, ca_key, EVP_sha256());

	spoil(certificate, kind);
	ck_assert_int_ne(X509_sign(certificate, ca_key,
				   kind == FAKE_WEAK_DIGEST ? EVP_sha1() : EVP_sha256()),
			 0);
	ck_assert_int_eq(SSL_CTX_use_certificate(context, certificate), 1);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey(context, key), 1);
	if (kind == FAKE_UNKNOWN) {
		X509_free(ca);
		ca = make("another CA", key, NULL, key, EVP_sha256());
	}
	*ret_ca = ca;
	X509_free(certificate);
	EVP_PKEY_free(ca_key);
	EVP_PKEY_free(key);
	return context;
}
