#include "process/management.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi/server.h"
#include "http/problem.h"

#define MAX_CONNECTIONS 16
#define MAX_BODY_BYTES 1024
#define MAX_PARAMS_BYTES 16384
#define TIMEOUT_MS 5000
#define TEXT_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct management {
	struct fcgi_server *server;
	const struct metrics *metrics;
	management_ready_fn *not_ready;
	void *arg;
};

static void answer_metrics(const struct management *m, struct http_response *r)
{
	http_response_init(r, 200);
	r->type = TEXT_TYPE;
	if (metrics_text(m->metrics, &r->body))
		return;
	http_response_fini(r);
	http_problem(r, PROBLEM_INTERNAL, NULL);
}

static void answer_word(struct http_response *r, int status, const char *word)
{
	http_response_init(r, status);
	r->type = TEXT_TYPE;
	(void)str_append_format(&r->body, "%s\n", word);
}

static void answer_live(const struct management *m, struct http_response *r)
{
	(void)m;
	answer_word(r, 200, "live");
}

static void answer_ready(const struct management *m, struct http_response *r)
{
	const char *why = m->not_ready(m->arg);

	answer_word(r, why ? 503 : 200, why ? why : "ready");
}

static const struct {
	const char *path;
	void (*answer)(const struct management *m, struct http_response *r);
} pages[] = {
	{ "/metrics", answer_metrics },
	{ "/livez", answer_live },
	{ "/readyz", answer_ready },
};

static void answer(const struct management *m, const struct http_request *request,
		   struct http_response *r)
{
	if (request->fault != HTTP_FAULT_NONE) {
		http_problem(r, PROBLEM_INVALID_REQUEST, NULL);
		return;
	}
	if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0) {
		http_problem(r, PROBLEM_METHOD_NOT_ALLOWED, NULL);
		http_response_header(r, "Allow", "GET, HEAD");
		return;
	}
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		if (strcmp(request->path, pages[i].path) == 0) {
			pages[i].answer(m, r);
			return;
		}
	}
	http_problem(r, PROBLEM_NOT_FOUND, NULL);
}

static void on_request(void *arg, uint64_t id, const struct http_request *request)
{
	const struct management *m = arg;
	struct http_response response;

	answer(m, request, &response);
	(void)fcgi_server_answer(m->server, id, &response);
	http_response_fini(&response);
}

struct management *management_new(struct loop *loop, int listen_fd, const struct metrics *metrics,
				  management_ready_fn *not_ready, void *arg, struct err *ret_err)
{
	const struct fcgi_server_settings settings = {
		.listen_fd = listen_fd,
		.max_connections = MAX_CONNECTIONS,
		.max_body_bytes = MAX_BODY_BYTES,
		.max_params_bytes = MAX_PARAMS_BYTES,
		.max_held_bytes = MAX_CONNECTIONS * (size_t)MAX_PARAMS_BYTES,
		.read_timeout_ms = TIMEOUT_MS,
		.idle_timeout_ms = TIMEOUT_MS,
	};
	struct management *m = calloc(1, sizeof(*m));

	if (!m) {
		err_set(ret_err, ERR_TEMPORARY, 0, "no memory for management");
		return NULL;
	}
	*m = (struct management){ .metrics = metrics, .not_ready = not_ready, .arg = arg };
	m->server = fcgi_server_new(loop, &settings, on_request, m, ret_err);
	if (m->server)
		return m;
	free(m);
	return NULL;
}

void management_free(struct management *m)
{
	if (!m)
		return;
	fcgi_server_free(m->server);
	free(m);
}

void management_close(struct management *m)
{
	if (m)
		fcgi_server_close(m->server, false);
}
