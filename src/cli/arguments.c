#include "cli/arguments.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

struct option {
	const char *name;
	enum argument argument;
	bool valued;
	size_t offset; /* in struct arguments: of a const char *, or of a bool */
};

static const struct option options[] = {
	{ "--config", ARGUMENT_CONFIG, true, offsetof(struct arguments, config_file) },
	{ "--json", ARGUMENT_JSON, false, offsetof(struct arguments, json) },
	{ "--tenant", ARGUMENT_TENANT, true, offsetof(struct arguments, tenant) },
	{ "--as", ARGUMENT_AS, true, offsetof(struct arguments, as) },
	{ "--why", ARGUMENT_WHY, true, offsetof(struct arguments, why) },
	{ "--by", ARGUMENT_BY, true, offsetof(struct arguments, by) },
	{ "--wamid", ARGUMENT_WAMID, true, offsetof(struct arguments, wamid) },
	{ "--outlet", ARGUMENT_OUTLET, true, offsetof(struct arguments, outlet) },
	{ "--number", ARGUMENT_NUMBER, true, offsetof(struct arguments, number) },
	{ "--all", ARGUMENT_ALL, false, offsetof(struct arguments, all) },
	{ "--list", ARGUMENT_LIST, false, offsetof(struct arguments, list) },
	{ "--code", ARGUMENT_CODE, true, offsetof(struct arguments, code) },
	{ "--since", ARGUMENT_SINCE, true, offsetof(struct arguments, since) },
	{ "--until", ARGUMENT_UNTIL, true, offsetof(struct arguments, until) },
	{ "--limit", ARGUMENT_LIMIT, true, offsetof(struct arguments, limit) },
	{ "--rate", ARGUMENT_RATE, true, offsetof(struct arguments, rate) },
	{ "--yes", ARGUMENT_YES, false, offsetof(struct arguments, yes) },
	{ "--again", ARGUMENT_AGAIN, false, offsetof(struct arguments, again) },
	{ "--include-unknown", ARGUMENT_AGAIN, false, offsetof(struct arguments, include_unknown) },
	{ "--dry-run", ARGUMENT_DRY_RUN, false, offsetof(struct arguments, dry_run) },
	{ "--unknown-policy", ARGUMENT_UNKNOWN_POLICY, true,
	  offsetof(struct arguments, unknown_policy) },
	{ "--quarantine", ARGUMENT_QUARANTINE, true, offsetof(struct arguments, quarantine) },
	{ "--number-rate", ARGUMENT_NUMBER_RATE, true, offsetof(struct arguments, number_rate) },
	{ "--weight", ARGUMENT_WEIGHT, true, offsetof(struct arguments, weight) },
	{ "--time-zone", ARGUMENT_TIME_ZONE, true, offsetof(struct arguments, time_zone) },
	{ "--csv", ARGUMENT_CSV, false, offsetof(struct arguments, csv) },
	{ "--name", ARGUMENT_NAME, true, offsetof(struct arguments, name) },
	{ "--token-file", ARGUMENT_SECRETS, true, offsetof(struct arguments, token_file) },
	{ "--app-secret-file", ARGUMENT_SECRETS, true,
	  offsetof(struct arguments, app_secret_file) },
	{ "--daily", ARGUMENT_LIMITS, true, offsetof(struct arguments, daily) },
	{ "--monthly", ARGUMENT_LIMITS, true, offsetof(struct arguments, monthly) },
	{ "--scope", ARGUMENT_KEY, true, offsetof(struct arguments, scope) },
	{ "--expires", ARGUMENT_KEY, true, offsetof(struct arguments, expires) },
	{ "--grace", ARGUMENT_KEY, true, offsetof(struct arguments, grace) },
	{ "--help", ARGUMENT_HELP, false, offsetof(struct arguments, help) },
	{ "-h", ARGUMENT_HELP, false, offsetof(struct arguments, help) },
};

#define OPTIONS (sizeof(options) / sizeof(options[0]))

static const struct option *find(const char *word, unsigned takes)
{
	const size_t len = strcspn(word, "=");

	for (size_t i = 0; i < OPTIONS; i++)
		if ((options[i].argument & takes) && strlen(options[i].name) == len &&
		    strncmp(options[i].name, word, len) == 0)
			return &options[i];
	return NULL;
}

/* Takes the option at argv[at], with its value; how many words it has, 0: ret_fault. */
static int take(const struct option *option, int argc, char **argv, int at, struct arguments *a,
		char *ret_fault, size_t size)
{
	char *field = (char *)a + option->offset;
	const char *value = strchr(argv[at], '=');
	int used = 1;

	if (!option->valued) {
		if (value)
			(void)snprintf(ret_fault, size, "%s takes no value", option->name);
		else
			*(bool *)(void *)field = true;
		return value ? 0 : 1;
	}
	if (value)
		value++;
	else if (at + 1 < argc) {
		value = argv[at + 1];
		used = 2;
	}
	if (!value || !*value) {
		(void)snprintf(ret_fault, size, "%s needs a value", option->name);
		return 0;
	}
	*(const char **)(void *)field = value;
	return used;
}

/* Some arguments have more than one option; none comes twice. */
static bool is_there(const struct option *option, const struct arguments *a)
{
	const char *field = (const char *)a + option->offset;

	return option->valued ? *(const char *const *)(const void *)field != NULL
			      : *(const bool *)(const void *)field;
}

static bool is_operand(const char *word)
{
	return *word && (*word != '-' || !word[1]);
}

bool arguments_read(int argc, char **argv, unsigned takes, unsigned needs,
		    struct arguments *ret_arguments, char *ret_fault, size_t size)
{
	struct arguments a = { .operand = NULL };
	unsigned given = 0;

	for (int at = 0; at < argc;) {
		const struct option *option = find(argv[at], takes | ARGUMENT_HELP);
		const unsigned operand = a.operand && takes & ARGUMENT_SECOND ? ARGUMENT_SECOND
									      : ARGUMENT_OPERAND;
		const unsigned argument = option ? option->argument : operand;
		int used = 1;

		if (option ? is_there(option, &a)
			   : given & argument || !(takes & ARGUMENT_OPERAND) ||
				     !is_operand(argv[at])) {
			(void)snprintf(ret_fault, size, "cannot use \"%.80s\"", argv[at]);
			return false;
		}
		if (option)
			used = take(option, argc, argv, at, &a, ret_fault, size);
		else if (argument == ARGUMENT_SECOND)
			a.second = argv[at];
		else
			a.operand = argv[at];
		if (!used)
			return false;
		given |= argument;
		at += used;
	}
	if (!a.help && (given & needs) != needs) {
		(void)snprintf(ret_fault, size, "something is missing");
		return false;
	}
	*ret_arguments = a;
	return true;
}

static bool take_token(char *ret_token, const char *text, size_t len)
{
	if (!text_visible_ascii(text, len, MESSAGE_TOKEN_MAX))
		return false;
	memcpy(ret_token, text, len);
	ret_token[len] = '\0';
	return true;
}

const char *arguments_outlet(const struct arguments *arguments, struct arguments_outlet *ret_outlet)
{
	const char *tenant = arguments->tenant ? arguments->tenant : arguments->outlet;
	const char *outlet = arguments->outlet;
	size_t len = strlen(tenant);
	struct arguments_outlet found = { .tenant_id = "" };

	if (!arguments->tenant) {
		len = strcspn(outlet, "/");
		outlet += len + (outlet[len] == '/');
	}
	if (!take_token(found.tenant_id, tenant, len) ||
	    !take_token(found.outlet_id, outlet, strlen(outlet)))
		return "--outlet is TENANT/OUTLET, or OUTLET with --tenant TENANT; each 1 to 128 "
		       "visible ASCII characters";
	*ret_outlet = found;
	return NULL;
}
