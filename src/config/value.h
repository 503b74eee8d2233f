/*
 * value - one setting's text, checked and written into its field.  Private to src/config.
 */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "config/rows.h"
#include "config/settings.h"

#define VALUE_RULE_BYTES 160

/* False, with the field untouched, when the text breaks the row's rule; ret_wrong then says
 * how ("is empty", "is too long"...; static). */
bool value_read(const struct settings_row *row, const char *text, struct settings *settings,
		const char **ret_wrong) MUST_CHECK;

/* "a whole number from 0 to 10"...: what the row takes, into rule[VALUE_RULE_BYTES]. */
void value_rule(const struct settings_row *row, char *rule);

/* The field as it would be written in a file, into text[size]. */
void value_write(const struct settings_row *row, const struct settings *settings, char *text,
		 size_t size);

/* Index-th word of a CHOICE, into word[size]; false: there is none. */
bool value_choice(const struct settings_row *row, unsigned index, char *word, size_t size);

#endif
