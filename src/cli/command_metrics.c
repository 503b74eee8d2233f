#include <stdio.h>

#include "cli/command.h"
#include "cli/configuration.h"
#include "fcgi/ask.h"
#include "metrics/metrics.h"

#define TIMEOUT_MS 5000
#define TEXT_MAX ((size_t)4 * 1024 * 1024)

int command_metrics(const struct arguments *arguments)
{
	struct str text = STR_INIT(TEXT_MAX);
	struct settings settings;
	struct err err;

	if (configuration_load(&settings, arguments->config_file))
		return EXIT_CONFIG;
	if (!*settings.management_socket) {
		(void)fprintf(stderr, "message-sender: metrics: set MANAGEMENT_SOCKET, for "
				      "example to /run/message-sender/management.sock\n");
		return EXIT_CONFIG;
	}
	if (fcgi_ask(settings.management_socket, "/metrics", TIMEOUT_MS, &text, &err)) {
		(void)fprintf(stderr, "message-sender: metrics: %s\n", err.text);
		str_fini(&text);
		return 1;
	}
	(void)fputs(text.data, stdout);
	str_fini(&text);
	return 0;
}

int command_metrics_reference(const struct arguments *arguments)
{
	(void)arguments;
	metrics_print_reference(stdout);
	return 0;
}
