#include "cli/configuration.h"

#include <stdio.h>
#include <unistd.h>

int configuration_load(struct settings *ret, const char *config_file)
{
	struct settings_report report;
	const int failed = settings_load(ret, config_file, environ, &report);

	for (unsigned i = 0; i < report.count; i++)
		(void)fprintf(stderr, "message-sender: %s: %s\n",
			      report.faults[i].error ? "error" : "warning", report.faults[i].text);
	return failed;
}
