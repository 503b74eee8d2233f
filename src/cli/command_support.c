/*
 * support - what a report of a fault should have.  No secret, no text and no phone number: settings
 * are printed without secrets, everything else is counts.
 */
#include <stdio.h>
#include <sys/utsname.h>

#include "cli/command.h"
#include "cli/configuration.h"
#include "cli/database.h"
#include "config/settings.h"

static void head(const char *title)
{
	(void)printf("\n== %s\n", title);
	(void)fflush(stdout);
}

static void print_rows(const struct settings *s)
{
	static const struct {
		const char *title;
		const char *statement;
		const char *const headings[8];
	} parts[] = {
		{ "migrations", "support_migrations", { "name", "applied", "checksum" } },
		{ "tables", "support_tables", { "table", "bytes", "rows", "dead", "vacuumed" } },
		{ "work",
		  "queue_status",
		  { "state", "messages", "under way", "overdue", "oldest (s)" } },
		{ "workers", "queue_workers", { "node", "worker", "attempts", "oldest (s)" } },
		{ "failures of a day", "support_failures", { "code", "messages", "last" } },
	};
	struct err err;
	struct query *q = query_open(s->database_url, &err);

	if (!q) {
		head("database");
		(void)printf("%s\n", err.text);
		return;
	}
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		head(parts[i].title);
		if (query_run(q, parts[i].statement, 0, NULL, &err))
			(void)printf("%s\n", err.text);
		else
			database_print(q, parts[i].headings);
	}
	query_close(q);
}

int command_support(const struct arguments *arguments)
{
	struct settings settings;
	struct utsname system;

	head("version");
	(void)command_version(arguments);
	if (uname(&system) == 0)
		(void)printf("%s %s %s\n", system.sysname, system.release, system.machine);
	head("settings");
	if (configuration_load(&settings, arguments->config_file))
		return EXIT_CONFIG;
	settings_print(stdout, &settings);
	head("doctor");
	(void)command_doctor(arguments);
	head("metrics");
	(void)command_metrics(arguments);
	print_rows(&settings);
	head("check");
	(void)command_check(arguments);
	return 0;
}
