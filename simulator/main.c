/*
 * message-sender-simulator: the Graph API, the Tenant Service and the Conversation Service, for
 * tests and for trying things out. README.md is its manual.
 */
#include "simulator/cert.h"
#include "simulator/sim.h"

#include <errno.h>
#include <getopt.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef PACKAGE_VERSION /* config.h has it */
#define PACKAGE_VERSION "(built by hand)"
#endif

static const char help[] =
	"usage: message-sender-simulator --dir DIR [options]\n"
	"\n"
	"  --dir DIR              write ca.pem here, and, when ready, ports\n"
	"  --plain PORT           HTTP on 127.0.0.1, and control calls (default 0 = any free)\n"
	"  --tls PORT             HTTPS on 127.0.0.1 (default 0 = any free)\n"
	"  --latency-ms N         how long a Graph call takes (default 0)\n"
	"  --service-latency-ms N the same for Tenant and Conversation Services (default 0)\n"
	"  --http1                do not offer HTTP/2\n"
	"  --h2-streams N         streams a client may open on one connection (default 100)\n"
	"  --strict-token         only the token last given out for a number is good\n"
	"  --number-rate N        calls a second from one number, as Meta enforces it (default 0 = "
	"any)\n"
	"  --pair-rule            one call in 6 s to one recipient, 45 lent, as Meta enforces it\n"
	"  --prepend-country CC   put CC before a recipient without plus, as Meta does\n"
	"  --journal FILE         a line for each message a service was asked to take\n"
	"  --webhook-url URL      send webhooks: http://127.0.0.1:PORT/api/v1/webhooks/whatsapp\n"
	"  --app-secret SECRET    what they are signed with\n"
	"  --receipts JSON        what they report, where nothing else is ordered\n"
	"  --help, --version\n";

struct options {
	const char *dir;
	const char *journal;
	int plain_port;
	int tls_port;
	int graph_ms;
	int service_ms;
	int h2_streams;
	bool http1;
	bool strict_token;
	const char *country;
	const char *webhook_url;
	const char *app_secret;
	const char *receipts;
	struct limits_rules limits;
};

static int usage_error(const char *text, const char *value)
{
	fprintf(stderr, "message-sender-simulator: %s: %s\n", text, value);
	return -1;
}

static int read_number(const char *text, int max, int *ret)
{
	char *end;

	errno = 0;
	long n = strtol(text, &end, 10);
	if (errno || end == text || *end || n < 0 || n > max)
		return usage_error("not a number in range", text);
	*ret = (int)n;
	return 0;
}

static int read_option(struct options *options, int option, const char *value)
{
	switch (option) {
	case 'd':
		options->dir = value;
		return 0;
	case 'p':
		return read_number(value, 65535, &options->plain_port);
	case 't':
		return read_number(value, 65535, &options->tls_port);
	case 'l':
		return read_number(value, 3600000, &options->graph_ms);
	case 's':
		return read_number(value, 3600000, &options->service_ms);
	case 'n':
		return read_number(value, 100000, &options->h2_streams);
	case '1':
		options->http1 = true;
		return 0;
	case 'k':
		options->strict_token = true;
		return 0;
	case 'c':
		options->country = value;
		if (strlen(value) <= 3 && value[0] && !value[strspn(value, "0123456789")])
			return 0;
		return usage_error("not a country code", value);
	case 'r':
		return read_number(value, 100000, &options->limits.number_rate);
	case 'q':
		options->limits.pair_seconds = LIMITS_PAIR_SECONDS;
		return 0;
	case 'j':
		options->journal = value;
		return 0;
	case 'u':
		options->webhook_url = value;
		return 0;
	case 'a':
		options->app_secret = value;
		return 0;
	case 'w':
		options->receipts = value;
		return 0;
	case 'h':
		fputs(help, stdout);
		exit(0);
	case 'v':
		puts("message-sender-simulator " PACKAGE_VERSION);
		exit(0);
	default:
		return -1;
	}
}

static int read_options(struct options *options, int argc, char **argv)
{
	static const struct option known[] = {
		{ "dir", required_argument, NULL, 'd' },
		{ "plain", required_argument, NULL, 'p' },
		{ "tls", required_argument, NULL, 't' },
		{ "latency-ms", required_argument, NULL, 'l' },
		{ "service-latency-ms", required_argument, NULL, 's' },
		{ "h2-streams", required_argument, NULL, 'n' },
		{ "http1", no_argument, NULL, '1' },
		{ "strict-token", no_argument, NULL, 'k' },
		{ "prepend-country", required_argument, NULL, 'c' },
		{ "number-rate", required_argument, NULL, 'r' },
		{ "pair-rule", no_argument, NULL, 'q' },
		{ "journal", required_argument, NULL, 'j' },
		{ "webhook-url", required_argument, NULL, 'u' },
		{ "app-secret", required_argument, NULL, 'a' },
		{ "receipts", required_argument, NULL, 'w' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1)
		if (read_option(options, option, optarg) < 0)
			return -1;
	if (optind < argc)
		return usage_error("unexpected argument", argv[optind]);
	return options->dir ? 0 : usage_error("missing option", "--dir");
}

struct signals {
	struct watch watch;
	struct loop *loop;
};

static void stop_on_signal(struct watch *watch, uint32_t events)
{
	struct signals *signals =
		(struct signals *)((char *)watch - offsetof(struct signals, watch));

	(void)events;
	signals->loop->stop = true;
}

static int watch_signals(struct signals *signals, struct loop *loop)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signals->loop = loop;
	signals->watch.ready = stop_on_signal;
	signals->watch.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals->watch.fd < 0)
		return -1;
	return loop_watch(loop, &signals->watch, EPOLLIN);
}

static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* There is a directory, and no file of ports: that would say "ready". */
static int prepare_dir(const char *dir)
{
	char path[4096];

	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return -1;
	snprintf(path, sizeof(path), "%s/ports", dir);
	return unlink(path) < 0 && errno != ENOENT ? -1 : 0;
}

/* By rename: a reader finds the whole file or none, and then the ports are open. */
static int write_ports(const struct sim *sim, const char *dir)
{
	char path[4096], draft[4200];

	snprintf(path, sizeof(path), "%s/ports", dir);
	snprintf(draft, sizeof(draft), "%s.new", path);
	FILE *file = fopen(draft, "we");
	if (!file)
		return -1;
	fprintf(file, "plain=%d\ntls=%d\n", sim->plain.port, sim->tls.port);
	if (fclose(file) != 0)
		return -1;
	return rename(draft, path);
}

static int open_webhooks(struct sim *sim, const struct options *options)
{
	struct webhook_rules rules;
	char why[128];

	sim->webhooks = webhooks_new(&sim->loop, sim->journal);
	sim->receipts = dict_new((void (*)(void *))receipts_free);
	rules = webhooks_rules(sim->webhooks);
	if (options->webhook_url)
		snprintf(rules.url, sizeof(rules.url), "%s", options->webhook_url);
	if (options->app_secret)
		snprintf(rules.secret, sizeof(rules.secret), "%s", options->app_secret);
	const char *fault = webhooks_set(sim->webhooks, &rules);
	if (!fault && options->receipts) {
		json_t *json = json_loads(options->receipts, 0, NULL);
		struct receipts *receipts = receipts_read(json, why);

		json_decref(json);
		dict_set(sim->receipts, "", receipts);
		fault = receipts ? NULL : why;
	}
	if (!fault)
		return 0;
	errno = EINVAL;
	return usage_error("webhooks", fault);
}

static int sim_open(struct sim *sim, const struct options *options)
{
	char ca[4096];

	sim->graph_ms = options->graph_ms;
	sim->service_ms = options->service_ms;
	sim->strict_token = options->strict_token;
	sim->country = options->country;
	if (prepare_dir(options->dir) < 0)
		return -1;
	if (options->journal && !(sim->journal = fopen(options->journal, "ae")))
		return -1;
	if (open_webhooks(sim, options) < 0)
		return -1;
	if (RAND_bytes((unsigned char *)&sim->run, sizeof(sim->run)) != 1)
		return -1;
	snprintf(ca, sizeof(ca), "%s/ca.pem", options->dir);
	sim->net.tls = cert_make_context(ca, !options->http1);
	if (!sim->net.tls)
		return -1;
	sim->net.loop = &sim->loop;
	sim->net.on_request = router_serve;
	sim->net.ctx = sim;
	sim->net.h2_streams = (uint32_t)options->h2_streams;
	sim->loop.after_round = (void (*)(void *))net_flush;
	sim->loop.ctx = &sim->net;
	sim->script = script_new();
	sim->limits = limits_new();
	limits_set(sim->limits, &options->limits);
	sim->messages = tally_new();
	sim->recipients = tally_new();
	sim->tokens = dict_new(free);
	if (listener_open(&sim->plain, &sim->net, options->plain_port, false) < 0 ||
	    listener_open(&sim->tls, &sim->net, options->tls_port, true) < 0)
		return -1;
	return write_ports(sim, options->dir);
}

static void sim_close(struct sim *sim)
{
	net_close(&sim->net);
	webhooks_free(sim->webhooks);
	dict_free(sim->receipts);
	listener_close(&sim->plain);
	listener_close(&sim->tls);
	script_free(sim->script);
	limits_free(sim->limits);
	tally_free(sim->messages);
	tally_free(sim->recipients);
	dict_free(sim->tokens);
	for (int i = 0; i < SERVICES; i++) {
		buf_free(&sim->last[i].target);
		buf_free(&sim->last[i].headers);
		buf_free(&sim->last[i].body);
	}
	SSL_CTX_free(sim->net.tls);
	if (sim->journal)
		fclose(sim->journal);
}

int main(int argc, char **argv)
{
	struct options options = {
		.h2_streams = 100,
		.limits = { .tolerance_ms = LIMITS_TOLERANCE_MS, .pair_burst = LIMITS_PAIR_BURST },
	};
	struct sim *sim = buf_alloc(1, sizeof(*sim));
	struct signals signals;

	if (read_options(&options, argc, argv) < 0) {
		fputs(help, stderr);
		return 2;
	}
	raise_file_limit();
	if (loop_open(&sim->loop) < 0 || watch_signals(&signals, &sim->loop) < 0 ||
	    sim_open(sim, &options) < 0) {
		fprintf(stderr, "message-sender-simulator: cannot start: %s\n", strerror(errno));
		ERR_print_errors_fp(stderr);
		return 1;
	}
	int rc = loop_run(&sim->loop);
	prepare_dir(options.dir);
	sim_close(sim);
	close(signals.watch.fd);
	loop_close(&sim->loop);
	free(sim);
	return rc < 0 ? 1 : 0;
}
