/*
 * Loading: every row gets its default, then the values of the file, of the secrets and of the
 * environment are read over it, each fault noted with its place; then come the checks that
 * need more than one setting.  A row with a fault keeps what it had and is marked, so that no
 * second fault is reported that only follows from the first.
 */
#include "config/settings.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "config/rows.h"
#include "config/value.h"

#define LINE_BYTES 4096 /* of the file, with its end */
#define SHOWN_BYTES 48  /* of a wrong value */
#define WORKERS_MAX 64
#define MASTER_KEY "message-sender-master-key" /* a secret that is used as a file */
#define JITTER_PERCENT 110                     /* a wait may be lengthened by a tenth */
#define CONVERSATION_WAIT_MS 1000
#define ATTEMPT_END_SECONDS 2 /* to record the outcome of an attempt and answer */

struct loading {
	struct settings settings;
	struct settings_report *report;
	unsigned file_line[SETTINGS_MAX]; /* where the row stands in the file; 0: it does not */
	bool faulty[SETTINGS_MAX];
	bool in_environment[SETTINGS_MAX]; /* what the file says of it does not count */
	const char *only_required;         /* name; null: all rows with an example must be set */
};

static void note(struct settings_report *report, bool error, const char *format, ...)
	PRINTF_LIKE(3, 4);

static void note(struct settings_report *report, bool error, const char *format, ...)
{
	struct settings_fault *fault;
	va_list args;

	report->errors += error;
	if (report->count == SETTINGS_FAULTS)
		return;
	fault = &report->faults[report->count++];
	fault->error = error;
	va_start(args, format);
	(void)vsnprintf(fault->text, sizeof(fault->text), format, args);
	va_end(args);
}

static int find_row(const char *name, size_t len)
{
	for (unsigned i = 0; i < settings_row_count; i++)
		if (strncmp(settings_rows[i].name, name, len) == 0 &&
		    settings_rows[i].name[len] == '\0')
			return (int)i;
	return -1;
}

/* The first bytes of something wrong, fit to be shown on one line. */
static void show(char *shown, const char *text)
{
	text_copy_cut(shown, SHOWN_BYTES, text);
	for (; *shown; shown++)
		if ((unsigned char)*shown < 0x20 || (unsigned char)*shown >= 0x7f)
			*shown = '?';
}

/* place: "environment", or "file:line". */
static void set_row(struct loading *l, unsigned row_number, const char *value, const char *place,
		    enum settings_source source)
{
	const struct settings_row *row = &settings_rows[row_number];
	char rule[VALUE_RULE_BYTES], shown[SHOWN_BYTES];
	const char *wrong;
	bool counts;

	if (value_read(row, value, &l->settings, &wrong)) {
		l->settings.sources[row_number] = source;
		return;
	}
	counts = source == SETTINGS_DEFAULT || source == SETTINGS_ENVIRONMENT ||
		 !l->in_environment[row_number];
	if (counts)
		l->faulty[row_number] = true;
	value_rule(row, rule);
	show(shown, value);
	if (row->secret || *value == '\0')
		note(l->report, counts, "%s: %s: %s; it takes %s", place, row->name, wrong, rule);
	else
		note(l->report, counts, "%s: %s: \"%s\" %s; it takes %s", place, row->name, shown,
		     wrong, rule);
}

static void set_defaults(struct loading *l)
{
	memset(&l->settings, 0, sizeof(l->settings));
	for (unsigned i = 0; i < settings_row_count; i++) {
		const struct settings_row *row = &settings_rows[i];

		if (*row->default_value)
			set_row(l, i, row->default_value, "default", SETTINGS_DEFAULT);
	}
}

/* Cuts white space off both ends, in place. */
static char *trim(char *text)
{
	size_t len;

	text += strspn(text, " \t");
	len = strlen(text);
	while (len > 0 && strchr(" \t\r\n", text[len - 1]))
		text[--len] = '\0';
	return text;
}

/* A value in one pair of quotes is what stands between them. */
static char *unquote(char *value)
{
	const size_t len = strlen(value);

	if (len < 2 || (value[0] != '"' && value[0] != '\'') || value[len - 1] != value[0])
		return value;
	value[len - 1] = '\0';
	return value + 1;
}

static void take_line(struct loading *l, char *line, const char *file, unsigned number)
{
	char place[160], shown[SHOWN_BYTES];
	char *key = trim(line);
	char *equals = strchr(key, '=');
	int row;

	if (*key == '\0' || *key == '#')
		return;
	(void)snprintf(place, sizeof(place), "%.120s:%u", file, number);
	if (!equals) {
		note(l->report, true, "%s: is not KEY=VALUE, nor a comment beginning with #",
		     place);
		return;
	}
	*equals = '\0';
	key = trim(key);
	row = find_row(key, strlen(key));
	show(shown, key);
	if (row == -1) {
		note(l->report, true, "%s: %s: is no setting; message-sender settings lists them",
		     place, shown);
	} else if (l->file_line[row] > 0) {
		note(l->report, true, "%s: %s: is set already in line %u; remove one of them",
		     place, shown, l->file_line[row]);
	} else {
		l->file_line[row] = number;
		set_row(l, (unsigned)row, unquote(trim(equals + 1)), place, SETTINGS_FILE);
	}
}

/* Reads one line; false at the end.  A 0 byte or a longer line than fits is a fault. */
static bool read_line(FILE *in, char *line, bool *ret_fits)
{
	size_t len = 0;
	int c;

	*ret_fits = true;
	while ((c = getc(in)) != EOF && c != '\n') {
		if (len + 1 == LINE_BYTES || c == '\0')
			*ret_fits = false;
		else
			line[len++] = (char)c;
	}
	line[len] = '\0';
	return c != EOF || len > 0 || !*ret_fits;
}

static void take_file(struct loading *l, const char *file)
{
	FILE *in = fopen(file, "re");
	char line[LINE_BYTES];
	bool fits;

	if (!in) {
		note(l->report, true, "%.120s: cannot be read: %s", file, strerror(errno));
		return;
	}
	for (unsigned number = 1; read_line(in, line, &fits); number++) {
		if (fits)
			take_line(l, line, file, number);
		else
			note(l->report, true, "%.120s:%u: is longer than %d bytes or no text", file,
			     number, LINE_BYTES - 1);
	}
	if (ferror(in))
		note(l->report, true, "%.120s: cannot be read: %s", file, strerror(errno));
	(void)fclose(in);
}

static void take_secret(struct loading *l, unsigned row, const char *path)
{
	FILE *in = fopen(path, "re");
	char line[LINE_BYTES];
	bool fits = true;

	if (!in || !read_line(in, line, &fits) || !fits || getc(in) != EOF) {
		l->faulty[row] = true;
		note(l->report, true, "%.120s: %s", path,
		     in ? "is not one line of text" : strerror(errno));
	} else {
		set_row(l, row, trim(line), path, SETTINGS_SECRET);
	}
	if (in)
		(void)fclose(in);
}

/* False: there is none. */
static bool secrets_directory(const char *file, char *const *environment, char *ret, size_t size)
{
	static const char name[] = "CREDENTIALS_DIRECTORY=";
	const char *slash;

	for (; environment && *environment; environment++) {
		if (!strncmp(*environment, name, sizeof(name) - 1))
			return text_copy(ret, size, *environment + sizeof(name) - 1);
	}
	if (!file)
		return false;
	slash = strrchr(file, '/');
	return snprintf(ret, size, "%.*ssecrets", slash ? (int)(slash + 1 - file) : 0, file) <
	       (int)size;
}

/* False: it is not there.  One that may not be looked at is. */
static bool secret_path(const char *directory, const char *name, char *ret, size_t size)
{
	/* systemd puts the name of a directory of credentials before those in it. */
	static const char *const prefixes[] = { "", "secret_" };

	for (unsigned i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if (snprintf(ret, size, "%s/%s%s", directory, prefixes[i], name) < (int)size &&
		    (access(ret, F_OK) == 0 || errno == EACCES))
			return true;
	}
	return false;
}

static void take_secrets(struct loading *l, const char *directory)
{
	char path[SETTINGS_PATH_BYTES];

	for (unsigned i = 0; i < settings_row_count; i++) {
		if (settings_rows[i].secret &&
		    secret_path(directory, settings_rows[i].name, path, sizeof(path)))
			take_secret(l, i, path);
	}
}

/* The row that "KEY=value" sets; -1: none of ours. */
static int environment_row(const char *text)
{
	const size_t len = strcspn(text, "=");

	return text[len] == '=' ? find_row(text, len) : -1;
}

static void look_at_environment(struct loading *l, char *const *environment)
{
	for (; environment && *environment; environment++) {
		const int row = environment_row(*environment);

		if (row != -1)
			l->in_environment[row] = true;
	}
}

static void take_environment(struct loading *l, char *const *environment)
{
	for (; environment && *environment; environment++) {
		const int row = environment_row(*environment);

		if (row != -1)
			set_row(l, (unsigned)row, strchr(*environment, '=') + 1, "environment",
				SETTINGS_ENVIRONMENT);
	}
}

static void check_required(struct loading *l)
{
	for (unsigned i = 0; i < settings_row_count; i++) {
		const struct settings_row *row = &settings_rows[i];
		char rule[VALUE_RULE_BYTES];

		if (!row->example || row->optional || l->faulty[i] ||
		    *((char *)&l->settings + row->offset))
			continue;
		if (l->only_required && strcmp(l->only_required, row->name) != 0)
			continue;
		value_rule(row, rule);
		note(l->report, true, "%s: is not set; it takes %s", row->name, rule);
	}
}

static bool is_faulty(const struct loading *l, const char *name)
{
	return l->faulty[find_row(name, strlen(name))];
}

/* What a caller waits at most when every step takes all its time (the default covers it). */
static unsigned long longest_wait_ms(const struct settings *s)
{
	unsigned long waits_s = 0, next_s = s->initial_backoff_seconds;

	for (unsigned i = 0; i < s->max_retries; i++) {
		waits_s += next_s;
		next_s = next_s * 2 < s->max_backoff_seconds ? next_s * 2 : s->max_backoff_seconds;
	}
	return s->quota_timeout_ms + s->credentials_timeout_ms +
	       1000ul * (s->max_retries + 1) * s->request_timeout_seconds +
	       10ul * JITTER_PERCENT * waits_s + CONVERSATION_WAIT_MS;
}

static bool is_loopback(const char *url)
{
	return strncmp(url, "http://127.", 11) == 0 || strncmp(url, "http://localhost", 16) == 0 ||
	       strncmp(url, "http://[::1]", 12) == 0;
}

static void warn(struct loading *l)
{
	const struct settings *s = &l->settings;
	const unsigned long wait_ms = longest_wait_ms(s);

	if (1000ul * s->sync_wait_seconds < wait_ms)
		note(l->report, false,
		     "SYNC_WAIT_SECONDS: %u is less than the %lu.%lu seconds that the time-outs, "
		     "MAX_RETRIES and the waits between can add up to; callers are told 202 then",
		     s->sync_wait_seconds, wait_ms / 1000, wait_ms % 1000 / 100);
	if (s->drain_seconds < s->request_timeout_seconds + ATTEMPT_END_SECONDS)
		note(l->report, false,
		     "DRAIN_SECONDS: %u is less than REQUEST_TIMEOUT_SECONDS and %d more; a stop "
		     "can cut off attempts, whose outcome is then unknown",
		     s->drain_seconds, ATTEMPT_END_SECONDS);
	if (s->max_receiving_bytes < s->max_bulk_bytes + SETTINGS_PARAMS_BYTES)
		note(l->report, false,
		     "MAX_RECEIVING_BYTES: %u has no room for a body of MAX_BULK_BYTES, %u, and %u "
		     "bytes of headers; the longest bulk calls are told 503",
		     s->max_receiving_bytes, s->max_bulk_bytes, SETTINGS_PARAMS_BYTES);
	if (s->max_receiving_bytes < s->max_webhook_bytes + SETTINGS_PARAMS_BYTES)
		note(l->report, false,
		     "MAX_RECEIVING_BYTES: %u has no room for a body of MAX_WEBHOOK_BYTES, %u, and "
		     "%u bytes of headers; the longest webhooks are told 503",
		     s->max_receiving_bytes, s->max_webhook_bytes, SETTINGS_PARAMS_BYTES);
	if (strncmp(s->graph_api_url, "http://", 7) == 0 && !is_loopback(s->graph_api_url))
		note(l->report, false,
		     "GRAPH_API_URL: http:// sends access tokens unprotected; write https://");
}

/* Nobody is to be open to the world for want of a line. */
static void check_auth(struct loading *l)
{
	const struct settings *s = &l->settings;

	if (!l->only_required && !is_faulty(l, "AUTH") &&
	    strcmp(s->environment, "production") == 0 &&
	    s->sources[find_row("AUTH", strlen("AUTH"))] == SETTINGS_DEFAULT)
		note(l->report, true,
		     "AUTH: must be written out with ENVIRONMENT=production: AUTH=keys, or "
		     "AUTH=none if only callers you trust can reach the service");
}

static void check_together(struct loading *l)
{
	const struct settings *s = &l->settings;

	check_required(l);
	check_auth(l);
	if (!is_faulty(l, "INITIAL_BACKOFF_SECONDS") && !is_faulty(l, "MAX_BACKOFF_SECONDS") &&
	    s->initial_backoff_seconds > s->max_backoff_seconds)
		note(l->report, true,
		     "INITIAL_BACKOFF_SECONDS: %u is more than MAX_BACKOFF_SECONDS, which is %u; "
		     "lower the one or raise the other",
		     s->initial_backoff_seconds, s->max_backoff_seconds);
	if (s->webhook_unsigned && strcmp(s->environment, "development") != 0)
		note(l->report, true,
		     "WEBHOOK_UNSIGNED: allow would let anybody say what became of messages; it is "
		     "for ENVIRONMENT=development only: write refuse, and set WHATSAPP_APP_SECRET");
	if (l->report->errors == 0)
		warn(l);
}

/* Cores this process may use, at most WORKERS_MAX. */
static unsigned cores(void)
{
	cpu_set_t set;
	int n = 1;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		n = CPU_COUNT(&set);
	return n > WORKERS_MAX ? WORKERS_MAX : (unsigned)n;
}

static int load(struct loading *l, struct settings *ret, const char *file, char *const *environment)
{
	char secrets[SETTINGS_PATH_BYTES], key[SETTINGS_PATH_BYTES];
	const bool have_secrets = secrets_directory(file, environment, secrets, sizeof(secrets));

	memset(l->report, 0, sizeof(*l->report));
	set_defaults(l);
	look_at_environment(l, environment);
	if (file)
		take_file(l, file);
	if (have_secrets)
		take_secrets(l, secrets);
	take_environment(l, environment);
	check_together(l);
	if (l->report->errors > 0)
		return -1;
	if (l->settings.workers == 0)
		l->settings.workers = cores();
	if (!*l->settings.master_key_file && have_secrets &&
	    secret_path(secrets, MASTER_KEY, key, sizeof(key)))
		memcpy(l->settings.master_key_file, key, sizeof(key));
	*ret = l->settings;
	return 0;
}

int settings_load(struct settings *ret, const char *file, char *const *environment,
		  struct settings_report *ret_report)
{
	struct loading l = { .report = ret_report };

	return load(&l, ret, file, environment);
}

int settings_load_for_database(struct settings *ret, const char *file, char *const *environment,
			       struct settings_report *ret_report)
{
	struct loading l = { .report = ret_report, .only_required = "DATABASE_URL" };

	return load(&l, ret, file, environment);
}

static bool is_same(const struct settings_row *row, const char *a, const char *b)
{
	return row->size > 0 ? strcmp(a, b) == 0 : memcmp(a, b, sizeof(unsigned)) == 0;
}

bool settings_keep_fixed(struct settings *next, const struct settings *running, char *names,
			 size_t size)
{
	bool any = false;
	size_t len = 0;

	if (size > 0)
		names[0] = '\0';
	for (unsigned i = 0; i < settings_row_count; i++) {
		const struct settings_row *row = &settings_rows[i];
		char *field = (char *)next + row->offset;
		const char *kept = (const char *)running + row->offset;

		if (row->reloadable || is_same(row, field, kept))
			continue;
		memcpy(field, kept, row->size > 0 ? row->size : sizeof(unsigned));
		next->sources[i] = running->sources[i];
		if (len < size)
			len += (size_t)snprintf(names + len, size - len, "%s%s", any ? ", " : "",
						row->name);
		any = true;
	}
	return any;
}
