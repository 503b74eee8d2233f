#include "webhook/signature.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/hmac.h"

#define WORD_BYTES 1024

struct webhook_secrets {
	unsigned count;
	struct hmac *keys[WEBHOOK_SECRETS_MAX];
};

struct webhook_signature {
	bool readable;
	uint8_t given[HMAC_SHA256_BYTES];
	unsigned count;
	struct hmac *macs[WEBHOOK_SECRETS_MAX];
};

struct webhook_secrets *webhook_secrets_new(const char *words, struct err *ret_err)
{
	struct webhook_secrets *secrets = calloc(1, sizeof(*secrets));

	while (secrets && *words) {
		const size_t len = strcspn(words, ",");
		const bool more = words[len] == ',';
		struct hmac *key = NULL;

		if (len > 0 && secrets->count < WEBHOOK_SECRETS_MAX && !(more && !words[len + 1]))
			key = hmac_new(words, len);
		if (!key) {
			err_set(ret_err, ERR_INVALID, 0, "the webhook's secrets cannot be used");
			webhook_secrets_free(secrets);
			return NULL;
		}
		secrets->keys[secrets->count++] = key;
		words += len + more;
	}
	if (!secrets)
		err_set(ret_err, ERR_TEMPORARY, 0, "no memory for the webhook's secrets");
	return secrets;
}

void webhook_secrets_free(struct webhook_secrets *secrets)
{
	for (unsigned i = 0; secrets && i < secrets->count; i++)
		hmac_free(secrets->keys[i]);
	free(secrets);
}

unsigned webhook_secrets_count(const struct webhook_secrets *secrets)
{
	return secrets->count;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool read_header(const char *header, uint8_t ret[HMAC_SHA256_BYTES])
{
	static const char prefix[] = "sha256=";

	if (strncmp(header, prefix, sizeof(prefix) - 1) != 0)
		return false;
	header += sizeof(prefix) - 1;
	if (strlen(header) != 2 * (size_t)HMAC_SHA256_BYTES)
		return false;
	for (unsigned i = 0; i < HMAC_SHA256_BYTES; i++) {
		const int high = hex_digit(header[2 * i]);
		const int low = hex_digit(header[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		ret[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

struct webhook_signature *webhook_signature_new(const struct webhook_secrets *secrets,
						const char *header)
{
	struct webhook_signature *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->readable = read_header(header, s->given);
	for (; s->count < secrets->count; s->count++) {
		s->macs[s->count] = hmac_copy(secrets->keys[s->count]);
		if (!s->macs[s->count]) {
			webhook_signature_free(s);
			return NULL;
		}
	}
	return s;
}

void webhook_signature_free(struct webhook_signature *s)
{
	for (unsigned i = 0; s && i < s->count; i++)
		hmac_free(s->macs[i]);
	free(s);
}

int webhook_signature_add(struct webhook_signature *s, const void *data, size_t len)
{
	for (unsigned i = 0; i < s->count; i++)
		if (hmac_add(s->macs[i], data, len) == -1)
			return -1;
	return 0;
}

bool webhook_signature_fits(struct webhook_signature *s)
{
	bool fits = false;

	for (unsigned i = 0; i < s->count; i++) {
		uint8_t mac[HMAC_SHA256_BYTES];

		if (hmac_end(s->macs[i], mac) == 0)
			fits |= hmac_equal(mac, s->given, sizeof(mac));
	}
	return fits && s->readable;
}

bool webhook_token_fits(const char *words, const char *token)
{
	bool fits = false;

	while (*words) {
		const size_t len = strcspn(words, ",");
		char word[WORD_BYTES];

		if (len < sizeof(word)) {
			memcpy(word, words, len);
			word[len] = '\0';
			fits |= len > 0 && hmac_texts_equal(word, token);
			explicit_bzero(word, sizeof(word));
		}
		words += len + (words[len] == ',');
	}
	return fits;
}
