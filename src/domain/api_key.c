#include "domain/api_key.h"

#include <string.h>
#include <strings.h>

#define PREFIX "msk_"
#define PREFIX_LEN (sizeof(PREFIX) - 1)
#define ID_LEN (API_KEY_ID_BYTES - 1)
#define CHECKED_LEN (PREFIX_LEN + ID_LEN + 32)
#define TEXT_LEN (API_KEY_TEXT_BYTES - 1)

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

static bool is_plain(const char *text, size_t len)
{
	return strspn(text, alphabet) >= len;
}

/* CRC-32 of ISO 3309. */
static uint32_t crc32(const char *text, size_t len)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len; i++) {
		crc ^= (uint8_t)text[i];
		for (unsigned bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static void write_checksum(const char *text, char *to)
{
	const uint32_t crc = crc32(text, CHECKED_LEN);

	for (unsigned i = 0; i < TEXT_LEN - CHECKED_LEN; i++)
		to[i] = alphabet[(crc >> 5 * i) & 31];
}

void api_key_make(const uint8_t random[API_KEY_RANDOM_BYTES], char ret_text[API_KEY_TEXT_BYTES],
		  char ret_id[API_KEY_ID_BYTES])
{
	memcpy(ret_text, PREFIX, PREFIX_LEN);
	for (size_t i = 0; i < CHECKED_LEN - PREFIX_LEN; i++) {
		const size_t bit = 5 * i;
		const unsigned two = (unsigned)random[bit / 8] << 8 |
				     (bit / 8 + 1 < API_KEY_RANDOM_BYTES ? random[bit / 8 + 1] : 0);

		ret_text[PREFIX_LEN + i] = alphabet[(two >> (11 - bit % 8)) & 31];
	}
	write_checksum(ret_text, ret_text + CHECKED_LEN);
	ret_text[TEXT_LEN] = '\0';
	memcpy(ret_id, ret_text + PREFIX_LEN, ID_LEN);
	ret_id[ID_LEN] = '\0';
}

bool api_key_read(const char *text, char ret_id[API_KEY_ID_BYTES])
{
	char checksum[TEXT_LEN - CHECKED_LEN];

	if (strlen(text) != TEXT_LEN || strncmp(text, PREFIX, PREFIX_LEN) != 0 ||
	    !is_plain(text + PREFIX_LEN, TEXT_LEN - PREFIX_LEN))
		return false;
	write_checksum(text, checksum);
	if (memcmp(checksum, text + CHECKED_LEN, sizeof(checksum)) != 0)
		return false;
	memcpy(ret_id, text + PREFIX_LEN, ID_LEN);
	ret_id[ID_LEN] = '\0';
	return true;
}

const char *api_key_bearer(const char *authorization)
{
	static const char scheme[] = "Bearer ";

	if (strncasecmp(authorization, scheme, sizeof(scheme) - 1) != 0)
		return NULL;
	authorization += sizeof(scheme) - 1;
	return authorization + strspn(authorization, " ");
}

bool api_key_is_id(const char *text)
{
	return strlen(text) == ID_LEN && is_plain(text, ID_LEN);
}

static const char *const names[] = { "send", "read", "manage", "report" };
#define SCOPES (sizeof(names) / sizeof(names[0]))

bool scopes_parse(const char *text, unsigned *ret_scopes)
{
	unsigned scopes = 0;

	for (;;) {
		const size_t len = strcspn(text, ",");
		unsigned i = 0;

		while (i < SCOPES && (strlen(names[i]) != len || memcmp(names[i], text, len) != 0))
			i++;
		if (i == SCOPES || scopes & 1u << i)
			return false;
		scopes |= 1u << i;
		if (!text[len])
			break;
		text += len + 1;
	}
	*ret_scopes = scopes;
	return true;
}

const char *scope_name(unsigned scope)
{
	for (unsigned i = 0; i < SCOPES; i++)
		if (scope == 1u << i)
			return names[i];
	return NULL;
}

static bool same_hash(const uint8_t *a, const uint8_t *b)
{
	volatile uint8_t differ = 0;

	for (unsigned i = 0; i < API_KEY_HASH_BYTES; i++)
		differ |= a[i] ^ b[i];
	return differ == 0;
}

enum api_key_verdict api_key_judge(const struct api_key *key,
				   const uint8_t hash[API_KEY_HASH_BYTES], enum scope needed,
				   int64_t now_boot_ms)
{
	if (!same_hash(key->hash, hash) || key->revoked || now_boot_ms >= key->expires_boot_ms)
		return API_KEY_WRONG;
	return key->scopes & needed ? API_KEY_GOOD : API_KEY_NOT_SCOPE;
}

bool api_key_fits_tenant(const struct api_key *key, const char *tenant_id)
{
	return !*key->tenant_id || strcmp(key->tenant_id, tenant_id) == 0;
}

bool api_key_fits_outlet(const struct api_key *key, const char *outlet_id)
{
	const char *at = key->outlets;

	while (*at) {
		const size_t len = strcspn(at, " ");

		if (strlen(outlet_id) == len && memcmp(outlet_id, at, len) == 0)
			return true;
		at += len + strspn(at + len, " ");
	}
	return !*key->outlets;
}
