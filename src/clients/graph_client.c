#include "clients/graph_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/text.h"
#include "clients/endpoint.h"
#include "clients/graph_answer.h"
#include "transport/transport.h"
#include "types/type.h"
#include "json/json_out.h"

#define BODY_MAX (256 * 1024)
#define ANSWER_MAX (256 * 1024)
#define IDLE_MAX_MS 30000
#define CALLBACK_DATA_BYTES (MESSAGE_ID_TEXT_BYTES + 12)
#define AUTHORIZATION "Authorization: Bearer "

struct graph_client {
	struct transport *transport;
	struct str base; /* "https://graph.facebook.com/v25.0/" */
	bool ambiguous_5xx;
	graph_done_fn *done;
	graph_gate_fn *gate;
	void *arg;
};

static void on_done(void *arg, const struct transport_result *result)
{
	struct graph_client *c = arg;
	struct graph_answer answer;

	graph_answer_read(result, c->ambiguous_5xx, &answer);
	c->done(c->arg, result->tag, &answer);
}

static bool on_gate(void *arg, uint64_t tag)
{
	const struct graph_client *c = arg;

	return c->gate(c->arg, tag);
}

static bool build_base(struct graph_client *c, const struct graph_client_settings *settings)
{
	char *url = endpoint_base(settings->url);
	bool ok;

	str_init(&c->base, ENDPOINT_URL_MAX);
	ok = url != NULL && str_append_text(&c->base, url) && str_append_char(&c->base, '/') &&
	     str_append_url_segment(&c->base, settings->version) && str_append_char(&c->base, '/');
	free(url);
	return ok;
}

struct graph_client *graph_client_new(struct loop *loop,
				      const struct graph_client_settings *settings,
				      graph_done_fn *done, graph_gate_fn *gate, void *arg,
				      struct err *ret_err)
{
	const struct transport_settings transport = {
		.http2 = true,
		.max_connections = settings->max_connections,
		.streams = settings->streams,
		.max_in_flight = settings->max_in_flight,
		.connect_timeout_ms = settings->connect_timeout_ms,
		.idle_max_ms = IDLE_MAX_MS,
		.http2_again_ms = ENDPOINT_HTTP2_AGAIN_MS,
		.ca_file = settings->ca_file,
		.user_agent = ENDPOINT_USER_AGENT,
	};
	struct graph_client *c = calloc(1, sizeof(*c));

	if (c == NULL || !build_base(c, settings)) {
		err_set(ret_err, ERR_TEMPORARY, 0, "graph client: no memory");
		goto failed;
	}
	c->ambiguous_5xx = settings->ambiguous_5xx;
	c->done = done;
	c->gate = gate;
	c->arg = arg;
	c->transport = transport_new(loop, &transport, on_done, on_gate, c, ret_err);
	if (c->transport != NULL)
		return c;
failed:
	graph_client_free(c);
	return NULL;
}

void graph_client_free(struct graph_client *c)
{
	if (c == NULL)
		return;
	transport_free(c->transport);
	str_fini(&c->base);
	free(c);
}

static bool build_url(const struct graph_client *c, const struct credentials *credentials,
		      struct str *url, struct err *ret_err)
{
	const char *number = credentials->number;
	size_t len = strlen(number);

	if (len == 0 || strspn(number, "0123456789") != len) {
		err_set(ret_err, ERR_INVALID, 0, "outlet's number is not made of digits");
		return false;
	}
	if (str_append(url, c->base.data, c->base.len) && str_append(url, number, len) &&
	    str_append_text(url, "/messages") &&
	    (!*credentials->proof || (str_append_text(url, "?appsecret_proof=") &&
				      str_append_text(url, credentials->proof))))
		return true;
	err_set(ret_err, ERR_TEMPORARY, 0, "URL: too long, or no memory");
	return false;
}

static bool build_body(const struct message *m, unsigned attempt, struct str *body,
		       struct err *ret_err)
{
	const struct type *type = type_find(m->type);
	char id[MESSAGE_ID_TEXT_BYTES];
	char callback_data[CALLBACK_DATA_BYTES];
	struct json_out out;

	if (type == NULL) {
		err_set(ret_err, ERR_INVALID, 0, "message type is not known to this version");
		return false;
	}
	message_id_text(m->id, id);
	snprintf(callback_data, sizeof(callback_data), "%s:%u", id, attempt);
	json_out_begin(&out, body);
	json_out_object(&out, NULL);
	json_out_text(&out, "messaging_product", "whatsapp");
	json_out_text(&out, "recipient_type", "individual");
	json_out_text(&out, "to", m->recipient);
	json_out_text(&out, "type", type->name);
	json_out_raw(&out, type->name, m->payload);
	json_out_text(&out, "biz_opaque_callback_data", callback_data);
	json_out_object_end(&out);
	if (str_ok(body))
		return true;
	err_set(ret_err, ERR_LIMIT, 0, "message: longer than %d bytes, or no memory", BODY_MAX);
	return false;
}

static bool build_authorization(char *header, size_t size, const char *token, struct err *ret_err)
{
	if (text_visible_ascii(token, strlen(token), CREDENTIALS_TOKEN_BYTES - 1)) {
		snprintf(header, size, AUTHORIZATION "%s", token);
		return true;
	}
	err_set(ret_err, ERR_INVALID, 0, "outlet's token is not made of visible characters");
	return false;
}

int graph_client_send(struct graph_client *c, uint64_t tag, const struct message *m,
		      const struct credentials *credentials, unsigned attempt,
		      int64_t deadline_boot_ms, struct err *ret_err)
{
	char authorization[sizeof(AUTHORIZATION) + CREDENTIALS_TOKEN_BYTES];
	char trace[ENDPOINT_TRACE_BYTES];
	const char *const headers[] = { authorization, ENDPOINT_JSON, trace };
	struct str url = STR_INIT(ENDPOINT_URL_MAX);
	struct str body = STR_INIT(BODY_MAX);
	int rc = -1;

	if (build_url(c, credentials, &url, ret_err) && build_body(m, attempt, &body, ret_err) &&
	    build_authorization(authorization, sizeof(authorization), credentials->token,
				ret_err)) {
		const struct transport_request request = {
			.tag = tag,
			.url = url.data,
			.post = true,
			.headers = headers,
			.header_count = endpoint_trace_header(trace, m->traceparent) ? 3 : 2,
			.body = body.data,
			.body_len = body.len,
			.deadline_boot_ms = deadline_boot_ms,
			.answer_max = ANSWER_MAX,
			.gated = true,
		};

		rc = transport_submit(c->transport, &request, ret_err);
	}
	explicit_bzero(authorization, sizeof(authorization));
	str_fini(&url);
	str_fini(&body);
	return rc;
}

bool graph_client_fell_back(const struct graph_client *c)
{
	return transport_fell_back(c->transport);
}

unsigned graph_client_room(const struct graph_client *c)
{
	return transport_room(c->transport);
}
