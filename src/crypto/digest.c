#include "crypto/digest.h"

#include <openssl/evp.h>
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
