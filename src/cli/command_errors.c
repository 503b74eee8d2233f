/*
 * errors - the dictionary of errors as a page of the manual, from the tables.
 */
#include <stdio.h>

#include "cli/command.h"
#include "domain/graph_error.h"
#include "http/problem.h"

static void print_wait(const struct graph_error *row)
{
	switch (row->wait) {
	case GRAPH_WAIT_DOUBLE:
		(void)printf("again after %d s, doubled up to %d s", row->first_wait_s,
			     row->last_wait_s);
		return;
	case GRAPH_WAIT_POWER4:
		(void)printf("again after 4^n s, up to %d s", row->last_wait_s);
		return;
	case GRAPH_WAIT_FIXED:
		(void)printf("again after %d s", row->first_wait_s);
		return;
	case GRAPH_WAIT_NONE:
		break;
	}
	switch (row->class) {
	case GRAPH_AUTH:
		(void)printf("once more with a new token; then failed, or held until it is mended");
		return;
	case GRAPH_AMBIGUOUS:
		(void)printf("unknown: settled by a receipt, UNKNOWN_POLICY or a person");
		return;
	case GRAPH_NONE:
		(void)printf("-");
		return;
	default:
		(void)printf("failed");
	}
}

static void print_graph_errors(void)
{
	size_t count;
	const struct graph_error *rows = graph_error_rows(&count);

	(void)printf("| code | what | class | what we do | what to do |\n|---|---|---|---|---|\n");
	for (size_t i = 0; i < count; i++) {
		if (rows[i].first_code < 0)
			(void)printf("| %d (%s) ", rows[i].first_code, rows[i].name);
		else
			(void)printf("| %s ", rows[i].name);
		(void)printf("| %s | %s | ", rows[i].title, graph_class_name(rows[i].class));
		print_wait(&rows[i]);
		(void)printf(" | %s |\n", rows[i].action);
	}
}

int command_errors(const struct arguments *arguments)
{
	(void)arguments;
	(void)printf("# Errors\n\nWritten by `message-sender errors`, from src/http/problem.c and "
		     "src/domain/graph_error_rows.h.\n\n## What callers are told\n\nEvery error "
		     "body has `error`, `message`, `code`, and `details` where there is more to "
		     "say.\n\n");
	http_problem_print_reference(stdout);
	(void)printf("\nThe web server answers for itself what does not reach the service, in the "
		     "same form. `UNAVAILABLE` (503: the service\ncannot be reached), `TIMEOUT` "
		     "(504: it did not answer in time) and `INTERNAL` (500: it ended without an "
		     "answer): the\nmessage may have been taken; repeat the request with its "
		     "Idempotency-Key; `message-sender ping` tells whether the service\nlives. "
		     "`LENGTH_REQUIRED` (411): send `Content-Length`. `INVALID_REQUEST`, "
		     "`BODY_TOO_LARGE`: as above.\n");
	(void)printf("\n## Why messages fail or wait\n\n`failure_code` in reports, `code` in the "
		     "log, under `details` of `SEND_FAILED`: Meta's, as 131026 or\n100/33 (with a "
		     "subcode); below 0 a case of our own. What we do: to a message nobody waits "
		     "for. Somebody waits: the\ncontract's attempts (MAX_RETRIES, waits of 1, 2 "
		     "and 4 s) and then failed; a code that is not tried again fails at once.\n\n");
	print_graph_errors();
	return 0;
}
