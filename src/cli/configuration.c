#include "cli/configuration.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void print_faults(const struct settings_report *report)
{
	for (unsigned i = 0; i < report->count; i++)
		(void)fprintf(stderr, "message-sender: %s: %s\n",
			      report->faults[i].error ? "error" : "warning",
			      report->faults[i].text);
}

const char *configuration_file(const char *config_file)
{
	if (config_file || getenv("DATABASE_URL") || access(CONFIGURATION_FILE, F_OK))
		return config_file;
	return CONFIGURATION_FILE;
}

int configuration_load(struct settings *ret, const char *config_file)
{
	struct settings_report report;
	const int failed = settings_load(ret, configuration_file(config_file), environ, &report);

	print_faults(&report);
	return failed;
}

int configuration_load_for_database(struct settings *ret, const char *config_file)
{
	struct settings_report report;
	const int failed =
		settings_load_for_database(ret, configuration_file(config_file), environ, &report);

	print_faults(&report);
	return failed;
}
