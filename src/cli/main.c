/*
 * main - finds the subcommand and its one option, and runs it.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"

static const struct command commands[] = {
	{ "serve", "[--config FILE]", "serve in the foreground; logs go to stderr", command_serve },
	{ "db migrate", "[--config FILE]", "bring the database's schema up to date",
	  command_migrate },
	{ "check --json", "[--config FILE]", "the same, as one JSON document", command_check_json },
	{ "check", "[--config FILE]", "look for what must not be in the database", command_check },
	{ "check-config", "[--config FILE]", "check the settings and print those in force",
	  command_check_config },
	{ "settings", "", "print the reference of all settings (Markdown)", command_settings },
	{ "version", "", "print the version", command_version },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_usage(FILE *out)
{
	(void)fprintf(out, "usage: message-sender COMMAND\n\n");
	for (size_t i = 0; i < COMMANDS; i++)
		(void)fprintf(out, "  %-13s %-16s %s\n", commands[i].words, commands[i].usage,
			      commands[i].meaning);
	(void)fprintf(out, "\nSettings come from FILE (KEY=VALUE lines) and the environment,"
			   " which wins.\n");
}

/* How many arguments the words of a command take; 0: they do not match. */
static int match(const char *words, int argc, char **argv)
{
	char joined[64];
	int used;

	(void)snprintf(joined, sizeof(joined), "%s", argv[0]);
	if (!strcmp(words, joined))
		return 1;
	if (argc < 2)
		return 0;
	used = snprintf(joined, sizeof(joined), "%s %s", argv[0], argv[1]);
	return used < (int)sizeof(joined) && !strcmp(words, joined) ? 2 : 0;
}

static int run(const struct command *command, int argc, char **argv)
{
	const char *file = NULL;

	if (argc == 1 && (!strcmp(argv[0], "--help") || !strcmp(argv[0], "-h"))) {
		(void)printf("usage: message-sender %s %s\n%s\n", command->words, command->usage,
			     command->meaning);
		return 0;
	}
	if (argc == 2 && !strcmp(argv[0], "--config") && *command->usage)
		file = argv[1];
	else if (argc == 1 && !strncmp(argv[0], "--config=", 9) && *command->usage)
		file = argv[0] + 9;
	else if (argc) {
		(void)fprintf(stderr, "message-sender %s: cannot use \"%s\"; usage: %s %s\n",
			      command->words, argv[0], command->words, command->usage);
		return EXIT_USAGE;
	}
	return command->run(file);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		print_usage(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--version"))
		return command_version(NULL);
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		print_usage(stdout);
		return 0;
	}
	for (size_t i = 0; i < COMMANDS; i++) {
		const int used = match(commands[i].words, argc - 1, argv + 1);

		if (used)
			return run(&commands[i], argc - 1 - used, argv + 1 + used);
	}
	(void)fprintf(stderr, "message-sender: there is no command \"%s\"\n", argv[1]);
	print_usage(stderr);
	return EXIT_USAGE;
}
