#include "crypto/seal.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/random.h"

#define FORMAT_VERSION 1
#define KEY_BYTES 32
#define NONCE_BYTES 12
#define TAG_BYTES 16
#define FILE_MAX 4096
#define BASE64_CHARS 44 /* of 32 bytes, with one '=' */
#define ID_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

struct seal_key {
	char id[SEAL_KEY_ID_MAX + 1];
	uint8_t bytes[KEY_BYTES];
};

struct seal_keys {
	unsigned count;
	struct seal_key keys[SEAL_KEYS_MAX];
};

/* -- the file ---------------------------------------------------------------------------- */

static const struct seal_key *find(const struct seal_keys *keys, const char *id, size_t len)
{
	for (unsigned i = 0; i < keys->count; i++)
		if (strlen(keys->keys[i].id) == len && memcmp(keys->keys[i].id, id, len) == 0)
			return &keys->keys[i];
	return NULL;
}

static bool decode(const char *base64, uint8_t ret[KEY_BYTES])
{
	unsigned char bytes[KEY_BYTES + 1]; /* EVP_DecodeBlock counts the '=' as a byte */
	const bool ok = strlen(base64) == BASE64_CHARS && base64[BASE64_CHARS - 1] == '=' &&
			base64[BASE64_CHARS - 2] != '=' &&
			EVP_DecodeBlock(bytes, (const unsigned char *)base64, BASE64_CHARS) ==
				(int)sizeof(bytes);

	if (ok)
		memcpy(ret, bytes, KEY_BYTES);
	explicit_bzero(bytes, sizeof(bytes));
	return ok;
}

/* Null, or what is wrong with the line. */
static const char *take_line(struct seal_keys *keys, char *line)
{
	char *rest = NULL;
	const char *id = strtok_r(line, " \t\r", &rest);
	const char *base64 = id ? strtok_r(NULL, " \t\r", &rest) : NULL;
	struct seal_key *key = &keys->keys[keys->count];

	if (!id || *id == '#')
		return NULL;
	if (keys->count == SEAL_KEYS_MAX)
		return "there are more than 8 keys";
	if (strlen(id) > SEAL_KEY_ID_MAX || strspn(id, ID_CHARS) != strlen(id))
		return "a key's id has 1 to 16 letters, digits, '-' and '_'";
	if (find(keys, id, strlen(id)))
		return "this id was there before";
	if (!base64 || !decode(base64, key->bytes) || strtok_r(NULL, " \t\r", &rest))
		return "behind the id comes the key: base64 of 32 bytes, and nothing else";
	memcpy(key->id, id, strlen(id) + 1);
	keys->count++;
	return NULL;
}

static int take_lines(struct seal_keys *keys, const char *file, char *text, struct err *ret_err)
{
	unsigned number = 0;

	for (char *line = text, *next; line; line = next) {
		const char *fault;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		number++;
		fault = take_line(keys, line);
		if (!fault)
			continue;
		err_set(ret_err, ERR_INVALID, 0, "%s:%u: %s", file, number, fault);
		return -1;
	}
	if (keys->count > 0)
		return 0;
	err_set(ret_err, ERR_INVALID, 0, "%s: there is no key in it", file);
	return -1;
}

/* Its length in text, or -1. */
static ssize_t read_file(const char *file, char text[FILE_MAX + 1], struct err *ret_err)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat about;
	ssize_t len = -1;

	if (fd >= 0 && fstat(fd, &about) == 0) {
		if (about.st_mode & S_IRWXO) {
			err_set(ret_err, ERR_INVALID, 0, "%s: everybody may read it; chmod o= it",
				file);
			fd_close(&fd);
			return -1;
		}
		len = read(fd, text, FILE_MAX + 1);
	}
	if (fd >= 0)
		fd_close(&fd);
	if (len < 0)
		err_set(ret_err, ERR_INVALID, 0, "%s: cannot be read", file);
	else if (len > FILE_MAX)
		err_set(ret_err, ERR_INVALID, 0, "%s: longer than %d bytes", file, FILE_MAX);
	if (len < 0 || len > FILE_MAX)
		return -1;
	text[len] = '\0';
	return len;
}

struct seal_keys *seal_keys_load(const char *file, struct err *ret_err)
{
	struct seal_keys *keys = calloc(1, sizeof(*keys));
	char text[FILE_MAX + 1];
	bool ok;

	if (!keys) {
		err_set(ret_err, ERR_TEMPORARY, 0, "master keys: no memory");
		return NULL;
	}
	ok = read_file(file, text, ret_err) >= 0 && take_lines(keys, file, text, ret_err) == 0;
	explicit_bzero(text, sizeof(text));
	if (ok)
		return keys;
	seal_keys_free(keys);
	return NULL;
}

void seal_keys_free(struct seal_keys *keys)
{
	if (!keys)
		return;
	explicit_bzero(keys, sizeof(*keys));
	free(keys);
}

/* -- sealing ------------------------------------------------------------------------------ */

/* The parts cannot run into each other: each comes with its ending 0. */
static bool add_place(EVP_CIPHER_CTX *context, const struct seal_place *place)
{
	const char *const parts[] = { place->what, place->tenant_id, place->row };
	int len;

	for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (EVP_CipherUpdate(context, NULL, &len, (const unsigned char *)parts[i],
				     (int)strlen(parts[i]) + 1) != 1)
			return false;
	return true;
}

/* tag: written when sealing, else compared.  False: OpenSSL failed, or the tag is another. */
static bool run(const struct seal_key *key, const struct seal_place *place, bool seal,
		const uint8_t *nonce, const uint8_t *in, size_t len, uint8_t *ret, uint8_t *tag)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	int out = 0, rest = 0;
	const bool ok =
		context &&
		EVP_CipherInit_ex(context, EVP_aes_256_gcm(), NULL, key->bytes, nonce, seal) == 1 &&
		add_place(context, place) &&
		EVP_CipherUpdate(context, ret, &out, in, (int)len) == 1 &&
		(seal || EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, tag) == 1) &&
		EVP_CipherFinal_ex(context, ret + out, &rest) == 1 &&
		(!seal || EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, tag) == 1);

	EVP_CIPHER_CTX_free(context); /* wipes its key */
	return ok;
}

size_t seal_current_prefix(const struct seal_keys *keys, uint8_t ret[2 + SEAL_KEY_ID_MAX])
{
	const char *id = keys->keys[0].id;
	const size_t len = strlen(id);

	ret[0] = FORMAT_VERSION;
	ret[1] = (uint8_t)len;
	memcpy(ret + 2, id, len);
	return 2 + len;
}

bool seal_is_current(const struct seal_keys *keys, const uint8_t *sealed, size_t len)
{
	uint8_t prefix[2 + SEAL_KEY_ID_MAX];
	const size_t prefix_len = seal_current_prefix(keys, prefix);

	return len >= prefix_len && memcmp(sealed, prefix, prefix_len) == 0;
}

int seal_text(const struct seal_keys *keys, const struct seal_place *place, const char *text,
	      uint8_t *ret, size_t *ret_len, struct err *ret_err)
{
	const size_t len = strlen(text);
	uint8_t *nonce = ret + seal_current_prefix(keys, ret);
	uint8_t *body = nonce + NONCE_BYTES;

	if (len > SEAL_TEXT_MAX) {
		err_set(ret_err, ERR_INVALID, 0, "a secret longer than %d bytes", SEAL_TEXT_MAX);
		return -1;
	}
	random_bytes(nonce, NONCE_BYTES);
	if (!run(&keys->keys[0], place, true, nonce, (const uint8_t *)text, len, body,
		 body + len)) {
		err_set(ret_err, ERR_INTERNAL, 0, "a secret could not be sealed");
		return -1;
	}
	*ret_len = (size_t)(body - ret) + len + TAG_BYTES;
	return 0;
}

int seal_open(const struct seal_keys *keys, const struct seal_place *place, const uint8_t *sealed,
	      size_t len, char *ret, size_t size, struct err *ret_err)
{
	const size_t id_len = len >= 2 ? sealed[1] : 0;
	const size_t head = 2 + id_len + NONCE_BYTES;
	const size_t text_len = len - head - TAG_BYTES;
	const struct seal_key *key;
	uint8_t tag[TAG_BYTES];

	if (len < head + TAG_BYTES || sealed[0] != FORMAT_VERSION || text_len >= size) {
		err_set(ret_err, ERR_PERMANENT, 0, "a stored secret is damaged");
		return -1;
	}
	key = find(keys, (const char *)sealed + 2, id_len);
	if (!key) {
		err_set(ret_err, ERR_PERMANENT, 0,
			"a secret is sealed with a master key that MASTER_KEY_FILE does not have");
		return -1;
	}
	memcpy(tag, sealed + len - TAG_BYTES, TAG_BYTES);
	if (run(key, place, false, sealed + 2 + id_len, sealed + head, text_len, (uint8_t *)ret,
		tag)) {
		ret[text_len] = '\0';
		return 0;
	}
	explicit_bzero(ret, text_len);
	err_set(ret_err, ERR_PERMANENT, 0,
		"a stored secret does not open: it was changed, or is another row's");
	return -1;
}
