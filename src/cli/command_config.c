#include <stdio.h>

#include "cli/command.h"
#include "cli/configuration.h"

int command_check_config(const char *config_file)
{
	struct settings settings;

	if (configuration_load(&settings, config_file))
		return EXIT_CONFIG;
	settings_print(stdout, &settings);
	return 0;
}

int command_settings(const char *config_file)
{
	(void)config_file;
	settings_print_reference(stdout);
	return 0;
}

int command_version(const char *config_file)
{
	(void)config_file;
	(void)printf("message-sender %s\n", PACKAGE_VERSION);
	return 0;
}
