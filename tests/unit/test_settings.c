#include "config/settings.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/rows.h"

#define COUNT(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))
#define NEEDED                                                                  \
	"TENANT_SERVICE_URL=http://t:1", "CONVERSATION_SERVICE_URL=http://c:2", \
		"DATABASE_URL=dbname=x"

static struct settings settings;
static struct settings_report report;
static char file[64];

/* Loads the lines (null: no file) and these variables besides the needed ones. */
static int load_all(const char *text, const char *variable, const char *another)
{
	char *environment[] = { NEEDED, (char *)(variable ? variable : "HOME=/"), (char *)another,
				NULL };

	if (text) {
		FILE *out;

		snprintf(file, sizeof(file), "/tmp/test_settings.XXXXXX");
		ck_assert_int_ge(mkstemp(file), 0);
		out = fopen(file, "w");
		ck_assert_int_ge(fputs(text, out), 0);
		ck_assert_int_eq(fclose(out), 0);
	}
	int result = settings_load(&settings, text ? file : NULL, environment, &report);

	if (text)
		unlink(file);
	return result;
}

static int load(const char *variable)
{
	return load_all(NULL, variable, NULL);
}

static bool reported(const char *part)
{
	for (unsigned i = 0; i < report.count; i++)
		if (strstr(report.faults[i].text, part))
			return true;
	return false;
}

/* One fault, an error, that says all this. */
static void expect_error(const char *place, const char *key, const char *rule)
{
	ck_assert_uint_eq(report.count, 1);
	ck_assert_uint_eq(report.errors, 1);
	ck_assert(report.faults[0].error);
	ck_assert_ptr_nonnull(strstr(report.faults[0].text, place));
	ck_assert_ptr_nonnull(strstr(report.faults[0].text, key));
	ck_assert_ptr_nonnull(strstr(report.faults[0].text, rule));
}

/* What check-config prints for a key: "value  # source"; freed by the caller. */
static char *printed(const char *key)
{
	char *text = NULL, *at, *value;
	size_t len;
	char start[80];
	FILE *out = open_memstream(&text, &len);

	settings_print(out, &settings);
	ck_assert_int_eq(fclose(out), 0);
	snprintf(start, sizeof(start), "%s=", key);
	for (at = text; at && strncmp(at, start, strlen(start)) != 0;)
		if ((at = strchr(at, '\n')) != NULL)
			at++;
	ck_assert_msg(at != NULL, "%s is not printed", key);
	at += strlen(start);
	value = strndup(at, strcspn(at, "\n"));
	free(text);
	return value;
}

static void expect_printed(const char *key, const char *value, const char *source)
{
	char line[400];
	char *got = printed(key);

	snprintf(line, sizeof(line), "%s  # %s", value, source);
	ck_assert_str_eq(got, line);
	free(got);
}

/* The contract's and the design's names, defaults and bounds, written down once more. */
static const struct {
	const char *name, *value;
	unsigned min, max;
} numbers[] = {
	{ "PORT", "3006", 1, 65535 },
	{ "GRAPH_MAX_CONNECTIONS", "256", 1, 4096 },
	{ "GRAPH_STREAMS_PER_CONNECTION", "24", 1, 100 },
	{ "MAX_RETRIES", "3", 0, 10 },
	{ "INITIAL_BACKOFF_SECONDS", "1", 1, 60 },
	{ "MAX_BACKOFF_SECONDS", "30", 1, 3600 },
	{ "REQUEST_TIMEOUT_SECONDS", "10", 1, 60 },
	{ "WORKERS", NULL, 0, 64 },
	{ "SYNC_WAIT_SECONDS", "55", 1, 64 },
	{ "DRAIN_SECONDS", "60", 1, 600 },
	{ "MAX_IN_FLIGHT", "4000", 1, 100000 },
	{ "MAX_BACKLOG", "1000000", 1, 2000000 },
	{ "MAX_BACKLOG_PER_TENANT", "100000", 1, 2000000 },
	{ "MAX_BODY_BYTES", "262144", 1024, 4194304 },
	{ "MAX_BULK_BYTES", "8388608", 1024, 67108864 },
	{ "MAX_WEBHOOK_BYTES", "4194304", 1024, 67108864 },
	{ "WEBHOOK_KEEP_DAYS", "7", 1, 365 },
	{ "MAX_RECEIVING_BYTES", "67108864", 8388608, 1073741824 },
	{ "QUOTA_CACHE_SECONDS", "0", 0, 3600 },
	{ "QUOTA_TIMEOUT_MS", "1000", 50, 10000 },
	{ "CREDENTIALS_CACHE_SECONDS", "60", 0, 86400 },
	{ "CREDENTIALS_TIMEOUT_MS", "2000", 50, 10000 },
	{ "CONVERSATION_TIMEOUT_SECONDS", "10", 1, 60 },
	{ "MESSAGE_TTL_SECONDS", "86400", 60, 31536000 },
	{ "RETENTION_DAYS", "90", 1, 36500 },
	{ "ORDER_HOLD_SECONDS", "10", 0, 3600 },
	{ "NUMBER_RATE", "80", 0, 1000 },
	{ "TENANT_RATE", "0", 0, 100000 },
	{ "PAIR_SECONDS", "6", 0, 60 },
	{ "PAIR_BURST", "45", 1, 1000 },
	{ "BREAKER_FAILURES", "5", 0, 1000 },
	{ "BREAKER_OPEN_SECONDS", "5", 1, 3600 },
	{ "BREAKER_MAX_SECONDS", "60", 1, 3600 },
	{ "TOKEN_PROBE_SECONDS", "60", 1, 86400 },
	{ "UNKNOWN_QUARANTINE_SECONDS", "120", 1, 604800 },
};

static const struct {
	const char *name, *value;
} others[] = {
	{ "ENVIRONMENT", "development" },
	{ "AUTH", "none" },
	{ "TENANT_SERVICE_URL", NULL },
	{ "CONVERSATION_SERVICE_URL", NULL },
	{ "MASTER_KEY_FILE", "" },
	{ "DATABASE_URL", NULL },
	{ "GRAPH_API_URL", "https://graph.facebook.com" },
	{ "GRAPH_API_VERSION", "v25.0" },
	{ "GRAPH_CA_FILE", "" },
	{ "GRAPH_AMBIGUOUS_5XX", "retry" },
	{ "RETRY_FAILED_RECEIPTS", "yes" },
	{ "FCGI_SOCKET", "/run/message-sender/fcgi.sock" },
	{ "FCGI_SOCKET_MODE", "0660" },
	{ "FCGI_SOCKET_GROUP", "" },
	{ "MANAGEMENT_SOCKET", "" },
	{ "UNKNOWN_POLICY", "evidence" },
	{ "STATE_DIR", "" },
	{ "LOG_LEVEL", "info" },
	{ "WHATSAPP_APP_SECRET", "" },
	{ "WHATSAPP_VERIFY_TOKEN", "" },
	{ "WEBHOOK_UNSIGNED", "refuse" },
};

START_TEST(every_setting_has_its_default)
{
	ck_assert_uint_eq(settings_row_count, COUNT(numbers) + COUNT(others));
	ck_assert_int_eq(load(NULL), 0);
	ck_assert_uint_eq(report.count, 0);
	for (int i = 0; i < COUNT(numbers); i++)
		if (numbers[i].value)
			expect_printed(numbers[i].name, numbers[i].value, "default");
	for (int i = 0; i < COUNT(others); i++)
		if (others[i].value)
			expect_printed(others[i].name, others[i].value, "default");
}
END_TEST

START_TEST(defaults_are_in_the_fields)
{
	ck_assert_int_eq(load(NULL), 0);
	ck_assert_uint_eq(settings.port, 3006);
	ck_assert_str_eq(settings.environment, "development");
	ck_assert_str_eq(settings.tenant_service_url, "http://t:1");
	ck_assert_str_eq(settings.conversation_service_url, "http://c:2");
	ck_assert_str_eq(settings.graph_api_url, "https://graph.facebook.com");
	ck_assert_str_eq(settings.graph_api_version, "v25.0");
	ck_assert_uint_eq(settings.graph_ambiguous_5xx_unknown, 0);
	ck_assert_uint_eq(settings.unknown_policy, 1); /* the second choice: evidence */
	ck_assert_uint_eq(settings.unknown_quarantine_seconds, 120);
	ck_assert_uint_eq(settings.max_retries, 3);
	ck_assert_uint_eq(settings.initial_backoff_seconds, 1);
	ck_assert_uint_eq(settings.max_backoff_seconds, 30);
	ck_assert_uint_eq(settings.request_timeout_seconds, 10);
	ck_assert_str_eq(settings.database_url, "dbname=x");
	ck_assert_uint_eq(settings.fcgi_socket_mode, 0660);
	ck_assert_uint_ge(settings.workers, 1);
	ck_assert_uint_le(settings.workers, 64);
	ck_assert_uint_eq(settings.sync_wait_seconds, 55);
	ck_assert_uint_eq(settings.max_body_bytes, 262144);
	ck_assert_int_eq(settings.log_level, LOG_INFO);
}
END_TEST

/* At a bound another setting may have to move along. */
static const char *company(const char *name, unsigned value)
{
	if (strcmp(name, "INITIAL_BACKOFF_SECONDS") == 0 && value > 30)
		return "MAX_BACKOFF_SECONDS=3600";
	return NULL;
}

START_TEST(bounds_of_numbers_are_exact)
{
	const char *name = numbers[_i].name;
	const long long values[] = { (long long)numbers[_i].min - 1, numbers[_i].min,
				     numbers[_i].max, (long long)numbers[_i].max + 1 };

	for (int i = 0; i < 4; i++) {
		char variable[100], number[32], rule[80];
		const bool fits = i == 1 || i == 2;

		snprintf(number, sizeof(number), "%lld", values[i]);
		snprintf(variable, sizeof(variable), "%s=%s", name, number);
		ck_assert_int_eq(load_all(NULL, variable, company(name, numbers[_i].max)),
				 fits ? 0 : -1);
		if (!fits) {
			snprintf(rule, sizeof(rule), "from %u to %u", numbers[_i].min,
				 numbers[_i].max);
			expect_error("environment: ", name, rule);
		} else if (values[i] != 0 || strcmp(name, "WORKERS") != 0) {
			expect_printed(name, number, "environment");
		}
	}
}
END_TEST

START_TEST(what_is_no_number_is_refused)
{
	static const char *const wrong[] = {
		"", " 3", "3 ", "+3", "-3", "3s", "0x3", "3.0", "three", "99999999999999999999999"
	};

	for (int i = 0; i < COUNT(wrong); i++) {
		char variable[100];

		snprintf(variable, sizeof(variable), "%s=%s", numbers[_i].name, wrong[i]);
		ck_assert_int_eq(load(variable), -1);
		expect_error("environment: ", numbers[_i].name, "it takes a whole number");
	}
}
END_TEST

static const struct {
	const char *variable;
	bool fits;
} texts[] = {
	{ "TENANT_SERVICE_URL=http://tenant-service:3001", true },
	{ "TENANT_SERVICE_URL=https://a.b.c/base/path", true },
	{ "TENANT_SERVICE_URL=http://[::1]:3001/", true },
	{ "TENANT_SERVICE_URL=http://h:1", true },
	{ "TENANT_SERVICE_URL=http://h:65535", true },
	{ "TENANT_SERVICE_URL=http://h:0", false },
	{ "TENANT_SERVICE_URL=http://h:65536", false },
	{ "TENANT_SERVICE_URL=http://h:", false },
	{ "TENANT_SERVICE_URL=http://h:000000001", false },
	{ "TENANT_SERVICE_URL=http://", false },
	{ "TENANT_SERVICE_URL=http:///x", false },
	{ "TENANT_SERVICE_URL=http://[]/x", false },
	{ "TENANT_SERVICE_URL=http://[::1", false },
	{ "TENANT_SERVICE_URL=http://user:word@h/", false },
	{ "TENANT_SERVICE_URL=http://h/?q", false },
	{ "TENANT_SERVICE_URL=http://h?q", false },
	{ "TENANT_SERVICE_URL=http://h/#f", false },
	{ "TENANT_SERVICE_URL=http://h/a b", false },
	{ "TENANT_SERVICE_URL=http://h/\xc3\xa4", false },
	{ "TENANT_SERVICE_URL=ftp://h/", false },
	{ "TENANT_SERVICE_URL=h:3001", false },
	{ "TENANT_SERVICE_URL=", true },
	{ "CONVERSATION_SERVICE_URL=", true },
	{ "DATABASE_URL=", false },
	{ "GRAPH_API_URL=", false },
	{ "GRAPH_API_VERSION=v1.0", true },
	{ "GRAPH_API_VERSION=v999.0", true },
	{ "GRAPH_API_VERSION=v1000.0", false },
	{ "GRAPH_API_VERSION=v0.0", false },
	{ "GRAPH_API_VERSION=25.0", false },
	{ "GRAPH_API_VERSION=v25", false },
	{ "GRAPH_API_VERSION=v25.1", false },
	{ "GRAPH_API_VERSION=v25.0/", false },
	{ "GRAPH_API_VERSION=", false },
	{ "GRAPH_CA_FILE=", true },
	{ "GRAPH_CA_FILE=/dev/null", true },
	{ "GRAPH_CA_FILE=/nonexistent/ca.pem", false },
	{ "WHATSAPP_APP_SECRET=", true },
	{ "WHATSAPP_APP_SECRET=one", true },
	{ "WHATSAPP_APP_SECRET=one,two,three,four", true },
	{ "WHATSAPP_APP_SECRET=one,two,three,four,five", false },
	{ "WHATSAPP_APP_SECRET=one,,three", false },
	{ "WHATSAPP_APP_SECRET=,one", false },
	{ "WHATSAPP_APP_SECRET=one,", false },
	{ "WHATSAPP_APP_SECRET=one, two", false },
	{ "WHATSAPP_VERIFY_TOKEN=w\xc3\xb6rd", false },
	{ "WEBHOOK_UNSIGNED=allow", true },
	{ "WEBHOOK_UNSIGNED=yes", false },
	{ "GRAPH_AMBIGUOUS_5XX=unknown", true },
	{ "RETRY_FAILED_RECEIPTS=no", true },
	{ "RETRY_FAILED_RECEIPTS=maybe", false },
	{ "UNKNOWN_POLICY=hold", true },
	{ "UNKNOWN_POLICY=never", false },
	{ "GRAPH_AMBIGUOUS_5XX=Retry", false },
	{ "GRAPH_AMBIGUOUS_5XX=retr", false },
	{ "GRAPH_AMBIGUOUS_5XX=retry|unknown", false },
	{ "GRAPH_AMBIGUOUS_5XX=", false },
	{ "LOG_LEVEL=debug", true },
	{ "LOG_LEVEL=error", true },
	{ "LOG_LEVEL=trace", false },
	{ "FCGI_SOCKET_MODE=0", true },
	{ "FCGI_SOCKET_MODE=777", true },
	{ "FCGI_SOCKET_MODE=0777", true },
	{ "FCGI_SOCKET_MODE=1000", false },
	{ "FCGI_SOCKET_MODE=0668", false },
	{ "FCGI_SOCKET_MODE=", false },
	{ "FCGI_SOCKET=", false },
	{ "FCGI_SOCKET_GROUP=www-data", true },
	{ "ENVIRONMENT=", false },
	{ "ENVIRONMENT=\xe7\x94\x9f\xe4\xba\xa7", true },
	{ "ENVIRONMENT=\xff", false },
	{ "ENVIRONMENT=a\nb", false },
};

START_TEST(texts_are_checked)
{
	const char *variable = texts[_i].variable;
	const size_t len = strcspn(variable, "=");
	char key[64];

	/* Last of its name, so that it counts. */
	ck_assert_int_eq(load(variable), texts[_i].fits ? 0 : -1);
	if (!texts[_i].fits) {
		snprintf(key, sizeof(key), "environment: %.*s: ", (int)len, variable);
		expect_error(key, "it takes ", "");
	}
}
END_TEST

static const struct {
	const char *name;
	size_t max;
} lengths[] = {
	{ "FCGI_SOCKET", 107 },          { "ENVIRONMENT", 63 },       { "DATABASE_URL", 2047 },
	{ "WHATSAPP_APP_SECRET", 1023 }, { "FCGI_SOCKET_GROUP", 63 },
};

START_TEST(lengths_of_texts_are_exact)
{
	for (size_t len = lengths[_i].max - 1; len <= lengths[_i].max + 1; len++) {
		char variable[3000];
		size_t at = (size_t)snprintf(variable, sizeof(variable), "%s=", lengths[_i].name);

		memset(variable + at, 'x', len);
		variable[at + len] = '\0';
		ck_assert_int_eq(load(variable), len <= lengths[_i].max ? 0 : -1);
	}
}
END_TEST

START_TEST(choices_octal_and_urls_become_what_they_mean)
{
	ck_assert_int_eq(load_all(NULL, "GRAPH_AMBIGUOUS_5XX=unknown", "LOG_LEVEL=warning"), 0);
	ck_assert_uint_eq(settings.graph_ambiguous_5xx_unknown, 1);
	ck_assert_int_eq(settings.log_level, LOG_WARNING);
	ck_assert_int_eq(load_all(NULL, "FCGI_SOCKET_MODE=600", "GRAPH_API_URL=https://g/x//"), 0);
	ck_assert_uint_eq(settings.fcgi_socket_mode, 0600);
	ck_assert_str_eq(settings.graph_api_url, "https://g/x");
}
END_TEST

START_TEST(in_production_it_is_written_who_may_call)
{
	ck_assert_int_eq(load("ENVIRONMENT=production"), -1);
	expect_error("AUTH", "ENVIRONMENT=production", "AUTH=keys, or AUTH=none");
	ck_assert_int_eq(load_all(NULL, "ENVIRONMENT=production", "AUTH=none"), 0);
	ck_assert_uint_eq(settings.auth_keys, 0);
	ck_assert_int_eq(load_all(NULL, "ENVIRONMENT=production", "AUTH=keys"), 0);
	ck_assert_uint_eq(settings.auth_keys, 1);
	ck_assert_int_eq(load_all("AUTH=none\n", "ENVIRONMENT=production", NULL), 0);
	ck_assert_int_eq(load("ENVIRONMENT=productio"), 0);
	ck_assert_int_eq(load("ENVIRONMENT=production2"), 0);
	ck_assert_int_eq(load_all(NULL, "ENVIRONMENT=production", "AUTH=on"), -1);
	ck_assert_uint_eq(report.count, 1);
}
END_TEST

START_TEST(the_environment_wins_over_the_file)
{
	ck_assert_int_eq(load_all("# a comment\n\n MAX_RETRIES = 5 \r\nPORT=\"80\"\n"
				  "ENVIRONMENT='a # b=c'\nWORKERS=3",
				  "PORT=81", NULL),
			 0);
	expect_printed("MAX_RETRIES", "5", "file");
	expect_printed("PORT", "81", "environment");
	expect_printed("ENVIRONMENT", "a # b=c", "file");
	expect_printed("WORKERS", "3", "file");
	expect_printed("LOG_LEVEL", "info", "default");
}
END_TEST

START_TEST(every_fault_is_reported_at_once_with_its_place)
{
	char place[160];

	memset(&settings, 0x55, sizeof(settings));
	ck_assert_int_eq(load_all("PORT=0\nNONSENSE=1\nMAX_RETRIES=1\nMAX_RETRIES=2\n"
				  "just words\nWHATSAPP_APP_SECRET=hush\x01hush\n",
				  "LOG_LEVEL=loud", "GRAPH_API_VERSION=18"),
			 -1);
	ck_assert_uint_eq(report.errors, 7);
	ck_assert_uint_eq(report.count, 7);
	snprintf(place, sizeof(place), "%s:1: PORT: \"0\" ", file);
	ck_assert(reported(place));
	snprintf(place, sizeof(place), "%s:2: NONSENSE: is no setting", file);
	ck_assert(reported(place));
	snprintf(place, sizeof(place), "%s:4: MAX_RETRIES: is set already in line 3", file);
	ck_assert(reported(place));
	snprintf(place, sizeof(place), "%s:5: is not KEY=VALUE", file);
	ck_assert(reported(place));
	snprintf(place, sizeof(place), "%s:6: WHATSAPP_APP_SECRET: ", file);
	ck_assert(reported(place));
	ck_assert(!reported("hush"));
	ck_assert(reported("environment: LOG_LEVEL: \"loud\" "));
	ck_assert(reported("debug or info or warning or error"));
	ck_assert(reported("environment: GRAPH_API_VERSION: \"18\" "));
	for (size_t i = 0; i < sizeof(settings); i++)
		ck_assert_int_eq(((char *)&settings)[i], 0x55);
}
END_TEST

START_TEST(a_fault_that_the_environment_overrides_is_a_warning)
{
	ck_assert_int_eq(load_all("MAX_RETRIES=eleven\n", "MAX_RETRIES=2", NULL), 0);
	ck_assert_uint_eq(settings.max_retries, 2);
	ck_assert_uint_eq(report.count, 1);
	ck_assert(!report.faults[0].error);
	ck_assert(reported(":1: MAX_RETRIES: \"eleven\""));
	ck_assert_int_eq(load_all("MAX_RETRIES=eleven\n", "MAX_RETRIESX=2", NULL), -1);
	ck_assert_uint_eq(report.errors, 1);
	ck_assert_int_eq(load_all("MAX_RETRIES=eleven\n", "MAX_RETRIES=12", NULL), -1);
	ck_assert_uint_eq(report.errors, 1);
}
END_TEST

START_TEST(what_must_be_set_is_asked_for_with_an_example)
{
	char *none[] = { NULL };
	char *database[] = { "DATABASE_URL=dbname=x", NULL };

	ck_assert_int_eq(settings_load(&settings, NULL, none, &report), -1);
	ck_assert_uint_eq(report.errors, 1);
	ck_assert(reported("DATABASE_URL: is not set"));
	ck_assert(reported("postgresql://"));
	ck_assert_int_eq(settings_load(&settings, NULL, NULL, &report), -1);
	ck_assert_int_eq(settings_load_for_database(&settings, NULL, none, &report), -1);
	ck_assert_uint_eq(report.errors, 1);
	ck_assert(reported("DATABASE_URL"));
	ck_assert_int_eq(settings_load_for_database(&settings, NULL, database, &report), 0);
	ck_assert_str_eq(settings.database_url, "dbname=x");
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_an_error)
{
	char *environment[] = { NEEDED, NULL };

	ck_assert_int_eq(settings_load(&settings, "/nonexistent/x", environment, &report), -1);
	expect_error("/nonexistent/x", "cannot be read", "No such file");
	ck_assert_int_eq(settings_load(&settings, "/", environment, &report), -1);
	expect_error("/: cannot be read", "", "");
}
END_TEST

START_TEST(lines_of_the_file_have_a_bound)
{
	for (size_t len = 4094; len <= 4096; len++) {
		char text[5000] = "#";

		memset(text + 1, 'x', len - 1);
		snprintf(text + len, sizeof(text) - len, "\nPORT=81\n");
		ck_assert_int_eq(load_all(text, NULL, NULL), len <= 4095 ? 0 : -1);
		if (len > 4095)
			expect_error(":1: ", "is longer than", "");
		else
			ck_assert_uint_eq(settings.port, 81);
	}
}
END_TEST

START_TEST(more_faults_than_lines_are_counted)
{
	char text[4000];

	for (int i = 0; i < SETTINGS_FAULTS + 4; i++)
		snprintf(text + 10 * i, sizeof(text) - 10 * (size_t)i, "NO_SUCH=1\n");
	ck_assert_int_eq(load_all(text, NULL, NULL), -1);
	ck_assert_uint_eq(report.count, SETTINGS_FAULTS);
	ck_assert_uint_eq(report.errors, SETTINGS_FAULTS + 4);
}
END_TEST

START_TEST(the_first_wait_is_not_longer_than_the_longest)
{
	ck_assert_int_eq(load_all(NULL, "INITIAL_BACKOFF_SECONDS=9", "MAX_BACKOFF_SECONDS=9"), 0);
	ck_assert_int_eq(load_all(NULL, "INITIAL_BACKOFF_SECONDS=9", "MAX_BACKOFF_SECONDS=8"), -1);
	expect_error("INITIAL_BACKOFF_SECONDS: 9", "MAX_BACKOFF_SECONDS", "8");
	/* A fault that only follows from another is not reported. */
	ck_assert_int_eq(load_all(NULL, "INITIAL_BACKOFF_SECONDS=40", "MAX_BACKOFF_SECONDS=x"), -1);
	ck_assert_uint_eq(report.errors, 1);
}
END_TEST

/* The defaults need 1 + 2 + 4 * 10 + 1.1 * 7 + 1 = 51.7 seconds. */
static const struct {
	const char *variable, *another;
	bool warned;
} waits[] = {
	{ "SYNC_WAIT_SECONDS=52", NULL, false },
	{ "SYNC_WAIT_SECONDS=51", NULL, true },
	{ "QUOTA_TIMEOUT_MS=4300", NULL, false },
	{ "QUOTA_TIMEOUT_MS=4301", NULL, true },
	{ "CREDENTIALS_TIMEOUT_MS=5301", NULL, true },
	{ "REQUEST_TIMEOUT_SECONDS=11", NULL, true },
	{ "MAX_RETRIES=4", NULL, true },
	{ "MAX_RETRIES=4", "REQUEST_TIMEOUT_SECONDS=6", false },
	{ "MAX_RETRIES=10", "REQUEST_TIMEOUT_SECONDS=1", true },
	{ "INITIAL_BACKOFF_SECONDS=2", NULL, true },
	{ "INITIAL_BACKOFF_SECONDS=2", "MAX_BACKOFF_SECONDS=3", false },
};

START_TEST(a_wait_that_is_too_short_is_only_a_warning)
{
	ck_assert_int_eq(load_all(NULL, waits[_i].variable, waits[_i].another), 0);
	ck_assert_uint_eq(report.errors, 0);
	ck_assert_uint_eq(report.count, waits[_i].warned);
	if (waits[_i].warned) {
		ck_assert(!report.faults[0].error);
		ck_assert(reported("SYNC_WAIT_SECONDS: "));
	}
}
END_TEST

START_TEST(other_doubtful_settings_are_warned_of)
{
	ck_assert_int_eq(load("DRAIN_SECONDS=12"), 0);
	ck_assert_uint_eq(report.count, 0);
	ck_assert_int_eq(load("DRAIN_SECONDS=11"), 0);
	ck_assert(reported("DRAIN_SECONDS: 11"));
	ck_assert_int_eq(load("GRAPH_API_URL=http://graph.test"), 0);
	ck_assert(reported("GRAPH_API_URL: "));
	ck_assert_int_eq(load("GRAPH_API_URL=http://127.0.0.1:4001"), 0);
	ck_assert_uint_eq(report.count, 0);
}
END_TEST

START_TEST(unsigned_webhooks_are_for_development_only)
{
	ck_assert_int_eq(load_all(NULL, "WEBHOOK_UNSIGNED=allow", "ENVIRONMENT=development"), 0);
	ck_assert_uint_eq(settings.webhook_unsigned, 1);
	ck_assert_int_eq(load_all(NULL, "WEBHOOK_UNSIGNED=allow", "ENVIRONMENT=production"), -1);
	ck_assert(reported("WEBHOOK_UNSIGNED: allow "));
	ck_assert_int_eq(load_all(NULL, "WEBHOOK_UNSIGNED=refuse", "ENVIRONMENT=staging"), 0);
	ck_assert_uint_eq(settings.webhook_unsigned, 0);
}
END_TEST

START_TEST(a_reload_keeps_what_only_a_restart_applies)
{
	struct settings running;
	char names[200];

	ck_assert_int_eq(load_all(NULL, "WORKERS=2", NULL), 0);
	running = settings;
	ck_assert(!settings_keep_fixed(&settings, &running, names, sizeof(names)));
	ck_assert_str_eq(names, "");
	ck_assert_int_eq(load_all("FCGI_SOCKET=/x\nFCGI_SOCKET_MODE=0600\nFCGI_SOCKET_GROUP=g\n"
				  "MAX_RETRIES=1\nPORT=80\n",
				  "WORKERS=4", NULL),
			 0);
	ck_assert(settings_keep_fixed(&settings, &running, names, sizeof(names)));
	ck_assert_str_eq(names, "PORT, FCGI_SOCKET, FCGI_SOCKET_MODE, FCGI_SOCKET_GROUP, WORKERS");
	ck_assert_uint_eq(settings.workers, 2);
	ck_assert_uint_eq(settings.fcgi_socket_mode, 0660);
	ck_assert_str_eq(settings.fcgi_socket, "/run/message-sender/fcgi.sock");
	ck_assert_str_eq(settings.fcgi_socket_group, "");
	ck_assert_uint_eq(settings.max_retries, 1);
	settings.workers = 9;
	ck_assert(settings_keep_fixed(&settings, &running, names, 4));
	ck_assert_str_eq(names, "WOR");
}
END_TEST

START_TEST(secrets_are_never_printed)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	ck_assert_int_eq(load_all("DATABASE_URL=host=h password=opensesame\n"
				  "WHATSAPP_VERIFY_TOKEN=opensesame\n",
				  "DATABASE_URL=postgresql://u:opensesame@h/d",
				  "WHATSAPP_APP_SECRET=opensesame"),
			 0);
	settings_print(out, &settings);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_ptr_null(strstr(text, "opensesame"));
	free(text);
	expect_printed("DATABASE_URL", "(set)", "environment");
	expect_printed("WHATSAPP_APP_SECRET", "(set)", "environment");
	expect_printed("WHATSAPP_VERIFY_TOKEN", "(set)", "file");
}
END_TEST

START_TEST(the_reference_page_is_what_the_table_says)
{
	const char *source = getenv("srcdir");
	char path[1024], page[65536];
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len), *in;

	settings_print_reference(out);
	ck_assert_int_eq(fclose(out), 0);
	snprintf(path, sizeof(path), "%s/docs/reference/settings.md", source ? source : ".");
	in = fopen(path, "r");
	ck_assert_msg(in != NULL, "%s cannot be read", path);
	page[fread(page, 1, sizeof(page) - 1, in)] = '\0';
	fclose(in);
	ck_assert_msg(strcmp(page, text) == 0,
		      "%s is out of date: write the output of `message-sender settings` to it",
		      path);
	free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("settings");
	TCase *tcase = tcase_create("settings");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, every_setting_has_its_default);
	tcase_add_test(tcase, defaults_are_in_the_fields);
	tcase_add_loop_test(tcase, bounds_of_numbers_are_exact, 0, COUNT(numbers));
	tcase_add_loop_test(tcase, what_is_no_number_is_refused, 0, COUNT(numbers));
	tcase_add_loop_test(tcase, texts_are_checked, 0, COUNT(texts));
	tcase_add_loop_test(tcase, lengths_of_texts_are_exact, 0, COUNT(lengths));
	tcase_add_test(tcase, choices_octal_and_urls_become_what_they_mean);
	tcase_add_test(tcase, in_production_it_is_written_who_may_call);
	tcase_add_test(tcase, the_environment_wins_over_the_file);
	tcase_add_test(tcase, every_fault_is_reported_at_once_with_its_place);
	tcase_add_test(tcase, a_fault_that_the_environment_overrides_is_a_warning);
	tcase_add_test(tcase, what_must_be_set_is_asked_for_with_an_example);
	tcase_add_test(tcase, a_file_that_cannot_be_read_is_an_error);
	tcase_add_test(tcase, lines_of_the_file_have_a_bound);
	tcase_add_test(tcase, more_faults_than_lines_are_counted);
	tcase_add_test(tcase, the_first_wait_is_not_longer_than_the_longest);
	tcase_add_loop_test(tcase, a_wait_that_is_too_short_is_only_a_warning, 0, COUNT(waits));
	tcase_add_test(tcase, other_doubtful_settings_are_warned_of);
	tcase_add_test(tcase, unsigned_webhooks_are_for_development_only);
	tcase_add_test(tcase, a_reload_keeps_what_only_a_restart_applies);
	tcase_add_test(tcase, secrets_are_never_printed);
	tcase_add_test(tcase, the_reference_page_is_what_the_table_says);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
