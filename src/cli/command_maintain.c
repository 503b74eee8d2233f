/*
 * maintain - what is to be done now and then: partitions ahead, roll-ups, and the end of what is
 * kept no longer.  Each statement is a transaction of bounded work, so that it may be interrupted,
 * and run twice at a time, at any moment.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/configuration.h"
#include "cli/database.h"

#define SLOTS "50" /* of a tenant and hour; counted at a time */
#define DAYS "5"   /* of a tenant; measured at a time */
#define ROWS "10000"

/* Runs a statement that tells how much it did, until it did nothing.  False after the fault was
 * told. */
static bool run_all(struct query *q, const char *statement, int count, const char *const *values,
		    long *ret_sum)
{
	long done;

	*ret_sum = 0;
	do {
		if (!database_run(q, "maintain", statement, count, values))
			return false;
		done = strtol(query_value(q, 0, 0), NULL, 10);
		*ret_sum += done;
	} while (done > 0);
	return true;
}

static bool make_partitions(struct query *q, const char *webhook_days)
{
	if (!database_run(q, "maintain", "partitions", 1, &webhook_days))
		return false;
	(void)printf("partitions made: %s\n", query_value(q, 0, 0));
	return true;
}

static bool roll_up(struct query *q)
{
	const char *const slots[] = { SLOTS };
	const char *const days[] = { DAYS };
	long counted;
	long measured;

	if (!database_run(q, "maintain", "maintain_look", 0, NULL) ||
	    !run_all(q, "maintain_count", 1, slots, &counted) ||
	    !run_all(q, "maintain_measure", 1, days, &measured) ||
	    !database_run(q, "maintain", "maintain_done", 0, NULL))
		return false;
	(void)printf("hours counted: %ld\ndays measured: %ld\n", counted, measured);
	return true;
}

static bool drop_old(struct query *q, const char *days)
{
	const char *const prune[] = { days, ROWS };
	long deleted;
	long inbound;

	for (;;) {
		if (!database_run(q, "maintain", "maintain_drop", 1, &days))
			return false;
		if (!query_value(q, 0, 0))
			break;
		(void)printf("dropped: %s\n", query_value(q, 0, 0));
	}
	if (!run_all(q, "maintain_prune", 2, prune, &deleted) ||
	    !run_all(q, "maintain_inbound", 2, prune, &inbound))
		return false;
	if (deleted + inbound)
		(void)printf("old rows deleted: %ld\n", deleted + inbound);
	return true;
}

int command_maintain(const struct arguments *arguments)
{
	char days[16];
	char webhook_days[16];
	struct settings settings;
	int status;
	struct query *q = database_open("maintain", arguments, &status);

	if (!q)
		return status;
	status = EXIT_CONFIG;
	if (!configuration_load_for_database(&settings, arguments->config_file)) {
		(void)snprintf(days, sizeof(days), "%d", (int)settings.retention_days);
		(void)snprintf(webhook_days, sizeof(webhook_days), "%u",
			       settings.webhook_keep_days);
		status = make_partitions(q, webhook_days) && roll_up(q) && drop_old(q, days) ? 0
											     : 1;
	}
	query_close(q);
	return status;
}
