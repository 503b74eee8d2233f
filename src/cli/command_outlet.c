#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/database.h"
#include "cli/own.h"
#include "cli/rate.h"

#define FIELDS 7 /* of outlet_put.sql */

static const char *const headings[] = { "tenant",     "outlet", "number",    "token",
					"app secret", "rate",   "time zone", "disabled" };

static bool is_number(const char *text)
{
	return strlen(text) <= 31 && strspn(text, "0123456789") == strlen(text);
}

static const char *check(const struct arguments *a)
{
	if (own_check_id(a->operand) || own_check_id(a->second))
		return "TENANT and OUTLET have 1 to 128 visible ASCII characters";
	if ((a->why && strlen(a->why) > 500) || (a->by && strlen(a->by) > 100))
		return "--why has at most 500 bytes, --by 100";
	if (a->number && !is_number(a->number))
		return "--number is WhatsApp's phone number id: 1 to 31 digits";
	if (a->token_file && a->app_secret_file && strcmp(a->token_file, "-") == 0 &&
	    strcmp(a->app_secret_file, "-") == 0)
		return "--token-file and --app-secret-file cannot both be standard input";
	return rate_check(a);
}

static struct query *open_for(const char *words, const struct arguments *a, int *ret_status)
{
	const char *fault = check(a);

	if (!fault)
		return database_open(words, a, ret_status);
	(void)fprintf(stderr, "message-sender: %s: %s\n", words, fault);
	*ret_status = EXIT_USAGE;
	return NULL;
}

/* -- of our own tables ---------------------------------------------------------------------- */

/* What is in the file, sealed; untouched when there is none.  False after the fault was told. */
static bool seal_file(const char *words, const char *option, const char *file,
		      const struct seal_keys *keys, const char *what, const struct arguments *a,
		      char *sealed)
{
	char secret[OWN_SECRET_BYTES];
	bool ok;

	if (!file)
		return true;
	if (!own_secret(words, option, file, secret))
		return false;
	ok = own_seal(keys, what, a->operand, a->second, secret, sealed);
	explicit_bzero(secret, sizeof(secret));
	return ok;
}

/* One row, with its secrets sealed. */
static bool take_row(struct own_rows *rows, const char *words, const struct arguments *a,
		     const char *disabled)
{
	char token[OWN_SEALED_BYTES];
	char secret[OWN_SEALED_BYTES];
	const char *const values[FIELDS] = {
		a->operand,
		a->second,
		a->number,
		a->token_file ? token : NULL,
		a->app_secret_file ? secret : NULL,
		a->time_zone,
		disabled,
	};
	struct seal_keys *keys = NULL;
	bool ok;

	if (a->token_file || a->app_secret_file) {
		keys = own_keys(words, a);
		if (!keys)
			return false;
	}
	ok = seal_file(words, "--token-file", a->token_file, keys, "outlet.token", a, token) &&
	     seal_file(words, "--app-secret-file", a->app_secret_file, keys, "outlet.app_secret", a,
		       secret);
	seal_keys_free(keys);
	if (ok)
		own_rows_add(rows, values);
	return ok;
}

static bool put(struct query *q, const char *words, const struct arguments *a, const char *how,
		const char *disabled)
{
	struct own_rows rows;
	unsigned long done = 0;
	bool ok;

	own_rows_init(&rows, FIELDS);
	ok = take_row(&rows, words, a, disabled) &&
	     own_rows_put(&rows, q, words, "outlet_put", how, &done);
	own_rows_fini(&rows);
	if (ok && done == 0)
		(void)fprintf(stderr, "message-sender: %s: %s %s of tenant %s\n", words,
			      strcmp(how, "add") == 0 ? "there is already an outlet"
						      : "there is no outlet",
			      a->second, a->operand);
	return ok && done > 0;
}

static bool print_outlet(struct query *q, const char *words, const struct arguments *a)
{
	const char *const values[] = { a->operand, a->second };

	if (!database_run(q, words, "outlet_list", 2, values))
		return false;
	if (query_rows(q) > 0)
		own_print(q, a->json, NULL, headings);
	else if (a->json)
		(void)printf("null\n");
	return true;
}

static int put_and_print(const char *words, const struct arguments *a, const char *how,
			 const char *disabled)
{
	int status;
	struct query *q = open_for(words, a, &status);

	if (!q)
		return status;
	status = put(q, words, a, how, disabled) &&
				 (!a->number_rate ||
				  rate_set(q, words, a, a->second, a->number_rate)) &&
				 print_outlet(q, words, a)
			 ? 0
			 : 1;
	query_close(q);
	return status;
}

int command_outlet_add(const struct arguments *a)
{
	return put_and_print("outlet add", a, "add", NULL);
}

int command_outlet_disable(const struct arguments *a)
{
	return put_and_print("outlet disable", a, "set", "true");
}

int command_outlet_enable(const struct arguments *a)
{
	return put_and_print("outlet enable", a, "set", "false");
}

int command_outlet_list(const struct arguments *a)
{
	const char *const values[] = { a->tenant, NULL };
	int status;
	struct query *q = database_open("outlet list", a, &status);

	if (!q)
		return status;
	status = database_run(q, "outlet list", "outlet_list", 2, values) ? 0 : 1;
	if (!status)
		own_print(q, a->json, "outlets", headings);
	query_close(q);
	return status;
}

/* -- from a file ----------------------------------------------------------------------------- */

enum { TENANT_ID, OUTLET_ID, NUMBER, TOKEN, APP_SECRET, TIME_ZONE };

struct import {
	const struct arguments *arguments;
	struct seal_keys *keys; /* from the first secret on */
};

static const char *seal_field(struct import *import, const struct csv *csv, unsigned column,
			      const char *what, char *sealed)
{
	const char *secret = csv_field(csv, column);

	if (!secret)
		return NULL;
	if (!text_visible_ascii(secret, strlen(secret), OWN_SECRET_BYTES - 1))
		return "a token or app_secret has 1 to 1023 visible characters";
	if (!import->keys)
		import->keys = own_keys("outlet import", import->arguments);
	if (!import->keys)
		return "this line has a secret";
	return own_seal(import->keys, what, csv_field(csv, TENANT_ID), csv_field(csv, OUTLET_ID),
			secret, sealed)
		       ? NULL
		       : "a secret could not be sealed";
}

static const char *take_outlet(const struct csv *csv, struct own_rows *rows, void *arg)
{
	const char *tenant = csv_field(csv, TENANT_ID);
	const char *outlet = csv_field(csv, OUTLET_ID);
	const char *number = csv_field(csv, NUMBER);
	char token[OWN_SEALED_BYTES];
	char secret[OWN_SEALED_BYTES];
	const char *const values[FIELDS] = {
		tenant,
		outlet,
		number,
		csv_field(csv, TOKEN) ? token : NULL,
		csv_field(csv, APP_SECRET) ? secret : NULL,
		csv_field(csv, TIME_ZONE),
		NULL,
	};
	const char *fault;

	if (!tenant || !outlet || own_check_id(tenant) || own_check_id(outlet))
		return "tenant_id and outlet_id have 1 to 128 visible ASCII characters";
	if (!number || !is_number(number))
		return "number is WhatsApp's phone number id: 1 to 31 digits";
	fault = seal_field(arg, csv, TOKEN, "outlet.token", token);
	if (!fault)
		fault = seal_field(arg, csv, APP_SECRET, "outlet.app_secret", secret);
	if (!fault)
		own_rows_add(rows, values);
	return fault;
}

int command_outlet_import(const struct arguments *a)
{
	static const char *const columns[] = { "tenant_id",  "outlet_id", "number", "token",
					       "app_secret", "time_zone", NULL };
	struct import import = { .arguments = a };
	const int status = own_import_all("outlet import", a, columns, 3, FIELDS, take_outlet,
					  &import, "outlet_put");

	seal_keys_free(import.keys);
	return status;
}

/* -- also with a Tenant Service: its rate ----------------------------------------------------- */

int command_outlet_set(const struct arguments *a)
{
	const bool own = a->number || a->token_file || a->app_secret_file || a->time_zone;
	int status;
	struct query *q;

	if (own)
		return put_and_print("outlet set", a, "set", NULL);
	if (!a->number_rate) {
		(void)fprintf(stderr, "message-sender: outlet set: what is to be set? --number, "
				      "--token-file, --app-secret-file, --time-zone, "
				      "--number-rate\n");
		return EXIT_USAGE;
	}
	q = open_for("outlet set", a, &status);
	if (!q)
		return status;
	status = rate_set(q, "outlet set", a, a->second, a->number_rate) &&
				 (!a->json || print_outlet(q, "outlet set", a))
			 ? 0
			 : 1;
	query_close(q);
	return status;
}

int command_outlet_unset(const struct arguments *a)
{
	int status;
	struct query *q = open_for("outlet unset", a, &status);
	bool any;

	if (!q)
		return status;
	status = 1;
	if (rate_unset(q, "outlet unset", a, a->second, &any)) {
		if (a->json)
			(void)printf("{\"unset\":%s}\n", any ? "true" : "false");
		else
			(void)printf("%s/%s: %s\n", a->operand, a->second,
				     any ? "as fast as NUMBER_RATE says again"
					 : "had no rate of its own");
		status = 0;
	}
	query_close(q);
	return status;
}

int command_outlet_show(const struct arguments *a)
{
	int status;
	struct query *q = open_for("outlet show", a, &status);
	bool any;

	if (!q)
		return status;
	status = 1;
	if (print_outlet(q, "outlet show", a) &&
	    (a->json || rate_show(q, "outlet show", a, a->second, &any))) {
		if (!a->json && !any)
			(void)printf("%s/%s: its number sends as fast as NUMBER_RATE says\n",
				     a->operand, a->second);
		status = 0;
	}
	query_close(q);
	return status;
}
