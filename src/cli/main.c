/*
 * main - finds the subcommand, reads its arguments, and runs it.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/configuration.h"
#include "cli/private.h"

#define WHAT_IS_HELD \
	"--tenant ID | --outlet TENANT/OUTLET | --tenant ID --outlet ID | --number ID | --all"
#define WHOSE_HOLD                                                                           \
	(ARGUMENT_TENANT | ARGUMENT_OUTLET | ARGUMENT_NUMBER | ARGUMENT_ALL | ARGUMENT_WHY | \
	 ARGUMENT_BY | ARGUMENT_CONFIG)
#define OWN_TENANT \
	(ARGUMENT_OPERAND | ARGUMENT_NAME | ARGUMENT_TIME_ZONE | ARGUMENT_JSON | ARGUMENT_CONFIG)
#define OWN_QUOTA (ARGUMENT_OPERAND | ARGUMENT_LIMITS | ARGUMENT_JSON | ARGUMENT_CONFIG)
#define OWN_OUTLET (ARGUMENT_OPERAND | ARGUMENT_SECOND | ARGUMENT_JSON | ARGUMENT_CONFIG)

static const struct command commands[] = {
	{ "serve", "[--config FILE]", "serve in the foreground; logs go to stderr", ARGUMENT_CONFIG,
	  0, command_serve },
	{ "db migrate", "[--config FILE]", "bring the database's schema up to date",
	  ARGUMENT_CONFIG, 0, command_migrate },
	{ "check", "[--json] [--config FILE]", "look for what must not be in the database",
	  ARGUMENT_JSON | ARGUMENT_CONFIG, 0, command_check },
	{ "message show", "ID [--json] [--config FILE]", "print a message and what happened to it",
	  ARGUMENT_OPERAND | ARGUMENT_JSON | ARGUMENT_CONFIG, ARGUMENT_OPERAND,
	  command_message_show },
	{ "message explain", "ID [--json] [--config FILE]",
	  "tell what holds a message now, or why it ended as it did",
	  ARGUMENT_OPERAND | ARGUMENT_JSON | ARGUMENT_CONFIG, ARGUMENT_OPERAND,
	  command_message_explain },
	{ "message cancel", "ID [--config FILE]",
	  "cancel a message that was not sent, and of which no attempt is under way",
	  ARGUMENT_OPERAND | ARGUMENT_CONFIG, ARGUMENT_OPERAND, command_message_cancel },
	{ "batch show", "ID [--json] [--config FILE]",
	  "print how the messages of a bulk call stand",
	  ARGUMENT_OPERAND | ARGUMENT_JSON | ARGUMENT_CONFIG, ARGUMENT_OPERAND,
	  command_batch_show },
	{ "batch cancel", "ID [--json] [--config FILE]",
	  "cancel what is not sent of a bulk call, and print how it stands then",
	  ARGUMENT_OPERAND | ARGUMENT_JSON | ARGUMENT_CONFIG, ARGUMENT_OPERAND,
	  command_batch_cancel },
	{ "queue status", "[--config FILE]", "count what is left to do: by state, lane and worker",
	  ARGUMENT_CONFIG, 0, command_queue_status },
	{ "queue unknown", "[--tenant ID] [--json] [--config FILE]",
	  "list messages whose reply was lost", ARGUMENT_TENANT | ARGUMENT_JSON | ARGUMENT_CONFIG,
	  0, command_queue_unknown },
	{ "queue resolve",
	  "ID --as sent|failed|resend --why TEXT --by NAME [--wamid ID] [--config FILE] | "
	  "--as sent|failed|resend [--tenant ID] [--outlet TENANT/OUTLET, with --tenant OUTLET] "
	  "[--number ID] [--code N] [--since TIME] [--until TIME] [--limit N] "
	  "[--yes --by NAME --why TEXT] [--config FILE]",
	  "decide about one of them, or about many (--yes), or tell which; it is recorded who and "
	  "why; 1000 at most, unless told otherwise",
	  ARGUMENT_OPERAND | ARGUMENT_AS | ARGUMENT_WHY | ARGUMENT_BY | ARGUMENT_WAMID |
		  ARGUMENT_TENANT | ARGUMENT_OUTLET | ARGUMENT_NUMBER | ARGUMENT_CODE |
		  ARGUMENT_SINCE | ARGUMENT_UNTIL | ARGUMENT_LIMIT | ARGUMENT_YES | ARGUMENT_CONFIG,
	  ARGUMENT_AS, command_queue_resolve },
	{ "metrics reference", "", "print the reference of all metrics (Markdown)", 0, 0,
	  command_metrics_reference },
	{ "metrics", "[--config FILE]", "print what the running node counts (Prometheus text)",
	  ARGUMENT_CONFIG, 0, command_metrics },
	{ "ping", "[--config FILE]",
	  "is the running node alive and ready? For Nagios: exit status 0 ready, 1 not ready, 2 no "
	  "answer, 3 not to be told",
	  ARGUMENT_CONFIG, 0, command_ping },
	{ "top", "[--config FILE]",
	  "show what the running node does, every 2 seconds until interrupted; once when the "
	  "output is no terminal",
	  ARGUMENT_CONFIG, 0, command_top },
	{ "pause", WHAT_IS_HELD " [--why TEXT] [--by NAME] | --list [--json] [--config FILE]",
	  "begin no attempts for a tenant, an outlet, a number or at all; list what is held",
	  WHOSE_HOLD | ARGUMENT_LIST | ARGUMENT_JSON, 0, command_pause },
	{ "resume", WHAT_IS_HELD " [--why TEXT] [--by NAME] [--config FILE]",
	  "go on with them, at once and in order", WHOSE_HOLD, 0, command_resume },
	{ "queue replay",
	  "[--tenant ID] [--outlet TENANT/OUTLET, with --tenant OUTLET] [--number ID] [--code N] "
	  "[--since TIME] "
	  "[--until TIME] [--limit N] [--again] [--include-unknown] [--json] "
	  "[--yes --by NAME --why TEXT [--rate N]] [--config FILE]",
	  "send failed messages once more, as new ones (--yes), or tell which ones; of the last 24 "
	  "hours, 1000 at most, 50 a second, unless told otherwise",
	  ARGUMENT_TENANT | ARGUMENT_OUTLET | ARGUMENT_NUMBER | ARGUMENT_CODE | ARGUMENT_SINCE |
		  ARGUMENT_UNTIL | ARGUMENT_LIMIT | ARGUMENT_RATE | ARGUMENT_YES | ARGUMENT_AGAIN |
		  ARGUMENT_JSON | ARGUMENT_BY | ARGUMENT_WHY | ARGUMENT_CONFIG,
	  0, command_queue_replay },
	{ "tenant add", "TENANT [--name TEXT] [--time-zone ZONE] [--json] [--config FILE]",
	  "add a tenant: without TENANT_SERVICE_URL, who may send is in the database", OWN_TENANT,
	  ARGUMENT_OPERAND, command_tenant_add },
	{ "tenant list", "[--json] [--config FILE]", "list these tenants",
	  ARGUMENT_JSON | ARGUMENT_CONFIG, 0, command_tenant_list },
	{ "tenant disable", "TENANT [--json] [--config FILE]", "let it send no more",
	  ARGUMENT_OPERAND | ARGUMENT_JSON | ARGUMENT_CONFIG, ARGUMENT_OPERAND,
	  command_tenant_disable },
	{ "tenant enable", "TENANT [--json] [--config FILE]", "let it send again",
	  ARGUMENT_OPERAND | ARGUMENT_JSON | ARGUMENT_CONFIG, ARGUMENT_OPERAND,
	  command_tenant_enable },
	{ "tenant import", "FILE.csv [--json] [--config FILE]",
	  "add or change many; columns tenant_id, name, time_zone; - is standard input",
	  ARGUMENT_OPERAND | ARGUMENT_JSON | ARGUMENT_CONFIG, ARGUMENT_OPERAND,
	  command_tenant_import },
	{ "tenant set",
	  "TENANT [--name TEXT] [--time-zone ZONE] [--unknown-policy hold|evidence|resend|fail "
	  "[--quarantine SECONDS]] [--rate N] [--weight N] [--why TEXT] [--by NAME] [--json] "
	  "[--config FILE]",
	  "change a tenant; count its days in this time zone; settle its lost replies otherwise "
	  "than UNKNOWN_POLICY says; let it send so many messages a second (0: no limit), with "
	  "another weight against others than 1",
	  OWN_TENANT | ARGUMENT_UNKNOWN_POLICY | ARGUMENT_QUARANTINE | ARGUMENT_RATE |
		  ARGUMENT_WEIGHT | ARGUMENT_WHY | ARGUMENT_BY,
	  ARGUMENT_OPERAND, command_tenant_set },
	{ "tenant show", "TENANT [--json] [--config FILE]",
	  "print a tenant, its policy, rate and time zone, who set them and why",
	  ARGUMENT_OPERAND | ARGUMENT_JSON | ARGUMENT_CONFIG, ARGUMENT_OPERAND,
	  command_tenant_show },
	{ "tenant unset", "TENANT [--json] [--config FILE]", "take policy, rate and time zone back",
	  ARGUMENT_OPERAND | ARGUMENT_JSON | ARGUMENT_CONFIG, ARGUMENT_OPERAND,
	  command_tenant_unset },
	{ "outlet add",
	  "TENANT OUTLET --number ID [--token-file FILE] [--app-secret-file FILE] "
	  "[--time-zone ZONE] [--number-rate N] [--json] [--config FILE]",
	  "add an outlet of a tenant of the database: WhatsApp's phone number id and access "
	  "token, stored under the master key; FILE - is standard input",
	  OWN_OUTLET | ARGUMENT_NUMBER | ARGUMENT_SECRETS | ARGUMENT_TIME_ZONE |
		  ARGUMENT_NUMBER_RATE,
	  ARGUMENT_OPERAND | ARGUMENT_SECOND | ARGUMENT_NUMBER, command_outlet_add },
	{ "outlet list", "[--tenant ID] [--json] [--config FILE]", "list these outlets",
	  ARGUMENT_TENANT | ARGUMENT_JSON | ARGUMENT_CONFIG, 0, command_outlet_list },
	{ "outlet disable", "TENANT OUTLET [--json] [--config FILE]", "let it send no more",
	  OWN_OUTLET, ARGUMENT_OPERAND | ARGUMENT_SECOND, command_outlet_disable },
	{ "outlet enable", "TENANT OUTLET [--json] [--config FILE]", "let it send again",
	  OWN_OUTLET, ARGUMENT_OPERAND | ARGUMENT_SECOND, command_outlet_enable },
	{ "outlet import", "FILE.csv [--json] [--config FILE]",
	  "add or change many; columns tenant_id, outlet_id, number, token, app_secret, "
	  "time_zone; - is standard input",
	  ARGUMENT_OPERAND | ARGUMENT_JSON | ARGUMENT_CONFIG, ARGUMENT_OPERAND,
	  command_outlet_import },
	{ "outlet set",
	  "TENANT OUTLET [--number ID] [--token-file FILE] [--app-secret-file FILE] "
	  "[--time-zone ZONE] [--number-rate N] [--why TEXT] [--by NAME] [--json] "
	  "[--config FILE]",
	  "change an outlet; let its number send so many messages a second: 20, 80 or 1000, as "
	  "Meta says",
	  OWN_OUTLET | ARGUMENT_NUMBER | ARGUMENT_SECRETS | ARGUMENT_TIME_ZONE |
		  ARGUMENT_NUMBER_RATE | ARGUMENT_WHY | ARGUMENT_BY,
	  ARGUMENT_OPERAND | ARGUMENT_SECOND, command_outlet_set },
	{ "outlet show", "TENANT OUTLET [--json] [--config FILE]",
	  "print an outlet, without its secrets, and the rate of its number, who set it and why",
	  OWN_OUTLET, ARGUMENT_OPERAND | ARGUMENT_SECOND, command_outlet_show },
	{ "outlet unset", "TENANT OUTLET [--json] [--config FILE]", "take its rate back",
	  OWN_OUTLET, ARGUMENT_OPERAND | ARGUMENT_SECOND, command_outlet_unset },
	{ "quota add", "TENANT [--daily N] [--monthly N] [--json] [--config FILE]",
	  "let a tenant of the database send no more than so many messages in a day and a month of "
	  "its time zone; what was not sent in the end does not count",
	  OWN_QUOTA, ARGUMENT_OPERAND, command_quota_add },
	{ "quota set", "TENANT [--daily N] [--monthly N] [--json] [--config FILE]",
	  "the same, also for one that has limits: what is not named stays", OWN_QUOTA,
	  ARGUMENT_OPERAND, command_quota_set },
	{ "quota list", "[--json] [--config FILE]", "list limits, and what is used of them",
	  ARGUMENT_JSON | ARGUMENT_CONFIG, 0, command_quota_list },
	{ "quota show", "TENANT [--json] [--config FILE]", "print those of a tenant",
	  ARGUMENT_OPERAND | ARGUMENT_JSON | ARGUMENT_CONFIG, ARGUMENT_OPERAND,
	  command_quota_show },
	{ "quota disable", "TENANT [--json] [--config FILE]", "take a tenant's limits away",
	  ARGUMENT_OPERAND | ARGUMENT_JSON | ARGUMENT_CONFIG, ARGUMENT_OPERAND,
	  command_quota_disable },
	{ "quota import", "FILE.csv [--json] [--config FILE]",
	  "set many; columns tenant_id, daily, monthly; - is standard input",
	  ARGUMENT_OPERAND | ARGUMENT_JSON | ARGUMENT_CONFIG, ARGUMENT_OPERAND,
	  command_quota_import },
	{ "secret rotate", "[--json] [--config FILE]",
	  "seal what is stored anew under the first key of MASTER_KEY_FILE, while all serve on",
	  ARGUMENT_JSON | ARGUMENT_CONFIG, 0, command_secret_rotate },
	{ "key create",
	  "--tenant ID [--outlet ID,ID...] | --all --scope send,read,manage,report "
	  "[--expires TIME] [--why TEXT] [--by NAME] [--json] [--config FILE]",
	  "make an API key that may do that for a tenant (--all: for any), and print it this once",
	  ARGUMENT_TENANT | ARGUMENT_OUTLET | ARGUMENT_ALL | ARGUMENT_KEY | ARGUMENT_WHY |
		  ARGUMENT_BY | ARGUMENT_JSON | ARGUMENT_CONFIG,
	  0, command_key_create },
	{ "key list", "[--tenant ID] [--json] [--config FILE]",
	  "list keys, what they may do and when they were used",
	  ARGUMENT_TENANT | ARGUMENT_JSON | ARGUMENT_CONFIG, 0, command_key_list },
	{ "key rotate",
	  "ID [--grace SECONDS] [--expires TIME] [--why TEXT] [--by NAME] [--json] "
	  "[--config FILE]",
	  "make its successor, and print it this once; the old one goes on for so long (a day)",
	  ARGUMENT_OPERAND | ARGUMENT_KEY | ARGUMENT_WHY | ARGUMENT_BY | ARGUMENT_JSON |
		  ARGUMENT_CONFIG,
	  ARGUMENT_OPERAND, command_key_rotate },
	{ "key revoke", "ID [--by NAME] [--json] [--config FILE]",
	  "take a key back: no worker takes it 5 seconds later",
	  ARGUMENT_OPERAND | ARGUMENT_BY | ARGUMENT_JSON | ARGUMENT_CONFIG, ARGUMENT_OPERAND,
	  command_key_revoke },
	{ "queue release", "--why TEXT --by NAME [--config FILE]",
	  "let work go on after PostgreSQL was restored or failed over",
	  ARGUMENT_WHY | ARGUMENT_BY | ARGUMENT_CONFIG, ARGUMENT_WHY | ARGUMENT_BY,
	  command_queue_release },
	{ "webhook replay", "--since TIME [--until TIME] [--dry-run] [--json] [--config FILE]",
	  "apply once more what webhooks told that came in this time (WEBHOOK_KEEP_DAYS); what is "
	  "known already changes nothing, and nothing is sent again for it",
	  ARGUMENT_SINCE | ARGUMENT_UNTIL | ARGUMENT_DRY_RUN | ARGUMENT_JSON | ARGUMENT_CONFIG,
	  ARGUMENT_SINCE, command_webhook_replay },
	{ "report",
	  "daily|hourly|failure|latency|cost|queue|quota|unknown|hold|message|opt_out|"
	  "reply_window|number [--tenant ID] "
	  "[--since TIME] [--until TIME] [--limit N] [--csv | --json] [--config FILE]",
	  "print a report: what became of messages, why they failed, how long they took, what "
	  "waits, what webhooks told of customers and numbers; of the last 30 days (hourly: 2, "
	  "message: 1), 1000 rows at most, unless told otherwise",
	  ARGUMENT_OPERAND | ARGUMENT_TENANT | ARGUMENT_SINCE | ARGUMENT_UNTIL | ARGUMENT_LIMIT |
		  ARGUMENT_CSV | ARGUMENT_JSON | ARGUMENT_CONFIG,
	  ARGUMENT_OPERAND, command_report },
	{ "maintain", "[--config FILE]",
	  "count for the reports, make partitions ahead, and drop what is older than "
	  "RETENTION_DAYS; to be run every ten minutes or so",
	  ARGUMENT_CONFIG, 0, command_maintain },
	{ "check-config", "[--config FILE]", "check the settings and print those in force",
	  ARGUMENT_CONFIG, 0, command_check_config },
	{ "errors", "", "print the dictionary of errors (Markdown)", 0, 0, command_errors },
	{ "doctor", "[--config FILE]",
	  "test database, Tenant Service, Conversation Service, Graph API, sockets and clock from "
	  "here, and say what to mend",
	  ARGUMENT_CONFIG, 0, command_doctor },
	{ "support", "[--config FILE]",
	  "print what a report of a fault should have: version, settings, metrics, queue, "
	  "checks; "
	  "no secrets, no message, no phone number",
	  ARGUMENT_CONFIG, 0, command_support },
	{ "settings", "", "print the reference of all settings (Markdown)", 0, 0,
	  command_settings },
	{ "version", "", "print the version", 0, 0, command_version },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_usage(FILE *out)
{
	(void)fprintf(out, "usage: message-sender COMMAND\n\n");
	for (size_t i = 0; i < COMMANDS; i++)
		(void)fprintf(out, "  %s%s%s\n        %s\n", commands[i].words,
			      *commands[i].usage ? " " : "", commands[i].usage,
			      commands[i].meaning);
	(void)fprintf(out,
		      "\nSettings come from FILE (KEY=VALUE lines) and the environment,"
		      " which wins;\nwithout --config and DATABASE_URL from\n" CONFIGURATION_FILE
		      ".\n"
		      "Exit status: 0 done, 1 it failed, 2 wrong usage, 78 wrong settings.\n");
}

/* How many arguments the words of a command take; 0: they do not match. */
static int match(const char *words, int argc, char **argv)
{
	char joined[64];
	int used;

	(void)snprintf(joined, sizeof(joined), "%s", argv[0]);
	if (!strcmp(words, joined))
		return 1;
	if (argc < 2)
		return 0;
	used = snprintf(joined, sizeof(joined), "%s %s", argv[0], argv[1]);
	return used < (int)sizeof(joined) && !strcmp(words, joined) ? 2 : 0;
}

static int run(const struct command *command, int argc, char **argv)
{
	struct arguments arguments;
	char fault[160];

	if (!arguments_read(argc, argv, command->takes, command->needs, &arguments, fault,
			    sizeof(fault))) {
		(void)fprintf(stderr, "message-sender %s: %s; usage: message-sender %s%s%s\n",
			      command->words, fault, command->words, *command->usage ? " " : "",
			      command->usage);
		return EXIT_USAGE;
	}
	if (arguments.help) {
		(void)printf("usage: message-sender %s%s%s\n\n%s\n", command->words,
			     *command->usage ? " " : "", command->usage, command->meaning);
		return 0;
	}
	return command->run(&arguments);
}

static bool begins(const struct command *command, const char *word)
{
	const size_t len = strlen(word);

	return len && !strncmp(command->words, word, len) && command->words[len] == ' ';
}

/* The first word of some commands, without the second, or with one that none has. */
static bool explain_half(int argc, char **argv)
{
	bool any = false;

	for (size_t i = 0; i < COMMANDS; i++) {
		if (!begins(&commands[i], argv[0]))
			continue;
		if (!any && argc > 1)
			(void)fprintf(stderr,
				      "message-sender: there is no command \"%s %s\"; usage:\n",
				      argv[0], argv[1]);
		else if (!any)
			(void)fprintf(stderr, "message-sender %s: say what; usage:\n", argv[0]);
		any = true;
		(void)fprintf(stderr, "  message-sender %s %s\n        %s\n", commands[i].words,
			      commands[i].usage, commands[i].meaning);
	}
	return any;
}

int main(int argc, char **argv)
{
	private_keep();
	if (argc < 2) {
		print_usage(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--version"))
		return command_version(NULL);
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		print_usage(stdout);
		return 0;
	}
	for (size_t i = 0; i < COMMANDS; i++) {
		const int used = match(commands[i].words, argc - 1, argv + 1);

		if (used)
			return run(&commands[i], argc - 1 - used, argv + 1 + used);
	}
	if (explain_half(argc - 1, argv + 1))
		return EXIT_USAGE;
	(void)fprintf(stderr, "message-sender: there is no command \"%s\"\n", argv[1]);
	print_usage(stderr);
	return EXIT_USAGE;
}
