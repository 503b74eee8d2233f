#include <stdint.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/configuration.h"
#include "process/master.h"

static int reload(void *arg, struct settings *ret, struct settings_report *ret_report)
{
	return settings_load(ret, arg, environ, ret_report);
}

int command_serve(const struct arguments *arguments)
{
	struct master_options options = {
		.reload = reload,
		.reload_arg = (void *)(uintptr_t)configuration_file(arguments->config_file),
		.version = PACKAGE_VERSION,
	};

	if (configuration_load(&options.settings, arguments->config_file))
		return EXIT_CONFIG;
	return master_run(&options);
}
