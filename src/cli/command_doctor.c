/*
 * doctor - each neighbour tried from this box, one line each, with what to mend.  It changes
 * nothing and sends nothing.
 */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/command.h"
#include "cli/configuration.h"
#include "cli/database.h"
#include "cli/probe.h"
#include "fcgi/ask.h"

#define ASK_MS 5000
#define TEXT_MAX 4096
#define URL_BYTES 1024
#define CLOCKS_S 5.0
#define COUNTED_S 3600
#define MONTHS_LEAST 2
#define HANDSHAKE \
	"/api/v1/webhooks/whatsapp?hub.mode=subscribe&hub.challenge=doctor&hub.verify_token="

static void tell(bool good, bool *all_good, const char *what, const char *format, ...)
	PRINTF_LIKE(4, 5);

static void tell(bool good, bool *all_good, const char *what, const char *format, ...)
{
	va_list values;

	*all_good &= good;
	(void)printf("%s %-14s ", good ? "ok " : "BAD", what);
	va_start(values, format);
	(void)vprintf(format, values);
	va_end(values);
	(void)printf("\n");
}

/* The columns of doctor.sql. */
enum { VERSION_OF = 0, TIME, STANDBY, COUNTED, MONTHS, LANES };

static void judge_database(const struct query *q, bool *all_good)
{
	const double apart =
		strtod(query_value(q, 0, TIME), NULL) - (double)clock_wall_us() / 1000000;
	const char *counted = query_value(q, 0, COUNTED);

	tell(*query_value(q, 0, STANDBY) == 'f', all_good, "database",
	     "PostgreSQL %s, the schema fits%s", query_value(q, 0, VERSION_OF),
	     *query_value(q, 0, STANDBY) == 'f'
		     ? ""
		     : "; but it is a standby: DATABASE_URL must name the primary");
	tell(fabs(apart) < CLOCKS_S, all_good, "clock", "%.1f s apart from the database's%s", apart,
	     fabs(apart) < CLOCKS_S ? "" : ": run NTP on both hosts");
	tell(strtol(query_value(q, 0, MONTHS), NULL, 10) >= MONTHS_LEAST, all_good, "partitions",
	     "%s months from this one on; `message-sender maintain` makes them",
	     query_value(q, 0, MONTHS));
	tell(counted && strtol(counted, NULL, 10) < COUNTED_S, all_good, "reports",
	     counted ? "counted %s s ago; `message-sender maintain` counts"
		     : "never counted%s: run `message-sender maintain` every ten minutes",
	     counted ? counted : "");
	tell(strcmp(query_value(q, 0, LANES), "64") == 0, all_good, "lanes",
	     "%s of 64 have an owner; the others when the service runs", query_value(q, 0, LANES));
}

static void try_database(const struct settings *s, bool *all_good)
{
	struct err err;
	struct query *q = query_open(s->database_url, &err);

	if (q && query_run(q, "doctor", 0, NULL, &err) == 0)
		judge_database(q, all_good);
	else
		tell(false, all_good, "database",
		     "%s: look at PostgreSQL, DATABASE_URL and `message-sender db migrate`",
		     err.text);
	query_close(q);
}

/* Any answer below 500 shows that somebody is there: nothing is asked for that must exist. */
static void try_neighbour(const char *what, const char *base, const char *path, const char *ca_file,
			  bool *all_good)
{
	char url[URL_BYTES];
	int64_t took_ms;
	struct err err;
	int status;

	if (!*base) {
		tell(true, all_good, what, "not used (no URL)");
		return;
	}
	(void)snprintf(url, sizeof(url), "%s%s", base, path);
	status = probe_get(url, ca_file, &took_ms, &err);
	if (status < 0)
		tell(false, all_good, what, "%s: %s: look at its URL, DNS, the network and its log",
		     base, err.text);
	else
		tell(status < 500, all_good, what, "%s answers (%d) in %" PRId64 " ms%s", base,
		     status, took_ms,
		     status < 500 ? "" : ": it is there, but broken: look at its log");
}

static void try_socket(const char *what, const char *path, const char *page, const char *mend,
		       bool *all_good)
{
	struct str text = STR_INIT(TEXT_MAX);
	struct err err;

	if (!*path)
		tell(true, all_good, what, "not used (no MANAGEMENT_SOCKET)");
	else if (fcgi_ask(path, page, ASK_MS, &text, &err))
		tell(false, all_good, what, "%s: %s", err.text, mend);
	else
		tell(true, all_good, what, "%s answers", path);
	str_fini(&text);
}

/* What Meta does when it is given the address. */
static void try_webhook(const struct settings *s, bool *all_good)
{
	struct str token = STR_INIT(SETTINGS_WORDS_BYTES), path = STR_INIT(TEXT_MAX),
		   text = STR_INIT(TEXT_MAX);
	const size_t len = strcspn(s->whatsapp_verify_token, ",");
	struct err err;

	if (!*s->whatsapp_app_secret || !len) {
		tell(true, all_good, "webhook",
		     "not used: WHATSAPP_APP_SECRET and WHATSAPP_VERIFY_TOKEN are not both set, so "
		     "no message becomes delivered or read");
		return;
	}
	err_set(&err, ERR_LIMIT, 0, "no memory");
	if (!str_append(&token, s->whatsapp_verify_token, len) ||
	    !str_append_text(&path, HANDSHAKE) || !str_append_url_segment(&path, token.data) ||
	    fcgi_ask(s->fcgi_socket, path.data, ASK_MS, &text, &err))
		tell(false, all_good, "webhook",
		     "%s: does the service run, with this WHATSAPP_VERIFY_TOKEN? After a change: "
		     "`systemctl restart message-sender`",
		     err.text);
	else
		tell(strcmp(text.data, "doctor") == 0, all_good, "webhook",
		     "answers Meta's handshake; what comes from outside must reach "
		     "/api/v1/webhooks/whatsapp over HTTPS");
	str_fini(&token);
	str_fini(&path);
	str_fini(&text);
}

int command_doctor(const struct arguments *arguments)
{
	struct settings s;
	char graph_path[SETTINGS_WORD_BYTES + 2];
	bool good = true;

	if (configuration_load(&s, arguments->config_file))
		return EXIT_CONFIG;
	tell(true, &good, "settings", "sound");
	try_database(&s, &good);
	(void)snprintf(graph_path, sizeof(graph_path), "/%s/", s.graph_api_version);
	try_neighbour("tenant", s.tenant_service_url, "/api/v1/outlets/doctor", "", &good);
	try_neighbour("conversation", s.conversation_service_url, "/api/v1/messages", "", &good);
	try_neighbour("graph", s.graph_api_url, graph_path, s.graph_ca_file, &good);
	try_socket("service", s.fcgi_socket, "/health",
		   "is the service running, and may this user enter the socket?", &good);
	try_socket("ready", s.management_socket, "/readyz", "see `message-sender ping` and the log",
		   &good);
	try_webhook(&s, &good);
	(void)printf("%s\n", good ? "All is well." : "Mend what is BAD, from the top.");
	return good ? 0 : 1;
}
