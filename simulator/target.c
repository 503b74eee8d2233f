#include "simulator/target.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS_SIZE = 65 };

bool target_read(struct target *target, const char *url)
{
	static const char *const homes[] = { "http://127.0.0.1:", "http://localhost:" };
	char *end = NULL;

	for (size_t i = 0; i < 2 && !end; i++)
		if (strncmp(url, homes[i], strlen(homes[i])) == 0)
			target->port = (int)strtol(url + strlen(homes[i]), &end, 10);
	if (!end || *end != '/' || target->port < 1 || target->port > 65535 ||
	    strpbrk(end, " ?#\r\n") || strlen(end) >= sizeof(target->path))
		return false;
	memcpy(target->path, end, strlen(end) + 1);
	return true;
}

static void sign(const char *secret, const struct buf *body, char to[DIGITS_SIZE])
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	if (!HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)body->at,
		  body->len, mac, &len))
		abort();
	for (unsigned int i = 0; i < len; i++)
		snprintf(to + 2 * (size_t)i, 3, "%02x", mac[i]);
}

void target_post(const struct target *target, struct buf *to, const struct buf *body,
		 const char *signature)
{
	char made[DIGITS_SIZE];

	buf_printf(to,
		   "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: facebookexternalua\r\n"
		   "Accept: */*\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n",
		   target->path, target->port, body->len);
	if (!signature && target->secret[0]) {
		sign(target->secret, body, made);
		buf_printf(to, "X-Hub-Signature-256: sha256=%s\r\n", made);
	} else if (signature && *signature) {
		buf_printf(to, "X-Hub-Signature-256: %s\r\n", signature);
	}
	buf_text(to, "\r\n");
	buf_append(to, body->at, body->len);
}

void target_get(const struct target *target, struct buf *to, const char *query)
{
	buf_printf(to,
		   "GET %s?%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
		   "User-Agent: facebookplatform/1.0\r\nAccept: */*\r\n\r\n",
		   target->path, query, target->port);
}
