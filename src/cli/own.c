#include "cli/own.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/caller.h"
#include "cli/configuration.h"
#include "cli/database.h"

#define LITERAL_MAX (256u * 1024 * 1024)

void own_rows_init(struct own_rows *rows, unsigned columns)
{
	*rows = (struct own_rows){ .columns = columns };
	for (unsigned i = 0; i < columns; i++) {
		str_init(&rows->literals[i], LITERAL_MAX);
		(void)str_append_char(&rows->literals[i], '{');
	}
}

void own_rows_fini(struct own_rows *rows)
{
	for (unsigned i = 0; i < rows->columns; i++)
		str_fini(&rows->literals[i]);
}

static void add(struct str *literal, bool first, const char *value)
{
	if (!first)
		(void)str_append_char(literal, ',');
	if (!value) {
		(void)str_append_text(literal, "NULL");
		return;
	}
	(void)str_append_char(literal, '"');
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			(void)str_append_char(literal, '\\');
		(void)str_append_char(literal, *value);
	}
	(void)str_append_char(literal, '"');
}

void own_rows_add(struct own_rows *rows, const char *const *values)
{
	for (unsigned i = 0; i < rows->columns; i++)
		add(&rows->literals[i], rows->count == 0, values[i]);
	rows->count++;
}

static bool fail(const char *words, const char *what, const char *why)
{
	(void)fprintf(stderr, "message-sender: %s: %s%s%s\n", words, what, *what ? ": " : "", why);
	return false;
}

bool own_rows_put(struct own_rows *rows, struct query *q, const char *words, const char *statement,
		  const char *how, unsigned long *ret_done)
{
	const char *values[OWN_COLUMNS + 2];
	char caller[CALLER_BYTES];

	for (unsigned i = 0; i < rows->columns; i++) {
		(void)str_append_char(&rows->literals[i], '}');
		if (!str_ok(&rows->literals[i]))
			return fail(words, "", "too many rows, or no memory");
		values[i] = rows->literals[i].data;
	}
	caller_name(caller, sizeof(caller));
	values[rows->columns] = how;
	values[rows->columns + 1] = caller;
	if (!database_run(q, words, statement, (int)rows->columns + 2, values))
		return false;
	*ret_done = strtoul(query_value(q, 0, 0), NULL, 10);
	return true;
}

static bool take_file(const char *words, const char *file, const char *const *columns,
		      unsigned needed, struct own_rows *rows, own_take_fn *take, void *arg)
{
	struct err err;
	struct csv *csv = csv_open(file, columns, needed, &err);
	const char *fault = NULL;
	int got = csv ? 0 : -1;

	while (csv && !fault && (got = csv_next(csv, &err)) > 0)
		fault = take(csv, rows, arg);
	if (fault) {
		err_set(&err, ERR_INVALID, 0, "line %u: %s", csv_line(csv), fault);
		got = -1;
	}
	csv_close(csv);
	return got == 0 || fail(words, file, err.text);
}

int own_import_all(const char *words, const struct arguments *arguments, const char *const *columns,
		   unsigned needed, unsigned fields, own_take_fn *take, void *arg,
		   const char *statement)
{
	struct own_rows rows;
	struct query *q = NULL;
	unsigned long done = 0;
	int status = 1;

	own_rows_init(&rows, fields);
	if (take_file(words, arguments->operand, columns, needed, &rows, take, arg))
		q = database_open(words, arguments, &status);
	if (q)
		status = own_rows_put(&rows, q, words, statement, "put", &done) ? 0 : 1;
	if (!status)
		(void)printf(arguments->json ? "{\"imported\":%lu}\n" : "%lu imported\n", done);
	own_rows_fini(&rows);
	query_close(q);
	return status;
}

struct seal_keys *own_keys(const char *words, const struct arguments *arguments)
{
	struct settings settings;
	struct seal_keys *keys = NULL;
	struct err err;

	err_set(&err, ERR_INVALID, 0,
		"MASTER_KEY_FILE is not set: without a master key no secret is stored");
	if (configuration_load_for_database(&settings, arguments->config_file))
		return NULL;
	if (*settings.master_key_file)
		keys = seal_keys_load(settings.master_key_file, &err);
	if (!keys)
		(void)fail(words, "", err.text);
	return keys;
}

static ssize_t read_some(const char *file, char *ret, size_t size)
{
	const bool standard = strcmp(file, "-") == 0;
	const int fd = standard ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	size_t len = 0;
	ssize_t got = fd < 0 ? -1 : 1;

	while (got > 0 && len < size) {
		got = read(fd, ret + len, size - len);
		len += got > 0 ? (size_t)got : 0;
	}
	if (fd >= 0 && !standard)
		(void)close(fd);
	return got < 0 ? -1 : (ssize_t)len;
}

bool own_secret(const char *words, const char *option, const char *file, char ret[OWN_SECRET_BYTES])
{
	char text[OWN_SECRET_BYTES + 2];
	ssize_t len = read_some(file, text, sizeof(text));
	bool ok;

	if (len > 0 && text[len - 1] == '\n')
		len--;
	if (len > 0 && text[len - 1] == '\r')
		len--;
	ok = len > 0 && text_visible_ascii(text, (size_t)len, OWN_SECRET_BYTES - 1);
	if (ok) {
		memcpy(ret, text, (size_t)len);
		ret[len] = '\0';
	}
	explicit_bzero(text, sizeof(text));
	return ok || fail(words, option,
			  "the file cannot be read, or is not one line of 1 to 1023 visible "
			  "characters");
}

bool own_seal(const struct seal_keys *keys, const char *what, const char *tenant_id,
	      const char *outlet_id, const char *secret, char ret[OWN_SEALED_BYTES])
{
	const struct seal_place place = { what, tenant_id, outlet_id };
	uint8_t sealed[OWN_SECRET_BYTES + SEAL_ADDED_MAX];
	struct err err;
	size_t len;

	if (strlen(secret) >= OWN_SECRET_BYTES ||
	    seal_text(keys, &place, secret, sealed, &len, &err))
		return false;
	text_hex(ret, sealed, len);
	return true;
}

void own_print(const struct query *q, bool json, const char *name, const char *const *headings)
{
	if (!json) {
		database_print_from(q, 1, headings);
		return;
	}
	if (name)
		(void)printf("{\"%s\":[", name);
	for (unsigned row = 0; row < query_rows(q); row++)
		(void)printf("%s%s", row > 0 ? "," : "", query_value(q, row, 0));
	(void)printf("%s\n", name ? "]}" : "");
}

const char *own_check_id(const char *id)
{
	return text_visible_ascii(id, strlen(id), MESSAGE_TOKEN_MAX)
		       ? NULL
		       : "an id has 1 to 128 visible ASCII characters";
}
