#include "crypto/digest.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

int digest_sha256(const void *data, size_t len, uint8_t ret[DIGEST_SHA256_BYTES])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned size = 0;

	if (!EVP_Digest(data, len, digest, &size, EVP_sha256(), NULL) ||
	    size != DIGEST_SHA256_BYTES)
		return -1;
	memcpy(ret, digest, DIGEST_SHA256_BYTES);
	return 0;
}

struct digest {
	EVP_MD_CTX *context;
};

struct digest *digest_new(void)
{
	struct digest *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->context = EVP_MD_CTX_new();
	if (d->context && EVP_DigestInit_ex(d->context, EVP_sha256(), NULL))
		return d;
	digest_free(d);
	return NULL;
}

void digest_free(struct digest *d)
{
	if (!d)
		return;
	EVP_MD_CTX_free(d->context);
	free(d);
}

int digest_add(struct digest *d, const void *data, size_t len)
{
	return EVP_DigestUpdate(d->context, data, len) ? 0 : -1;
}

int digest_end(struct digest *d, uint8_t ret[DIGEST_SHA256_BYTES])
{
	return EVP_DigestFinal_ex(d->context, ret, NULL) ? 0 : -1;
}
