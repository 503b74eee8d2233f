/*
 * settings - everything an operator can set: one row per setting in settings_rows.h (name,
 * kind, unit, range, default, reloadable or not, meaning), read from defaults, then a file of
 * KEY=VALUE lines, then the environment, which wins.
 *
 * All faults are reported at once, each naming the key, where it came from, what is wrong and
 * what would be right.  Reference page: docs/reference/settings.md, checked against the rows.
 */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/compiler.h"
#include "base/log.h"

#define SETTINGS_TEXT_BYTES 1024

/* Plain value; copy it freely. */
struct settings {
	/* web server */
	unsigned port;                               /* for the shipped configurations */
	char environment[SETTINGS_TEXT_BYTES];
	char fcgi_socket[SETTINGS_TEXT_BYTES];
	unsigned fcgi_socket_mode;                   /* 0660 */
	char fcgi_socket_group[SETTINGS_TEXT_BYTES]; /* "": the process's own */
	/* processes */
	unsigned workers;                            /* resolved: 0 became the cores */
	unsigned drain_seconds;
	unsigned max_in_flight;                      /* requests, all workers together */
	unsigned max_body_bytes;
	unsigned sync_wait_seconds;
	enum log_level log_level;
	/* neighbours */
	char tenant_service_url[SETTINGS_TEXT_BYTES];
	char conversation_service_url[SETTINGS_TEXT_BYTES];
	char graph_api_url[SETTINGS_TEXT_BYTES];
	char graph_api_version[SETTINGS_TEXT_BYTES];
	char graph_ca_file[SETTINGS_TEXT_BYTES];
	bool graph_ambiguous_5xx_unknown;
	unsigned graph_max_connections;              /* per worker */
	unsigned graph_streams_per_connection;
	unsigned quota_cache_seconds;
	unsigned quota_timeout_ms;
	unsigned credentials_cache_seconds;
	unsigned credentials_timeout_ms;
	unsigned conversation_timeout_seconds;
	/* retries */
	unsigned max_retries;
	unsigned initial_backoff_seconds;
	unsigned max_backoff_seconds;
	unsigned request_timeout_seconds;
	unsigned message_ttl_seconds;
	/* database and secrets: never printed */
	char database_url[SETTINGS_TEXT_BYTES];
	char whatsapp_app_secret[SETTINGS_TEXT_BYTES];
	char whatsapp_verify_token[SETTINGS_TEXT_BYTES];
};

#define SETTINGS_FAULTS_MAX 32

struct settings_fault {
	bool error;          /* else a warning: it works, but not as one may think */
	char text[320];      /* "MAX_RETRIES (environment): \"x\" is not a whole number; write 0 to 10" */
};

struct settings_report {
	unsigned errors;
	unsigned count;      /* of faults kept; at most SETTINGS_FAULTS_MAX */
	struct settings_fault faults[SETTINGS_FAULTS_MAX];
};

/* file null or "": none.  environment: "KEY=value" texts, ended by null (environ).  0 when the
 * report has no errors; *ret is written only then. */
int settings_load(struct settings *ret, const char *file, char *const *environment,
		  struct settings_report *ret_report) MUST_CHECK;

/* What `now` may not take over from `next` while running (rows that are not reloadable) is
 * put back; returns how many differed and names them, comma separated, in `names`. */
unsigned settings_keep_fixed(struct settings *next, const struct settings *now, char *names,
			     size_t names_size);

/* The effective settings as KEY=VALUE, secrets as "********". */
void settings_print(FILE *out, const struct settings *settings);
/* The reference page, in Markdown. */
void settings_print_reference(FILE *out);

#endif
