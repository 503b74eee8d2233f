#include <stdio.h>

#include "cli/command.h"
#include "cli/configuration.h"
#include "store/migrate.h"

static void told(void *arg, const char *name)
{
	(void)arg;
	(void)printf("applied %s\n", name);
}

int command_migrate(const struct arguments *arguments)
{
	struct settings settings;
	unsigned applied;
	struct err err;

	if (configuration_load_for_database(&settings, arguments->config_file))
		return EXIT_CONFIG;
	if (migrate_run(settings.database_url, told, NULL, &applied, &err)) {
		(void)fprintf(stderr, "message-sender: db migrate: %s\n", err.text);
		return 1;
	}
	if (!applied)
		(void)printf("the schema is up to date\n");
	return 0;
}
