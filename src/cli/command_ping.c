/*
 * ping - is a node alive and ready?  As a Nagios plugin says it: one line, and the exit status.
 */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/configuration.h"
#include "fcgi/ask.h"

#define TIMEOUT_MS 5000
#define TEXT_MAX 4096

/* Of the Nagios plugin API. */
enum { PING_OK = 0, PING_WARNING, PING_CRITICAL, PING_UNKNOWN };

static int ask(const char *socket, const char *path, struct err *ret_err)
{
	struct str text = STR_INIT(TEXT_MAX);
	const int rc = fcgi_ask(socket, path, TIMEOUT_MS, &text, ret_err);

	str_fini(&text);
	return rc;
}

/* Alive and not ready: it serves again by itself, so it is a warning. */
int command_ping(const struct arguments *arguments)
{
	struct settings settings;
	struct err err;

	if (configuration_load(&settings, arguments->config_file) || !*settings.management_socket) {
		(void)printf("UNKNOWN: set MANAGEMENT_SOCKET\n");
		return PING_UNKNOWN;
	}
	if (ask(settings.management_socket, "/livez", &err)) {
		(void)printf("CRITICAL: %s\n", err.text);
		return PING_CRITICAL;
	}
	if (ask(settings.management_socket, "/readyz", &err)) {
		(void)printf("WARNING: not ready: %s\n", err.text);
		return PING_WARNING;
	}
	(void)printf("OK: ready\n");
	return PING_OK;
}
