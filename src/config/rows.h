/*
 * rows - the table of settings.  Private to src/config.
 */
#ifndef CONFIG_ROWS_H
#define CONFIG_ROWS_H

#include <stdbool.h>
#include <stddef.h>

enum row_kind {
	ROW_TEXT,    /* any text without control characters */
	ROW_PATH,    /* a text that is a file name */
	ROW_FILE,    /* "" or the name of a file that can be read */
	ROW_URL,     /* http:// or https://, without user, query and fragment */
	ROW_WORDS,   /* "" or words of visible ASCII, separated by commas */
	ROW_VERSION, /* of the Graph API: v25.0 */
	ROW_INTEGER,
	ROW_OCTAL,
	ROW_CHOICE,
};

struct settings_row {
	const char *name;
	enum row_kind kind;
	size_t offset;       /* of the field in struct settings: unsigned, or char[size] */
	size_t size;         /* of a text field, with the ending 0 */
	unsigned min, max;   /* INTEGER and OCTAL */
	const char *unit;    /* of an INTEGER, "" for a mere number */
	const char *choices; /* of a CHOICE, separated by '|'; the field is the index */
	const char *default_value;
	const char *example; /* set: the setting must not be empty, and this is one way … */
	bool optional;       /* … or it may be */
	bool reloadable;     /* SIGHUP applies it; else only a restart does */
	bool secret;         /* its value is never printed */
	const char *meaning;
};

extern const struct settings_row settings_rows[];
extern const unsigned settings_row_count;

#endif
