/*
 * A transport with http2 serves one origin through h2_pool, that of its first https call,
 * and everything else through http1_pool.  When its server does not choose HTTP/2, the
 * calls move over, none of which has left yet.
 *
 * Everything happens in the one hook: ended calls are delivered, waiting ones start, until
 * nothing is left to do.
 */
#include "transport/transport.h"

#include <stdlib.h>
#include <string.h>

#include "transport/h2_pool.h"
#include "transport/http1_pool.h"

struct transport {
	struct transport_settings settings;
	char *ca_file;
	char *user_agent;
	struct curl_slist no_expect;
	struct pool_rules rules;
	struct http1_pool *http1;
	struct h2_pool *h2; /* null: HTTP/1.1 only */
};

int transport_global_init(struct err *ret_err)
{
	CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);

	if (code == CURLE_OK)
		return 0;
	err_set(ret_err, ERR_INTERNAL, (int)code, "curl: %s", curl_easy_strerror(code));
	return -1;
}

void transport_global_fini(void)
{
	curl_global_cleanup();
}

static void on_http1_only(void *arg, struct call *c)
{
	struct transport *t = arg;

	http1_pool_add(t->http1, c);
}

static bool on_hook(void *arg)
{
	struct transport *t = arg;
	bool did = t->h2 != NULL && h2_pool_run(t->h2);

	return http1_pool_run(t->http1) || did;
}

static int open_pools(struct transport *t, struct err *ret_err)
{
	t->http1 = http1_pool_new(&t->rules, ret_err);
	if (t->http1 == NULL || !t->settings.http2)
		return t->http1 != NULL ? 0 : -1;
	t->h2 = h2_pool_new(&t->rules, on_http1_only, t, ret_err);
	return t->h2 != NULL ? 0 : -1;
}

struct transport *transport_new(struct loop *loop, const struct transport_settings *settings,
				transport_done_fn *done, transport_gate_fn *gate, void *arg,
				struct err *ret_err)
{
	struct transport *t = calloc(1, sizeof(*t));

	if (t == NULL)
		goto no_memory;
	t->settings = *settings;
	t->ca_file = strdup(settings->ca_file);
	t->user_agent = strdup(settings->user_agent);
	if (t->ca_file == NULL || t->user_agent == NULL)
		goto no_memory;
	t->settings.ca_file = t->ca_file;
	t->settings.user_agent = t->user_agent;
	t->no_expect.data = (char *)"Expect:"; /* curl only reads it */
	t->rules = (struct pool_rules){ loop, &t->settings, done, gate, arg };
	if (open_pools(t, ret_err) != 0) {
		transport_free(t);
		return NULL;
	}
	loop_hook(loop, on_hook, t);
	return t;
no_memory:
	err_set(ret_err, ERR_TEMPORARY, 0, "transport: no memory");
	transport_free(t);
	return NULL;
}

void transport_free(struct transport *t)
{
	if (t == NULL)
		return;
	h2_pool_free(t->h2);
	http1_pool_free(t->http1);
	free(t->ca_file);
	free(t->user_agent);
	free(t);
}

unsigned transport_in_flight(const struct transport *t)
{
	return http1_pool_in_flight(t->http1) + (t->h2 != NULL ? h2_pool_in_flight(t->h2) : 0);
}

bool transport_fell_back(const struct transport *t)
{
	return t->h2 != NULL && h2_pool_refused(t->h2);
}

unsigned transport_room(const struct transport *t)
{
	return t->settings.max_in_flight - transport_in_flight(t);
}

int transport_submit(struct transport *t, const struct transport_request *request,
		     struct err *ret_err)
{
	struct call *c;

	if (transport_room(t) == 0) {
		err_set(ret_err, ERR_LIMIT, 0, "%u calls are in flight already",
			transport_in_flight(t));
		return -1;
	}
	c = call_copy(request, &t->no_expect, loop_now_ms(t->rules.loop), ret_err);
	if (c == NULL)
		return -1;
	if (t->h2 == NULL || !h2_pool_add(t->h2, c))
		http1_pool_add(t->http1, c);
	return 0;
}
