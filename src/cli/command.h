/*
 * command - the subcommands of the one binary.  Each returns an exit status:
 *   0 done · 1 it failed · 2 wrong usage · 78 the configuration is wrong (EX_CONFIG)
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#define EXIT_USAGE 2
#define EXIT_CONFIG 78

struct command {
	const char *words; /* "db migrate" */
	const char *usage; /* what follows the words */
	const char *meaning;
	int (*run)(const char *config_file);
};

int command_serve(const char *config_file);
int command_migrate(const char *config_file);
int command_check(const char *config_file);
int command_check_json(const char *config_file);
int command_check_config(const char *config_file);
int command_version(const char *config_file);
int command_settings(const char *config_file);

#endif
