#include "clients/conversation_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "clients/endpoint.h"
#include "transport/transport.h"
#include "types/type.h"
#include "json/json_out.h"

#define BODY_MAX (256 * 1024)
#define ANSWER_MAX (64 * 1024)
#define IDLE_MAX_MS 30000
#define STREAMS 24
#define KEY_HEADER "Idempotency-Key: "
#define WHAT "conversation service"

struct conversation_client {
	struct transport *transport;
	char *url;
	int64_t timeout_ms;
	conversation_done_fn *done;
	void *arg;
};

static void on_done(void *arg, const struct transport_result *result)
{
	struct conversation_client *c = arg;
	struct err err = { 0 };
	bool stored = endpoint_succeeded(result, WHAT, &err);

	c->done(c->arg, result->tag, stored, &err);
}

static char *build_url(const char *base_url)
{
	char *base = endpoint_base(base_url);
	char *url = NULL;

	if (base != NULL && asprintf(&url, "%s/api/v1/messages", base) == -1)
		url = NULL;
	free(base);
	return url;
}

struct conversation_client *
conversation_client_new(struct loop *loop, const struct conversation_client_settings *settings,
			conversation_done_fn *done, void *arg, struct err *ret_err)
{
	const struct transport_settings transport = {
		.http2 = true,
		.max_connections = settings->max_connections,
		.streams = STREAMS,
		.max_in_flight = settings->max_in_flight,
		.connect_timeout_ms = settings->timeout_ms,
		.idle_max_ms = IDLE_MAX_MS,
		.http2_again_ms = ENDPOINT_HTTP2_AGAIN_MS,
		.ca_file = settings->ca_file,
		.user_agent = ENDPOINT_USER_AGENT,
	};
	struct conversation_client *c = calloc(1, sizeof(*c));

	if (c != NULL)
		c->url = build_url(settings->base_url);
	if (c == NULL || c->url == NULL) {
		err_set(ret_err, ERR_TEMPORARY, 0, WHAT ": no memory");
		goto failed;
	}
	c->timeout_ms = settings->timeout_ms;
	c->done = done;
	c->arg = arg;
	c->transport = transport_new(loop, &transport, on_done, NULL, c, ret_err);
	if (c->transport != NULL)
		return c;
failed:
	conversation_client_free(c);
	return NULL;
}

void conversation_client_free(struct conversation_client *c)
{
	if (c == NULL)
		return;
	transport_free(c->transport);
	free(c->url);
	free(c);
}

static bool build_body(const struct message *m, const char *wamid, struct str *body,
		       struct err *ret_err)
{
	const struct type *type = type_find(m->type);
	struct str content = STR_INIT(BODY_MAX);
	struct json_out out;

	if (type == NULL || !type->content(m->payload, &content)) {
		err_set(ret_err, ERR_INTERNAL, 0, "payload of the message cannot be read");
		str_fini(&content);
		return false;
	}
	json_out_begin(&out, body);
	json_out_object(&out, NULL);
	json_out_text(&out, "conversation_id", m->conversation_id);
	json_out_text(&out, "sender_type", m->sender_type);
	json_out_text(&out, "content", content.data);
	json_out_text(&out, "whatsapp_message_id", wamid);
	json_out_object_end(&out);
	str_fini(&content);
	if (str_ok(body))
		return true;
	err_set(ret_err, ERR_LIMIT, 0, "message: longer than %d bytes, or no memory", BODY_MAX);
	return false;
}

int conversation_client_store(struct conversation_client *c, uint64_t tag, const struct message *m,
			      const char *wamid, struct err *ret_err)
{
	char tenant[ENDPOINT_HEADER_BYTES];
	char key[sizeof(KEY_HEADER) + MESSAGE_ID_TEXT_BYTES] = KEY_HEADER;
	char trace[ENDPOINT_TRACE_BYTES];
	const char *const headers[] = { tenant, key, ENDPOINT_JSON, trace };
	struct str body = STR_INIT(BODY_MAX);
	int rc = -1;

	if (!endpoint_tenant_header(tenant, m->tenant_id)) {
		err_set(ret_err, ERR_INVALID, 0, "tenant_id: is not 1 to 128 visible characters");
		return -1;
	}
	message_id_text(m->id, key + strlen(KEY_HEADER));
	if (build_body(m, wamid, &body, ret_err)) {
		const struct transport_request request = {
			.tag = tag,
			.url = c->url,
			.post = true,
			.headers = headers,
			.header_count = endpoint_trace_header(trace, m->traceparent) ? 4 : 3,
			.body = body.data,
			.body_len = body.len,
			.deadline_boot_ms = clock_boot_ms() + c->timeout_ms,
			.answer_max = ANSWER_MAX,
		};

		rc = transport_submit(c->transport, &request, ret_err);
	}
	str_fini(&body);
	return rc;
}
