#include "crypto/appsecret.h"

#include <string.h>

#include "base/text.h"
#include "crypto/hmac.h"

int appsecret_proof(const char *secret, const char *token, char ret[APPSECRET_PROOF_BYTES])
{
	uint8_t mac[HMAC_SHA256_BYTES];
	struct hmac *h = hmac_new(secret, strlen(secret));
	const bool ok = h && hmac_add(h, token, strlen(token)) == 0 && hmac_end(h, mac) == 0;

	if (ok)
		text_hex(ret, mac, sizeof(mac));
	hmac_free(h);
	return ok ? 0 : -1;
}
