#include "cli/csv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct csv {
	char *text; /* fields are cut out of it where they stand */
	size_t size;
	char *at;
	unsigned line; /* of at */
	unsigned row_line;
	unsigned columns;            /* of the file … */
	int places[CSV_COLUMNS_MAX]; /* … by the caller's: where it stands there, -1: nowhere */
	unsigned known;
	const char *fields[CSV_COLUMNS_MAX]; /* of the row */
};

static bool read_all(struct csv *c, FILE *in)
{
	size_t len = 0;

	for (;;) {
		const size_t room = c->size - len;
		size_t got;

		if (room < 2) {
			const size_t size = c->size ? 2 * c->size : 64 * 1024;
			char *larger = c->size < CSV_BYTES_MAX ? calloc(1, size) : NULL;

			if (!larger)
				return false;
			memcpy(larger, c->text ? c->text : "", len);
			if (c->text)
				explicit_bzero(c->text, c->size);
			free(c->text);
			c->text = larger;
			c->size = size;
			continue;
		}
		got = fread(c->text + len, 1, room - 1, in);
		len += got;
		if (got == 0)
			return !ferror(in) && !memchr(c->text, '\0', len);
	}
}

static int fail(struct err *ret_err, unsigned line, const char *why)
{
	err_set(ret_err, ERR_INVALID, 0, "line %u: %s", line, why);
	return -1;
}

/* Moves the field at c->at to *ret, ended by 0; returns what ended it: ',', '\n' or 0.  -1: it is
 * not as it should be. */
static int take_field(struct csv *c, const char **ret)
{
	char *to = c->at;
	char *from = c->at;
	int end;

	*ret = to;
	if (*from == '"') {
		for (from++; *from && (*from != '"' || from[1] == '"'); from++) {
			c->line += *from == '\n';
			from += *from == '"';
			*to++ = *from;
		}
		if (*from++ != '"')
			return -1;
	} else {
		while (*from && !strchr(",\r\n", *from)) {
			if (*from == '"')
				return -1;
			*to++ = *from++;
		}
	}
	from += from[0] == '\r' && (from[1] == '\n' || !from[1]);
	end = (unsigned char)*from;
	if (end && end != ',' && end != '\n')
		return -1;
	*to = '\0';
	c->at = end ? from + 1 : from;
	c->line += end == '\n';
	return end;
}

/* How many fields, in fields; 0: the end; -1: a fault. */
static int take_row(struct csv *c, const char **fields, struct err *ret_err)
{
	unsigned count = 0;
	int end;

	while (*c->at == '\n' || *c->at == '\r') {
		c->line += *c->at == '\n';
		c->at++;
	}
	c->row_line = c->line;
	if (!*c->at)
		return 0;
	do {
		if (count == CSV_COLUMNS_MAX)
			return fail(ret_err, c->row_line, "too many fields");
		end = take_field(c, &fields[count++]);
		if (end < 0)
			return fail(ret_err, c->row_line,
				    "quotation marks stand around a field, and are doubled in it");
	} while (end == ',');
	return (int)count;
}

static int take_names(struct csv *c, const char *const *columns, unsigned needed,
		      struct err *ret_err)
{
	const char *names[CSV_COLUMNS_MAX];
	const int count = take_row(c, names, ret_err);

	if (count < 0)
		return -1;
	c->columns = (unsigned)count;
	for (; columns[c->known]; c->known++)
		c->places[c->known] = -1;
	for (int i = 0; i < count; i++) {
		unsigned k = 0;

		while (k < c->known && strcmp(columns[k], names[i]) != 0)
			k++;
		if (k == c->known || c->places[k] >= 0)
			return fail(ret_err, 1, "names a column that there is not, or twice");
		c->places[k] = i;
	}
	for (unsigned k = 0; k < needed; k++) {
		if (c->places[k] >= 0)
			continue;
		err_set(ret_err, ERR_INVALID, 0, "line 1: names no column %s", columns[k]);
		return -1;
	}
	return 0;
}

struct csv *csv_open(const char *file, const char *const *columns, unsigned needed,
		     struct err *ret_err)
{
	struct csv *c = calloc(1, sizeof(*c));
	const bool standard = strcmp(file, "-") == 0;
	FILE *in = standard ? stdin : fopen(file, "re");

	if (c && in && read_all(c, in)) {
		c->at = c->text;
		c->line = 1;
		if (take_names(c, columns, needed, ret_err) == 0)
			goto done;
	} else {
		err_set(ret_err, ERR_INVALID, 0, "cannot be read, or is longer than %u MiB",
			CSV_BYTES_MAX / 1024 / 1024);
	}
	csv_close(c);
	c = NULL;
done:
	if (in && !standard)
		(void)fclose(in);
	return c;
}

void csv_close(struct csv *c)
{
	if (!c)
		return;
	if (c->text)
		explicit_bzero(c->text, c->size);
	free(c->text);
	free(c);
}

int csv_next(struct csv *c, struct err *ret_err)
{
	const int count = take_row(c, c->fields, ret_err);

	if (count <= 0)
		return count;
	if ((unsigned)count != c->columns)
		return fail(ret_err, c->row_line, "has not as many fields as line 1");
	return 1;
}

const char *csv_field(const struct csv *c, unsigned column)
{
	const int place = c->places[column];

	return place >= 0 && *c->fields[place] ? c->fields[place] : NULL;
}

unsigned csv_line(const struct csv *c)
{
	return c->row_line;
}
