/*
 * master - `message-sender serve`: opens the listening socket, forks the workers, watches
 * and replaces them, reloads on SIGHUP, drains on SIGTERM and SIGINT.  It opens no database
 * and makes no call; it stays in the foreground and logs to stderr.
 */
#ifndef PROCESS_MASTER_H
#define PROCESS_MASTER_H

#include "base/compiler.h"
#include "config/settings.h"

/* Reads the settings anew for a reload; 0, or -1 with the faults in the report. */
typedef int master_reload_fn(void *arg, struct settings *ret, struct settings_report *ret_report);

struct master_options {
	struct settings settings;
	master_reload_fn *reload;
	void *reload_arg;
	const char *version;
};

/* Returns the exit status: 0 after a stop, 1 when it could not start, 78 when the workers
 * could not work with the settings or the schema. */
int master_run(const struct master_options *options) MUST_CHECK;

#endif
