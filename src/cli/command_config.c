#include <stdio.h>

#include "cli/command.h"
#include "cli/configuration.h"

int command_check_config(const struct arguments *arguments)
{
	struct settings settings;

	if (configuration_load(&settings, arguments->config_file))
		return EXIT_CONFIG;
	settings_print(stdout, &settings);
	return 0;
}

int command_settings(const struct arguments *arguments)
{
	(void)arguments;
	settings_print_reference(stdout);
	return 0;
}

int command_version(const struct arguments *arguments)
{
	(void)arguments;
	(void)printf("message-sender %s\n", PACKAGE_VERSION);
	return 0;
}
