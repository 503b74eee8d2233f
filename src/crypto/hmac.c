#include "crypto/hmac.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/digest.h"

struct hmac {
	EVP_MAC_CTX *context;
};

static EVP_MAC_CTX *begin(const void *key, size_t len)
{
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
	EVP_MAC_CTX *context = EVP_MAC_CTX_new(mac);

	EVP_MAC_free(mac); /* the context has its own hold on it */
	if (context && EVP_MAC_init(context, key, len, params))
		return context;
	EVP_MAC_CTX_free(context);
	return NULL;
}

static struct hmac *own(EVP_MAC_CTX *context)
{
	struct hmac *h = context ? malloc(sizeof(*h)) : NULL;

	if (h)
		h->context = context;
	else
		EVP_MAC_CTX_free(context);
	return h;
}

struct hmac *hmac_new(const void *key, size_t len)
{
	return own(begin(key, len));
}

struct hmac *hmac_copy(const struct hmac *h)
{
	return own(EVP_MAC_CTX_dup(h->context));
}

void hmac_free(struct hmac *h)
{
	if (!h)
		return;
	EVP_MAC_CTX_free(h->context);
	free(h);
}

int hmac_add(struct hmac *h, const void *data, size_t len)
{
	return EVP_MAC_update(h->context, data, len) ? 0 : -1;
}

int hmac_end(struct hmac *h, uint8_t ret[HMAC_SHA256_BYTES])
{
	size_t len = 0;

	return EVP_MAC_final(h->context, ret, &len, HMAC_SHA256_BYTES) && len == HMAC_SHA256_BYTES
		       ? 0
		       : -1;
}

bool hmac_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

bool hmac_texts_equal(const char *a, const char *b)
{
	uint8_t one[DIGEST_SHA256_BYTES];
	uint8_t two[DIGEST_SHA256_BYTES];

	return digest_sha256(a, strlen(a), one) == 0 && digest_sha256(b, strlen(b), two) == 0 &&
	       hmac_equal(one, two, sizeof(one));
}
