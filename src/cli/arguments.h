/*
 * arguments - what stands behind the words of a command: an operand and options, "--name
 * VALUE" or "--name=VALUE".  "-" is an operand.  Pure.
 */
#ifndef CLI_ARGUMENTS_H
#define CLI_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "domain/message.h"

enum argument {
	ARGUMENT_OPERAND = 1 << 0,
	ARGUMENT_CONFIG = 1 << 1, /* --config FILE */
	ARGUMENT_JSON = 1 << 2,   /* --json */
	ARGUMENT_TENANT = 1 << 3, /* --tenant ID */
	ARGUMENT_AS = 1 << 4,     /* --as WHAT */
	ARGUMENT_WHY = 1 << 5,    /* --why TEXT */
	ARGUMENT_BY = 1 << 6,     /* --by NAME */
	ARGUMENT_WAMID = 1 << 7,  /* --wamid ID */
	ARGUMENT_HELP = 1 << 8,   /* --help, -h: every command takes it */
	ARGUMENT_OUTLET = 1 << 9, /* --outlet TENANT/OUTLET, or behind --tenant ID --outlet ID */
	ARGUMENT_NUMBER = 1 << 10,
	ARGUMENT_ALL = 1 << 11,  /* --all */
	ARGUMENT_LIST = 1 << 12, /* --list */
	ARGUMENT_CODE = 1 << 13,
	ARGUMENT_SINCE = 1 << 14,
	ARGUMENT_UNTIL = 1 << 15,
	ARGUMENT_LIMIT = 1 << 16,
	ARGUMENT_RATE = 1 << 17,
	ARGUMENT_YES = 1 << 18,
	ARGUMENT_AGAIN = 1 << 19,   /* --again, --include-unknown */
	ARGUMENT_DRY_RUN = 1 << 20, /* --dry-run */
	ARGUMENT_UNKNOWN_POLICY = 1 << 21,
	ARGUMENT_QUARANTINE = 1 << 22,
	ARGUMENT_SECOND = 1 << 23, /* another operand, behind the first */
	ARGUMENT_NUMBER_RATE = 1 << 24,
	ARGUMENT_WEIGHT = 1 << 25,
	ARGUMENT_CSV = 1 << 26,
	ARGUMENT_TIME_ZONE = 1 << 27,
	ARGUMENT_NAME = 1 << 28,
	ARGUMENT_SECRETS = 1 << 29, /* --token-file FILE, --app-secret-file FILE */
	ARGUMENT_LIMITS = 1 << 30,  /* --daily N, --monthly N */
	ARGUMENT_KEY = 1u << 31,    /* --scope LIST, --expires TIME, --grace SECONDS */
};

/* Borrowed from argv; null: not given. */
struct arguments {
	const char *operand;
	const char *second;
	const char *config_file;
	bool json;
	const char *tenant;
	const char *as;
	const char *why;
	const char *by;
	const char *wamid;
	const char *outlet;
	const char *number;
	bool all;
	bool list;
	const char *code;
	const char *since;
	const char *until;
	const char *limit;
	const char *rate;
	bool yes;
	bool again;
	bool include_unknown;
	bool dry_run;
	const char *unknown_policy;
	const char *quarantine;
	const char *number_rate;
	const char *weight;
	bool csv;
	const char *time_zone;
	const char *name;
	const char *token_file;
	const char *app_secret_file;
	const char *daily;
	const char *monthly;
	const char *scope;
	const char *expires;
	const char *grace;
	bool help;
};

struct arguments_outlet {
	char tenant_id[MESSAGE_TOKEN_MAX + 1];
	char outlet_id[MESSAGE_TOKEN_MAX + 1];
};

/* takes, needs: enum argument, or-ed.  --help makes all else unnecessary.  False: ret_fault
 * says what is wrong. */
bool arguments_read(int argc, char **argv, unsigned takes, unsigned needs,
		    struct arguments *ret_arguments, char *ret_fault, size_t size) MUST_CHECK;

/* What --outlet names: with --tenant an outlet of that; else both, divided by the first slash, so
 * that a tenant id with a slash needs --tenant.  Null, or what is wrong. */
const char *arguments_outlet(const struct arguments *arguments,
			     struct arguments_outlet *ret_outlet) MUST_CHECK;

#endif
