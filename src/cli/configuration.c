#include "cli/configuration.h"

#include <stdio.h>
#include <unistd.h>

static void print_faults(const struct settings_report *report)
{
	for (unsigned i = 0; i < report->count; i++)
		(void)fprintf(stderr, "message-sender: %s: %s\n",
			      report->faults[i].error ? "error" : "warning",
			      report->faults[i].text);
}

int configuration_load(struct settings *ret, const char *config_file)
{
	struct settings_report report;
	const int failed = settings_load(ret, config_file, environ, &report);

	print_faults(&report);
	return failed;
}

int configuration_load_for_database(struct settings *ret, const char *config_file)
{
	struct settings_report report;
	const int failed = settings_load_for_database(ret, config_file, environ, &report);

	print_faults(&report);
	return failed;
}
