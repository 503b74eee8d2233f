#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "cli/command.h"
#include "cli/configuration.h"
#include "cli/database.h"
#include "store/check.h"

/* "ok    accepted_twice" or "WRONG accepted_twice: 3 (<what is wrong>): <id> <id> <id>" */
static void tell(void *arg, const struct check_result *r)
{
	(void)arg;
	if (!r->count) {
		(void)printf("ok    %s\n", r->name);
		return;
	}
	(void)printf("WRONG %s: %" PRId64 " (%s):", r->name, r->count, r->meaning);
	for (unsigned i = 0; i < r->sample_count; i++)
		(void)printf(" %s", r->samples[i]);
	(void)printf("\n");
}

/* Names, meanings and ids are words of ours: nothing in them needs escaping. */
static void tell_json(void *arg, const struct check_result *r)
{
	bool *first = arg;

	(void)printf("%s\n{\"name\":\"%s\",\"meaning\":\"%s\",\"count\":%" PRId64 ",\"samples\":[",
		     *first ? "" : ",", r->name, r->meaning, r->count);
	for (unsigned i = 0; i < r->sample_count; i++)
		(void)printf("%s\"%s\"", i ? "," : "", r->samples[i]);
	(void)printf("]}");
	*first = false;
}

static int run(const char *config_file, check_told_fn *told, void *arg, unsigned *ret_violated)
{
	struct settings settings;
	struct err err;

	if (configuration_load_for_database(&settings, config_file))
		return EXIT_CONFIG;
	if (!check_run(settings.database_url, told, arg, ret_violated, &err))
		return 0;
	(void)fprintf(stderr, "message-sender: check: %s\n", err.text);
	return 1;
}

static int check_text(const struct arguments *arguments)
{
	unsigned violated = 0;
	int status;
	struct query *q = database_open("check", arguments, &status);

	if (!q)
		return status;
	status = database_tell_held(q, "check") ? 0 : 1;
	query_close(q);
	if (!status)
		status = run(arguments->config_file, tell, NULL, &violated);
	return status ? status : violated > 0;
}

static int check_json(const char *config_file)
{
	unsigned violated = 0;
	bool first = true;
	int status;

	(void)printf("{\"checks\":[");
	status = run(config_file, tell_json, &first, &violated);
	(void)printf("],\"violated\":%u,\"complete\":%s}\n", violated, status ? "false" : "true");
	return status ? status : violated > 0;
}

int command_check(const struct arguments *arguments)
{
	return arguments->json ? check_json(arguments->config_file) : check_text(arguments);
}
