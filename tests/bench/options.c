#include "tests/bench/options.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PORT_MAX = 65535,
	TENANTS_MAX = 100000,
	CONNECTIONS_MAX = 15000, /* below the usual limits of files and of local ports */
	RATE_MAX = 100000,
	SECONDS_MAX = 86400,
	PRIORITY_MAX = 16
};

#define LETTERS "abcdefghijklmnopqrstuvwxyz"

static const char usage_text[] =
	"usage: bench-load --port N --rate R --seconds S [options]\n"
	"\n"
	"Sends POST requests to 127.0.0.1 at fixed times (open loop) over keep-alive\n"
	"connections and counts each latency from the moment the request was due.\n"
	"\n"
	"  --port N          port of the web server\n"
	"  --rate R          requests a second\n"
	"  --seconds S       length of the measured part\n"
	"  --warmup S        the same rate before it, not measured (0)\n"
	"  --ramp S          before that, the rate rising from 0, not measured (0)\n"
	"  --tenants N       tenants, each with one outlet and number (200)\n"
	"  --first-tenant N  the lowest of them, so that two loads have tenants apart (0)\n"
	"  --priority WORD   high, normal or bulk, as a field of every message\n"
	"  --connections N   most connections; who finds none free waits (4000)\n"
	"  --timeout S       for one answer (65)\n"
	"  --max-idle S      a connection idle for longer is not used again (2)\n"
	"  --tick-ms MS      requests start, and answers are read, once a tick (1)\n"
	"  --path PATH       (/api/v1/messages/send)\n"
	"  --async           add Prefer: respond-async\n"
	"  --json            one JSON object instead of text\n";

__attribute__((noreturn)) static void usage(const char *why, const char *value)
{
	fprintf(stderr, "bench-load: %s: %s\n\n%s", why, value, usage_text);
	exit(2);
}

static double number(const char *name, const char *text, double lowest, double highest)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end != '\0' || !isfinite(value) || value < lowest || value > highest) {
		fprintf(stderr, "bench-load: --%s wants a number from %g to %g, not \"%s\"\n", name,
			lowest, highest, text);
		exit(2);
	}
	return value;
}

static void set(struct options *o, char option, const char *name, const char *text)
{
	switch (option) {
	case 'p':
		o->port = (int)number(name, text, 1, PORT_MAX);
		break;
	case 'r':
		o->rate = number(name, text, 0.1, RATE_MAX);
		break;
	case 's':
		o->seconds = number(name, text, 0.1, SECONDS_MAX);
		break;
	case 'w':
		o->warmup = number(name, text, 0, SECONDS_MAX);
		break;
	case 'R':
		o->ramp = number(name, text, 0, SECONDS_MAX);
		break;
	case 't':
		o->tenants = (int)number(name, text, 1, TENANTS_MAX);
		break;
	case 'f':
		o->first_tenant = (int)number(name, text, 0, TENANTS_MAX);
		break;
	case 'y':
		if (strlen(text) > PRIORITY_MAX || text[strspn(text, LETTERS)] != '\0')
			usage("--priority is high, normal or bulk", text);
		o->priority = text;
		break;
	case 'c':
		o->connections = (int)number(name, text, 1, CONNECTIONS_MAX);
		break;
	case 'T':
		o->timeout = number(name, text, 0.1, SECONDS_MAX);
		break;
	case 'i':
		o->max_idle = number(name, text, 0, SECONDS_MAX);
		break;
	case 'k':
		o->tick_ms = number(name, text, 0.05, 100);
		break;
	case 'P':
		if (text[0] != '/')
			usage("--path begins with a slash", text);
		o->path = text;
		break;
	case 'h':
		fputs(usage_text, stdout);
		exit(0);
	case 'a':
		o->async = true;
		break;
	default:
		o->json = true;
		break;
	}
}

void options_parse(struct options *ret_options, int argc, char **argv)
{
	static const struct option names[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "rate", required_argument, NULL, 'r' },
		{ "seconds", required_argument, NULL, 's' },
		{ "warmup", required_argument, NULL, 'w' },
		{ "ramp", required_argument, NULL, 'R' },
		{ "tenants", required_argument, NULL, 't' },
		{ "first-tenant", required_argument, NULL, 'f' },
		{ "priority", required_argument, NULL, 'y' },
		{ "connections", required_argument, NULL, 'c' },
		{ "timeout", required_argument, NULL, 'T' },
		{ "max-idle", required_argument, NULL, 'i' },
		{ "tick-ms", required_argument, NULL, 'k' },
		{ "path", required_argument, NULL, 'P' },
		{ "help", no_argument, NULL, 'h' },
		{ "async", no_argument, NULL, 'a' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	struct options o = {
		.timeout = 65,
		.max_idle = 2,
		.tick_ms = 1,
		.tenants = 200,
		.connections = 4000,
		.path = "/api/v1/messages/send",
	};
	int option, which = 0;

	while ((option = getopt_long(argc, argv, "", names, &which)) != -1) {
		if (option == '?')
			exit(2);
		set(&o, (char)option, names[which].name, optarg);
	}
	if (optind < argc)
		usage("not an option", argv[optind]);
	if (o.port == 0 || o.rate <= 0 || o.seconds <= 0)
		usage("needed", "--port, --rate and --seconds");
	*ret_options = o;
}
