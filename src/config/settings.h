/*
 * settings - what the operator decides, read once and passed on by value.
 *
 * One table (settings_rows.c) holds for each setting its name, type, bounds, default and
 * meaning; the reader, the checker, the effective print and docs/reference/settings.md come
 * from it.  Names and defaults are the contract's.  Order: default, then the file
 * (KEY=VALUE lines), then files of single secrets, then the environment, which wins; a fault of
 * a file value that it overrides is only a warning.
 *
 * A secret may be a file of its own, named after the setting, in the directory that
 * CREDENTIALS_DIRECTORY names (systemd's LoadCredential=, secrets of a container), or else in
 * `secrets` beside the settings file.
 *
 * Only process and cli see this; every other module takes its own small struct.
 */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/compiler.h"
#include "base/log.h"

#define SETTINGS_URL_BYTES 512
#define SETTINGS_PATH_BYTES 1024
#define SETTINGS_SOCKET_BYTES 108 /* sun_path, with its ending 0 */
#define SETTINGS_DATABASE_BYTES 2048
#define SETTINGS_WORDS_BYTES 1024
#define SETTINGS_WORDS_MAX 4
#define SETTINGS_WORD_BYTES 64
#define SETTINGS_MAX 64 /* rows the table may have */

enum settings_source { SETTINGS_DEFAULT = 0, SETTINGS_FILE, SETTINGS_SECRET, SETTINGS_ENVIRONMENT };

/* A plain value without owned memory; copy it at will. Texts are never null. */
/* All headers and other parameters of one request, at most. */
#define SETTINGS_PARAMS_BYTES 32768u

struct settings {
	unsigned port;
	char environment[SETTINGS_WORD_BYTES];
	unsigned auth_keys;                                /* 0 none, 1 keys */
	char tenant_service_url[SETTINGS_URL_BYTES];       /* URLs have no '/' at the end */
	char conversation_service_url[SETTINGS_URL_BYTES]; /* "" none; so above */
	char master_key_file[SETTINGS_PATH_BYTES];         /* "" none */
	char graph_api_url[SETTINGS_URL_BYTES];
	char graph_api_version[SETTINGS_WORD_BYTES];
	char graph_ca_file[SETTINGS_PATH_BYTES]; /* "" none */
	unsigned graph_ambiguous_5xx_unknown;    /* 0 retry, 1 unknown */
	unsigned graph_max_connections;          /* of each worker */
	unsigned graph_streams_per_connection;
	unsigned max_retries;
	unsigned initial_backoff_seconds;
	unsigned max_backoff_seconds;
	unsigned retry_failed_receipts; /* 0 no, 1 yes */
	unsigned request_timeout_seconds;
	char database_url[SETTINGS_DATABASE_BYTES]; /* secret: may hold a password */
	char fcgi_socket[SETTINGS_SOCKET_BYTES];
	unsigned fcgi_socket_mode;                     /* permission bits */
	char fcgi_socket_group[SETTINGS_WORD_BYTES];   /* "" the process's own */
	char management_socket[SETTINGS_SOCKET_BYTES]; /* "" none */
	char state_dir[SETTINGS_PATH_BYTES];           /* "" where the socket is */
	unsigned workers;                              /* 1 to 64: 0 has become the cores */
	unsigned sync_wait_seconds;
	unsigned drain_seconds;
	unsigned max_in_flight; /* requests, all workers together */
	unsigned max_backlog;   /* messages, in all */
	unsigned max_backlog_per_tenant;
	unsigned max_body_bytes;
	unsigned max_bulk_bytes;
	unsigned max_receiving_bytes;
	unsigned quota_cache_seconds;
	unsigned quota_timeout_ms;
	unsigned credentials_cache_seconds;
	unsigned credentials_timeout_ms;
	unsigned conversation_timeout_seconds;
	unsigned message_ttl_seconds;
	unsigned retention_days;
	unsigned order_hold_seconds;
	unsigned number_rate;  /* 0: no limit */
	unsigned tenant_rate;  /* 0: no limit */
	unsigned pair_seconds; /* 0: off */
	unsigned pair_burst;
	unsigned breaker_failures; /* 0: off */
	unsigned breaker_open_seconds;
	unsigned breaker_max_seconds;
	unsigned token_probe_seconds;
	unsigned unknown_policy; /* enum unknown_policy */
	unsigned unknown_quarantine_seconds;
	enum log_level log_level;
	unsigned max_webhook_bytes;
	unsigned webhook_keep_days;
	char whatsapp_app_secret[SETTINGS_WORDS_BYTES];   /* secret; words separated by commas */
	char whatsapp_verify_token[SETTINGS_WORDS_BYTES]; /* so too */
	unsigned webhook_unsigned;                        /* 0 refuse, 1 allow */
	enum settings_source sources[SETTINGS_MAX];       /* by row: where its value is from */
};

#define SETTINGS_FAULTS 96
#define SETTINGS_FAULT_BYTES 400

/* What was found.  Each fault is one line that names place and key, says what is wrong and
 * what would be right; never a secret. */
struct settings_report {
	unsigned count;  /* faults listed */
	unsigned errors; /* faults that refuse the settings, those not listed too */
	struct settings_fault {
		bool error; /* else a warning */
		char text[SETTINGS_FAULT_BYTES];
	} faults[SETTINGS_FAULTS];
};

/* Reads and checks everything and reports every fault at once.  file may be null; an
 * unknown key in it is an error.  environment is like environ (null: none); names that are
 * no settings are ignored.  -1 when there are errors: ret is untouched.  ret_report is
 * always written; warnings come with 0 too. */
int settings_load(struct settings *ret, const char *file, char *const *environment,
		  struct settings_report *ret_report) MUST_CHECK;

/* The same for commands that need the database and nothing else: only DATABASE_URL must be
 * set; what else is set must still be right. */
int settings_load_for_database(struct settings *ret, const char *file, char *const *environment,
			       struct settings_report *ret_report) MUST_CHECK;

/* For a reload: gives `next` the running values of the settings that only a restart applies.
 * True when some differed: names then holds them, separated by ", ", cut at size. */
bool settings_keep_fixed(struct settings *next, const struct settings *running, char *names,
			 size_t size);

/* KEY=value, one a line, with where it is from; secrets as "(set)". */
void settings_print(FILE *out, const struct settings *settings);
/* docs/reference/settings.md. */
void settings_print_reference(FILE *out);

#endif
