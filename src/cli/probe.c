#include "cli/probe.h"

#include "base/clock.h"
#include "base/loop.h"
#include "transport/transport.h"

#define TIMEOUT_MS 10000
#define CONNECT_MS 5000
#define ANSWER_MAX 65536

struct probe {
	struct loop *loop;
	enum transport_end end;
	int status;
	int64_t took_ms;
	struct err err;
};

static void on_done(void *arg, const struct transport_result *result)
{
	struct probe *p = arg;

	p->end = result->end;
	p->status = result->status;
	p->took_ms = result->took_ms;
	p->err = result->err;
	loop_stop(p->loop);
}

static int get(struct probe *p, const char *url, const char *ca_file, struct err *ret_err)
{
	static const char *const headers[] = { "X-Tenant-Id: doctor", "Accept: application/json" };
	const struct transport_settings settings = {
		.http2 = true,
		.max_connections = 2,
		.streams = 16,
		.max_in_flight = 2,
		.connect_timeout_ms = CONNECT_MS,
		.idle_max_ms = TIMEOUT_MS,
		.http2_again_ms = TIMEOUT_MS,
		.ca_file = ca_file,
		.user_agent = "message-sender-doctor",
	};
	const struct transport_request request = {
		.url = url,
		.headers = headers,
		.header_count = sizeof(headers) / sizeof(headers[0]),
		.body = "",
		.deadline_boot_ms = clock_boot_ms() + TIMEOUT_MS,
		.answer_max = ANSWER_MAX,
	};
	struct transport *t = transport_new(p->loop, &settings, on_done, NULL, p, ret_err);
	int rc = -1;

	if (t && transport_submit(t, &request, ret_err) == 0 && loop_run(p->loop, ret_err) == 0)
		rc = 0;
	transport_free(t);
	return rc;
}

int probe_get(const char *url, const char *ca_file, int64_t *ret_took_ms, struct err *ret_err)
{
	struct probe p = { .loop = loop_new(ret_err) };
	int rc = -1;

	*ret_took_ms = 0;
	if (p.loop && transport_global_init(ret_err) == 0) {
		rc = get(&p, url, ca_file, ret_err);
		transport_global_fini();
	}
	loop_free(p.loop);
	if (rc)
		return -1;
	*ret_took_ms = p.took_ms;
	if (p.end == TRANSPORT_ANSWERED)
		return p.status;
	*ret_err = p.err;
	return -1;
}
