#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/database.h"
#include "cli/own.h"

#define FIELDS 3 /* of quota_put.sql */
#define LIMIT_MAX 1000000000000

static const char *const headings[] = { "tenant", "its day", "used", "daily", "used", "monthly" };

static bool is_limit(const char *text)
{
	uint64_t limit;

	return !text || text_to_u64(text, 0, LIMIT_MAX, &limit);
}

static const char *check(const struct arguments *a)
{
	if (own_check_id(a->operand))
		return "TENANT has 1 to 128 visible ASCII characters";
	return is_limit(a->daily) && is_limit(a->monthly)
		       ? NULL
		       : "--daily and --monthly are numbers of messages, from 0 on";
}

static int usage(const char *words, const char *fault)
{
	(void)fprintf(stderr, "message-sender: %s: %s\n", words, fault);
	return EXIT_USAGE;
}

static bool print_quota(struct query *q, const char *words, const struct arguments *a)
{
	if (!database_run(q, words, "quota_list", 1, &a->operand))
		return false;
	if (query_rows(q) > 0)
		own_print(q, a->json, NULL, headings);
	else
		(void)printf(a->json ? "null\n" : "%s has no limits\n", a->operand);
	return true;
}

static bool put(struct query *q, const char *words, const struct arguments *a, const char *how)
{
	const char *const values[] = { a->operand, a->daily, a->monthly };
	struct own_rows rows;
	unsigned long done = 0;
	bool ok;

	own_rows_init(&rows, FIELDS);
	own_rows_add(&rows, values);
	ok = own_rows_put(&rows, q, words, "quota_put", how, &done);
	own_rows_fini(&rows);
	if (ok && done == 0)
		(void)fprintf(stderr, "message-sender: %s: tenant %s has limits already\n", words,
			      a->operand);
	return ok && done > 0;
}

static int put_and_print(const char *words, const struct arguments *a, const char *how)
{
	const char *fault = check(a);
	struct query *q;
	int status;

	if (!fault && !a->daily && !a->monthly)
		fault = "what is the limit? --daily, --monthly";
	if (fault)
		return usage(words, fault);
	q = database_open(words, a, &status);
	if (!q)
		return status;
	status = put(q, words, a, how) && print_quota(q, words, a) ? 0 : 1;
	query_close(q);
	return status;
}

int command_quota_add(const struct arguments *arguments)
{
	return put_and_print("quota add", arguments, "add");
}

int command_quota_set(const struct arguments *arguments)
{
	return put_and_print("quota set", arguments, "set");
}

int command_quota_show(const struct arguments *arguments)
{
	int status;
	struct query *q;

	if (check(arguments))
		return usage("quota show", check(arguments));
	q = database_open("quota show", arguments, &status);
	if (!q)
		return status;
	status = print_quota(q, "quota show", arguments) ? 0 : 1;
	query_close(q);
	return status;
}

int command_quota_list(const struct arguments *arguments)
{
	static const char *const all[] = { NULL };
	int status;
	struct query *q = database_open("quota list", arguments, &status);

	if (!q)
		return status;
	status = database_run(q, "quota list", "quota_list", 1, all) ? 0 : 1;
	if (!status)
		own_print(q, arguments->json, "quotas", headings);
	query_close(q);
	return status;
}

int command_quota_disable(const struct arguments *arguments)
{
	int status;
	struct query *q;

	if (check(arguments))
		return usage("quota disable", check(arguments));
	q = database_open("quota disable", arguments, &status);
	if (!q)
		return status;
	status = database_run(q, "quota disable", "quota_unset", 1, &arguments->operand) &&
				 print_quota(q, "quota disable", arguments)
			 ? 0
			 : 1;
	query_close(q);
	return status;
}

static const char *take_quota(const struct csv *csv, struct own_rows *rows, void *arg)
{
	const char *const values[] = { csv_field(csv, 0), csv_field(csv, 1), csv_field(csv, 2) };

	(void)arg;
	if (!values[0] || own_check_id(values[0]))
		return "tenant_id has 1 to 128 visible ASCII characters";
	if (!is_limit(values[1]) || !is_limit(values[2]))
		return "daily and monthly are numbers of messages, from 0 on";
	own_rows_add(rows, values);
	return NULL;
}

int command_quota_import(const struct arguments *arguments)
{
	static const char *const columns[] = { "tenant_id", "daily", "monthly", NULL };

	return own_import_all("quota import", arguments, columns, 1, FIELDS, take_quota, NULL,
			      "quota_put");
}
