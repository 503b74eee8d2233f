#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/database.h"
#include "cli/own.h"

#define PAGE "100"

static bool decode(const char *hex, uint8_t *ret, size_t size, size_t *ret_len)
{
	const size_t len = strlen(hex) / 2;

	for (size_t i = 0; i < len && len <= size; i++) {
		char byte[3] = { hex[2 * i], hex[2 * i + 1], '\0' };

		ret[i] = (uint8_t)strtoul(byte, NULL, 16);
	}
	*ret_len = len;
	return len <= size;
}

/* Opens and seals; hex null: nothing is there. */
static const char *reseal(const struct seal_keys *keys, const char *what, const char *tenant_id,
			  const char *outlet_id, const char *hex, char *ret, struct err *ret_err)
{
	const struct seal_place place = { what, tenant_id, outlet_id };
	uint8_t sealed[OWN_SECRET_BYTES + SEAL_ADDED_MAX];
	char secret[OWN_SECRET_BYTES];
	size_t len;
	bool ok;

	if (!decode(hex, sealed, sizeof(sealed), &len)) {
		err_set(ret_err, ERR_PERMANENT, 0, "a stored secret is damaged");
		return NULL;
	}
	if (seal_open(keys, &place, sealed, len, secret, sizeof(secret), ret_err))
		return NULL;
	ok = own_seal(keys, what, tenant_id, outlet_id, secret, ret);
	explicit_bzero(secret, sizeof(secret));
	if (!ok)
		err_set(ret_err, ERR_INTERNAL, 0, "a secret could not be sealed");
	return ok ? ret : NULL;
}

struct rotation {
	const struct seal_keys *keys;
	char prefix[2 * (2 + SEAL_KEY_ID_MAX) + 1];
	char tenant_id[MESSAGE_TOKEN_MAX + 1]; /* the last one looked at */
	char outlet_id[MESSAGE_TOKEN_MAX + 1];
	unsigned long resealed;
	unsigned long failed;
};

static bool fail(struct rotation *r, const char *tenant_id, const char *outlet_id, const char *why)
{
	(void)fprintf(stderr, "message-sender: secret rotate: outlet %s/%s: %s\n", tenant_id,
		      outlet_id, why);
	r->failed++;
	return true;
}

/* One row of a page.  False after a fault of the database was told. */
static bool rotate_one(struct rotation *r, struct query *page, unsigned row, struct query *writing)
{
	const char *tenant_id = query_value(page, row, 0);
	const char *outlet_id = query_value(page, row, 1);
	const char *token = query_value(page, row, 2);
	const char *secret = query_value(page, row, 3);
	char new_token[OWN_SEALED_BYTES];
	char new_secret[OWN_SEALED_BYTES];
	const char *const values[] = { tenant_id, outlet_id,
				       token,     token ? new_token : NULL,
				       secret,    secret ? new_secret : NULL };
	struct err err;

	text_copy_cut(r->tenant_id, sizeof(r->tenant_id), tenant_id);
	text_copy_cut(r->outlet_id, sizeof(r->outlet_id), outlet_id);
	if ((token &&
	     !reseal(r->keys, "outlet.token", tenant_id, outlet_id, token, new_token, &err)) ||
	    (secret &&
	     !reseal(r->keys, "outlet.app_secret", tenant_id, outlet_id, secret, new_secret, &err)))
		return fail(r, tenant_id, outlet_id, err.text);
	if (!database_run(writing, "secret rotate", "secret_put", 6, values))
		return false;
	r->resealed += strcmp(query_value(writing, 0, 0), "1") == 0;
	return true;
}

/* Page by page, each row a transaction: whoever serves goes on meanwhile. */
static bool rotate_all(struct rotation *r, struct query *page, struct query *writing)
{
	do {
		const char *const values[] = { r->prefix, r->tenant_id, r->outlet_id, PAGE };

		if (!database_run(page, "secret rotate", "secret_next", 4, values))
			return false;
		for (unsigned row = 0; row < query_rows(page); row++)
			if (!rotate_one(r, page, row, writing))
				return false;
	} while (query_rows(page) > 0);
	return true;
}

static int rotate(struct rotation *r, const struct arguments *a)
{
	int status;
	struct query *page = database_open("secret rotate", a, &status);
	struct query *writing = page ? database_open("secret rotate", a, &status) : NULL;

	if (writing)
		status = rotate_all(r, page, writing) && r->failed == 0 ? 0 : 1;
	if (writing)
		(void)printf(a->json ? "{\"resealed\":%lu,\"failed\":%lu}\n"
				     : "%lu outlets sealed anew, %lu failed\n",
			     r->resealed, r->failed);
	query_close(page);
	query_close(writing);
	return status;
}

int command_secret_rotate(const struct arguments *arguments)
{
	struct rotation r = { .resealed = 0 };
	struct seal_keys *keys = own_keys("secret rotate", arguments);
	uint8_t prefix[2 + SEAL_KEY_ID_MAX];
	int status;

	if (!keys)
		return EXIT_CONFIG;
	r.keys = keys;
	text_hex(r.prefix, prefix, seal_current_prefix(keys, prefix));
	status = rotate(&r, arguments);
	seal_keys_free(keys);
	return status;
}
