#include <stdio.h>

#include "config/rows.h"
#include "config/settings.h"
#include "config/value.h"

static const char *const source_names[] = {
	[SETTINGS_DEFAULT] = "default",
	[SETTINGS_FILE] = "file",
	[SETTINGS_SECRET] = "secret",
	[SETTINGS_ENVIRONMENT] = "environment",
};

void settings_print(FILE *out, const struct settings *settings)
{
	for (unsigned i = 0; i < settings_row_count; i++) {
		const struct settings_row *row = &settings_rows[i];
		char text[SETTINGS_DATABASE_BYTES];

		value_write(row, settings, text, sizeof(text));
		(void)fprintf(out, "%s=%s  # %s\n", row->name,
			      row->secret && *text ? "(set)" : text,
			      source_names[settings->sources[i]]);
	}
}

static void print_row(FILE *out, const struct settings_row *row)
{
	char rule[VALUE_RULE_BYTES];

	value_rule(row, rule);
	(void)fprintf(out, "\n### %s\n\n%s\n\n", row->name, row->meaning);
	(void)fprintf(out, "- takes: %s\n", rule);
	if (*row->default_value)
		(void)fprintf(out, "- default: `%s`\n", row->default_value);
	else
		(void)fprintf(out, "- default: %s\n",
			      row->example && !row->optional ? "none, it must be set" : "empty");
	(void)fprintf(out, "- a change applies: %s\n",
		      row->reloadable ? "on reload (SIGHUP)" : "on restart");
	if (row->secret)
		(void)fprintf(out, "- secret: never printed or logged\n");
}

void settings_print_reference(FILE *out)
{
	(void)fprintf(
		out,
		"# Settings\n\n"
		"Printed by `message-sender settings`; the source is src/config/rows.c.\n\n"
		"Each setting is an environment variable and, under the same name, a key of\n"
		"the configuration file (`--config FILE`): lines of `KEY=VALUE`, comment\n"
		"lines beginning with `#`, a value in quotes if you like. The environment\n"
		"wins over the file, the file over the default. A secret may be a file of\n"
		"its own, named after the setting, in `secrets` beside the configuration\n"
		"file, or in the directory that CREDENTIALS_DIRECTORY names (systemd,\n"
		"containers); it wins over the configuration file. An unknown key in the file\n"
		"is an error. `message-sender check-config` reports every fault at once, and\n"
		"prints the settings in force with where each is from.\n");
	for (unsigned i = 0; i < settings_row_count; i++)
		print_row(out, &settings_rows[i]);
}
