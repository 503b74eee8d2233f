/*
 * conninfo - a libpq connection string taken apart: servers here, everything else kept.
 *
 * Forms and names: libpq, "Connection Strings" (keyword/value and URI).  Servers may come
 * from the environment (PGHOST, PGHOSTADDR, PGPORT, PGSERVICE); several hosts are
 * comma-separated, one port is enough for all.  libpq applies all other environment
 * variables itself.
 */
#ifndef STORE_CONNINFO_H
#define STORE_CONNINFO_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/err.h"

#define CONNINFO_HOSTS_MAX 8
#define CONNINFO_OPTIONS_MAX 64

struct conninfo_host {
	const char *host;     /* name or socket directory; null: libpq's default */
	const char *hostaddr; /* address; null: to be resolved, or none needed */
	const char *port;     /* null: libpq's default */
};

struct conninfo {
	/* All that was given, except servers; ended with nulls. */
	const char *keywords[CONNINFO_OPTIONS_MAX + 1];
	const char *values[CONNINFO_OPTIONS_MAX + 1];
	unsigned options;
	struct conninfo_host hosts[CONNINFO_HOSTS_MAX]; /* at least one */
	unsigned host_count;
	void *memory; /* what the texts live in */
};

int conninfo_parse(const char *text, struct conninfo *ret, struct err *ret_err) MUST_CHECK;
void conninfo_fini(struct conninfo *info);
/* Must its name be looked up before libpq may see it? */
bool conninfo_needs_lookup(const struct conninfo_host *host);

#endif
