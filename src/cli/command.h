/*
 * command - the subcommands of the one binary.  Each returns an exit status:
 *   0 done · 1 it failed · 2 wrong usage · 78 the configuration is wrong (EX_CONFIG)
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "cli/arguments.h"

#define EXIT_USAGE 2
#define EXIT_CONFIG 78

struct command {
	const char *words;   /* "db migrate" */
	const char *usage;   /* what follows the words */
	const char *meaning; /* one line */
	unsigned takes;      /* enum argument, or-ed */
	unsigned needs;      /* of these: must be there */
	int (*run)(const struct arguments *arguments);
};

int command_serve(const struct arguments *arguments);
int command_migrate(const struct arguments *arguments);
int command_check(const struct arguments *arguments);
int command_check_config(const struct arguments *arguments);
int command_version(const struct arguments *arguments);
int command_settings(const struct arguments *arguments);
int command_metrics(const struct arguments *arguments);
int command_metrics_reference(const struct arguments *arguments);
int command_message_show(const struct arguments *arguments);
int command_message_cancel(const struct arguments *arguments);
int command_message_explain(const struct arguments *arguments);
int command_batch_show(const struct arguments *arguments);
int command_batch_cancel(const struct arguments *arguments);
int command_queue_status(const struct arguments *arguments);
int command_queue_unknown(const struct arguments *arguments);
int command_queue_replay(const struct arguments *arguments);
int command_queue_resolve(const struct arguments *arguments);
int command_key_create(const struct arguments *arguments);
int command_key_list(const struct arguments *arguments);
int command_key_rotate(const struct arguments *arguments);
int command_key_revoke(const struct arguments *arguments);
int command_pause(const struct arguments *arguments);
int command_resume(const struct arguments *arguments);
int command_outlet_add(const struct arguments *arguments);
int command_outlet_disable(const struct arguments *arguments);
int command_outlet_enable(const struct arguments *arguments);
int command_outlet_import(const struct arguments *arguments);
int command_outlet_list(const struct arguments *arguments);
int command_outlet_set(const struct arguments *arguments);
int command_outlet_show(const struct arguments *arguments);
int command_outlet_unset(const struct arguments *arguments);
int command_quota_add(const struct arguments *arguments);
int command_quota_disable(const struct arguments *arguments);
int command_quota_import(const struct arguments *arguments);
int command_quota_list(const struct arguments *arguments);
int command_quota_set(const struct arguments *arguments);
int command_quota_show(const struct arguments *arguments);
int command_secret_rotate(const struct arguments *arguments);
int command_tenant_add(const struct arguments *arguments);
int command_tenant_disable(const struct arguments *arguments);
int command_tenant_enable(const struct arguments *arguments);
int command_tenant_import(const struct arguments *arguments);
int command_tenant_list(const struct arguments *arguments);
int command_tenant_set(const struct arguments *arguments);
int command_tenant_show(const struct arguments *arguments);
int command_tenant_unset(const struct arguments *arguments);
int command_errors(const struct arguments *arguments);
int command_doctor(const struct arguments *arguments);
int command_support(const struct arguments *arguments);
int command_ping(const struct arguments *arguments);
int command_top(const struct arguments *arguments);
int command_report(const struct arguments *arguments);
int command_webhook_replay(const struct arguments *arguments);
int command_maintain(const struct arguments *arguments);
int command_queue_release(const struct arguments *arguments);

#endif
