/*
 * API keys: made, listed, rotated, revoked.  A key's text is printed once, where it is made, and
 * goes nowhere else: PostgreSQL gets its hash.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/str.h"
#include "base/text.h"
#include "cli/caller.h"
#include "cli/command.h"
#include "cli/configuration.h"
#include "cli/database.h"
#include "crypto/digest.h"
#include "domain/api_key.h"
#include "json/json_out.h"

#define WHO_MAX 100
#define WHY_MAX 500
#define GRACE_DEFAULT "86400"
#define GRACE_MAX 2592000
#define DOCUMENT_MAX ((size_t)8 * 1024 * 1024)

struct new_key {
	char text[API_KEY_TEXT_BYTES];
	char id[API_KEY_ID_BYTES];
	char hash[2 * DIGEST_SHA256_BYTES + 1];
};

static bool make(struct new_key *key)
{
	uint8_t random[API_KEY_RANDOM_BYTES];
	uint8_t hash[DIGEST_SHA256_BYTES];
	bool made;

	random_bytes(random, sizeof(random));
	api_key_make(random, key->text, key->id);
	explicit_bzero(random, sizeof(random));
	made = digest_sha256(key->text, strlen(key->text), hash) == 0;
	if (made)
		text_hex(key->hash, hash, sizeof(hash));
	return made;
}

/* -- arguments ---------------------------------------------------------------------------- */

static const char *check_outlets(const char *text)
{
	unsigned count = 0;

	for (;;) {
		const size_t len = strcspn(text, ",");

		if (!text_visible_ascii(text, len, MESSAGE_TOKEN_MAX) ||
		    ++count > API_KEY_OUTLETS_MAX)
			return "--outlet is 1 to 64 outlets, divided by commas, each 1 to 128 "
			       "visible ASCII characters";
		if (!text[len])
			return NULL;
		text += len + 1;
	}
}

static const char *check_record(const struct arguments *a)
{
	int64_t us;

	if ((a->why && strlen(a->why) > WHY_MAX) || (a->by && strlen(a->by) > WHO_MAX))
		return "--why has at most 500 bytes, --by 100";
	if (a->expires && !clock_rfc3339_parse(a->expires, &us))
		return "--expires is no time; write it as 2025-11-04T10:30:00Z";
	if (a->expires && us <= clock_wall_us())
		return "--expires is over already";
	return NULL;
}

static const char *check_create(const struct arguments *a)
{
	unsigned scopes;

	if (!!a->tenant + a->all != 1)
		return "name one of --tenant, or --all for a key that speaks for any tenant";
	if (a->tenant && !text_visible_ascii(a->tenant, strlen(a->tenant), MESSAGE_TOKEN_MAX))
		return "--tenant is 1 to 128 visible ASCII characters";
	if (a->outlet && a->all)
		return "--outlet goes with --tenant";
	if (!a->scope || !scopes_parse(a->scope, &scopes))
		return "--scope is one or more of send, read, manage, report, divided by commas";
	return a->outlet && check_outlets(a->outlet) ? check_outlets(a->outlet) : check_record(a);
}

static const char *check_id(const struct arguments *a)
{
	return api_key_is_id(a->operand) ? NULL : "ID is the 10 characters that key list shows";
}

static const char *check_rotate(const struct arguments *a)
{
	uint64_t grace;

	if (a->grace && !text_to_u64(a->grace, 0, GRACE_MAX, &grace))
		return "--grace is a number of seconds from 0 to 2592000";
	return check_id(a) ? check_id(a) : check_record(a);
}

static struct query *open_for(const char *words, const char *fault, const struct arguments *a,
			      int *ret_status)
{
	if (!fault)
		return database_open(words, a, ret_status);
	(void)fprintf(stderr, "message-sender: %s: %s\n", words, fault);
	*ret_status = EXIT_USAGE;
	return NULL;
}

/* -- create and rotate -------------------------------------------------------------------- */

static int print_json(struct str *document)
{
	const bool whole = str_ok(document);

	(void)fprintf(whole ? stdout : stderr, "%s\n", whole ? document->data : "too long");
	str_fini(document);
	return whole ? 0 : 1;
}

static int tell_new(const struct arguments *a, const struct new_key *key)
{
	if (a->json)
		(void)printf("{\"id\":\"%s\",\"key\":\"%s\"}\n", key->id, key->text);
	else
		(void)printf("%s\n%s\nThis is the only time that the key is shown.\n", key->id,
			     key->text);
	return 0;
}

static const char *who(const struct arguments *a, char caller[CALLER_BYTES])
{
	caller_name(caller, CALLER_BYTES);
	return a->by ? a->by : caller;
}

/* Whose tenants there are.  Who gives DATABASE_URL alone has not said whether there is a Tenant
 * Service. */
static const char *tenants_of(const struct settings *settings, const struct arguments *a)
{
	if (*settings->tenant_service_url)
		return "any";
	return configuration_file(a->config_file) ? "own" : "unsure";
}

static int tell_created(const struct query *q, const struct arguments *a, const struct new_key *key)
{
	if (query_rows(q))
		return tell_new(a, key);
	(void)fprintf(stderr,
		      "message-sender: key create: there is no tenant %s; make it first: "
		      "message-sender tenant add %s, or set TENANT_SERVICE_URL\n",
		      a->tenant, a->tenant);
	return 1;
}

static int create(struct query *q, const struct arguments *a, const char *tenants)
{
	char caller[CALLER_BYTES];
	struct new_key key;
	int status = 1;

	if (make(&key)) {
		const char *const values[] = { key.id,         key.hash,
					       a->tenant,      a->outlet,
					       a->scope,       a->expires,
					       who(a, caller), a->why ? a->why : "",
					       tenants };

		if (database_run(q, "key create", "key_create", 9, values))
			status = tell_created(q, a, &key);
	}
	explicit_bzero(&key, sizeof(key));
	return status;
}

static int tell_rotated(const struct query *q, const struct arguments *a, const struct new_key *key)
{
	if (*query_value(q, 0, 0) != 't') {
		(void)fprintf(stderr, "message-sender: key rotate: there is no live key %s\n",
			      a->operand);
		return 1;
	}
	if (*query_value(q, 0, 1) == 't') {
		(void)fprintf(
			stderr,
			"message-sender: key rotate: %s has a live successor already; two live "
			"at once, not more: revoke one of them\n",
			a->operand);
		return 1;
	}
	if (!a->json)
		(void)printf("%s goes on until %s; its successor:\n", a->operand,
			     query_value(q, 0, 2));
	return tell_new(a, key);
}

static int rotate(struct query *q, const struct arguments *a)
{
	char caller[CALLER_BYTES];
	struct new_key key;
	int status = 1;

	if (make(&key)) {
		const char *const values[] = { a->operand,
					       key.id,
					       key.hash,
					       a->expires,
					       a->grace ? a->grace : GRACE_DEFAULT,
					       who(a, caller),
					       a->why ? a->why : "" };

		if (database_run(q, "key rotate", "key_rotate", 7, values))
			status = tell_rotated(q, a, &key);
	}
	explicit_bzero(&key, sizeof(key));
	return status;
}

int command_key_create(const struct arguments *arguments)
{
	struct settings settings;
	int status;
	struct query *q = open_for("key create", check_create(arguments), arguments, &status);

	if (!q)
		return status;
	status = EXIT_CONFIG;
	if (!configuration_load_for_database(&settings, arguments->config_file))
		status = create(q, arguments, tenants_of(&settings, arguments));
	query_close(q);
	return status;
}

int command_key_rotate(const struct arguments *arguments)
{
	int status;
	struct query *q = open_for("key rotate", check_rotate(arguments), arguments, &status);

	if (!q)
		return status;
	status = rotate(q, arguments);
	query_close(q);
	return status;
}

/* -- list and revoke ---------------------------------------------------------------------- */

/* The columns of key_list.sql. */
static const char *const columns[] = { "id",         "tenant_id",  "outlets",    "scopes",
				       "state",      "created_at", "created_by", "why",
				       "expires_at", "revoked_at", "revoked_by", "last_used_at",
				       "replaces" };
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))
#define OUTLETS 2
#define SCOPES 3

static void add_words(struct json_out *out, const char *name, const char *words)
{
	char word[MESSAGE_TOKEN_MAX + 1];

	json_out_array(out, name);
	while (*words) {
		const size_t len = strcspn(words, ",");

		(void)snprintf(word, sizeof(word), "%.*s", (int)len, words);
		json_out_text(out, NULL, word);
		words += len + (words[len] == ',');
	}
	json_out_array_end(out);
}

static int list_json(const struct query *q)
{
	struct str document = STR_INIT(DOCUMENT_MAX);
	struct json_out out;

	json_out_begin(&out, &document);
	json_out_object(&out, NULL);
	json_out_array(&out, "keys");
	for (unsigned row = 0; row < query_rows(q); row++) {
		json_out_object(&out, NULL);
		for (unsigned c = 0; c < COLUMNS; c++) {
			const char *value = query_value(q, row, c);

			if (value && (c == OUTLETS || c == SCOPES))
				add_words(&out, columns[c], value);
			else
				json_out_text(&out, columns[c], value);
		}
		json_out_object_end(&out);
	}
	json_out_array_end(&out);
	json_out_object_end(&out);
	return print_json(&document);
}

static int list(struct query *q, const struct arguments *a)
{
	if (!database_run(q, "key list", "key_list", 1, &a->tenant))
		return 1;
	if (a->json)
		return list_json(q);
	if (query_rows(q) == 0)
		(void)printf("there are no keys\n");
	else
		database_print(q, columns);
	return 0;
}

int command_key_list(const struct arguments *arguments)
{
	int status;
	struct query *q = database_open("key list", arguments, &status);

	if (!q)
		return status;
	status = list(q, arguments);
	query_close(q);
	return status;
}

static int revoke(struct query *q, const struct arguments *a)
{
	char caller[CALLER_BYTES];
	const char *const values[] = { a->operand, who(a, caller) };

	if (!database_run(q, "key revoke", "key_revoke", 2, values))
		return 1;
	if (query_rows(q) == 0) {
		(void)fprintf(stderr, "message-sender: key revoke: there is no key %s\n",
			      a->operand);
		return 1;
	}
	if (a->json)
		(void)printf("{\"id\":\"%s\",\"revoked_at\":\"%s\"}\n", a->operand,
			     query_value(q, 0, 0));
	else
		(void)printf("%s: revoked %s; no worker takes it 5 seconds later\n", a->operand,
			     query_value(q, 0, 0));
	return 0;
}

int command_key_revoke(const struct arguments *arguments)
{
	const char *fault = check_id(arguments);
	int status;
	struct query *q =
		open_for("key revoke", fault ? fault : check_record(arguments), arguments, &status);

	if (!q)
		return status;
	status = revoke(q, arguments);
	query_close(q);
	return status;
}
