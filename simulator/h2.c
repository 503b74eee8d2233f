/*
 * HTTP/2 by nghttp2. An exchange is the stream's user data from its HEADERS on, and is freed
 * when the stream closes, whoever closed it. Frames are collected once a round, in output().
 */
#include "simulator/conn.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = 16 * 1024 * 1024, CUT_DELAY_NS = 10 * 1000 * 1000 };

struct h2 {
	nghttp2_session *session;
	int32_t last_served;   /* the highest stream a service has seen */
	int32_t last_promised; /* of a GOAWAY: no service sees a higher one */
};

static struct exchange *exchange_of(nghttp2_session *session, int32_t stream_id)
{
	return nghttp2_session_get_stream_user_data(session, stream_id);
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	int32_t id = frame->hd.stream_id;

	if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		nghttp2_session_set_stream_user_data(session, id, exchange_new(ctx, id));
	return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
		     void *ctx)
{
	struct exchange *exchange = exchange_of(session, frame->hd.stream_id);

	(void)flags;
	(void)ctx;
	if (!exchange)
		return 0;
	struct request *request = &exchange->request;
	const char *text = (const char *)value;
	if (name_len == 7 && memcmp(name, ":method", 7) == 0)
		snprintf(request->method, sizeof(request->method), "%s", text);
	else if (name_len == 5 && memcmp(name, ":path", 5) == 0)
		buf_append(&request->target, text, value_len);
	else if (name_len && name[0] != ':' &&
		 !request_add_header(request, (const char *)name, name_len, text, value_len))
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	return 0;
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t stream_id,
			 const uint8_t *data, size_t n, void *ctx)
{
	struct exchange *exchange = exchange_of(session, stream_id);

	(void)flags;
	(void)ctx;
	if (!exchange)
		return 0;
	if (exchange->request.body.len + n > REQUEST_BODY_MAX)
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream_id,
					  NGHTTP2_ENHANCE_YOUR_CALM);
	else
		buf_append(&exchange->request.body, data, n);
	return 0;
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct conn *conn = ctx;
	struct h2 *h2 = conn->state;
	int32_t id = frame->hd.stream_id;
	bool is_request = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;

	if (!is_request || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		return 0;
	struct exchange *exchange = exchange_of(session, id);
	/* What a GOAWAY calls unprocessed is not processed, though it came in the same read. */
	if (!exchange || id > h2->last_promised)
		return 0;
	conn->net->on_request(conn->net->ctx, exchange);
	if (id > h2->last_served)
		h2->last_served = id;
	return 0;
}

static void cut_now(struct timer *timer)
{
	struct exchange *exchange =
		(struct exchange *)((char *)timer - offsetof(struct exchange, timer));
	struct conn *conn = exchange->conn;
	struct h2 *h2 = conn->state;

	if (exchange->answer.close)
		conn_doom(conn, true);
	nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, exchange->stream_id,
				  NGHTTP2_INTERNAL_ERROR);
	conn_mark(conn);
}

/*
 * A cut answer ends with a DATA frame that does not end the stream. The reset comes a moment
 * later: clients that meet it in the same read forget what came before.
 */
static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct conn *conn = ctx;
	struct exchange *exchange;

	if (frame->hd.type != NGHTTP2_DATA || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		return 0;
	exchange = exchange_of(session, frame->hd.stream_id);
	if (!exchange || exchange->answer.how != ANSWER_CUT)
		return 0;
	if (exchange->answer.body_sent < exchange->answer.body.len / 2)
		return 0;
	exchange->timer.fire = cut_now;
	loop_set_timer(conn->net->loop, &exchange->timer, loop_now_ns() + CUT_DELAY_NS);
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t error, void *ctx)
{
	struct exchange *exchange = exchange_of(session, stream_id);

	(void)error;
	(void)ctx;
	if (exchange)
		exchange_free(exchange);
	return 0;
}

static ssize_t read_body(nghttp2_session *session, int32_t stream_id, uint8_t *to, size_t room,
			 uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
	struct answer *answer = &((struct exchange *)source->ptr)->answer;
	bool cut = answer->how == ANSWER_CUT;
	size_t end = cut ? answer->body.len / 2 : answer->body.len;
	size_t n = end - answer->body_sent;

	(void)session;
	(void)stream_id;
	(void)ctx;
	if (n > room)
		n = room;
	memcpy(to, answer->body.at + answer->body_sent, n);
	answer->body_sent += n;
	if (answer->body_sent == end) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		if (cut)
			*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
	}
	return (ssize_t)n;
}

/* A value that never comes again would only push the others out of the HPACK table. */
static nghttp2_nv field(const char *name, const char *value, bool is_unique)
{
	int flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | (is_unique ? NGHTTP2_NV_FLAG_NO_INDEX : 0);

	return (nghttp2_nv){ .name = (uint8_t *)name,
			     .value = (uint8_t *)value,
			     .namelen = strlen(name),
			     .valuelen = strlen(value),
			     .flags = (uint8_t)flags };
}

static void submit(struct exchange *exchange, nghttp2_session *session)
{
	struct answer *answer = &exchange->answer;
	nghttp2_nv fields[ANSWER_FIELDS + 3];
	char status[12], length[24];
	size_t n = 0;
	nghttp2_data_provider body = { .source.ptr = exchange, .read_callback = read_body };

	snprintf(status, sizeof(status), "%d", answer->status);
	snprintf(length, sizeof(length), "%zu", answer->body.len);
	fields[n++] = field(":status", status, false);
	fields[n++] = field("date", net_date(exchange->conn->net), false);
	for (size_t i = 0; i < answer->field_count; i++)
		fields[n++] = field(answer->fields[i].name, answer->fields[i].value,
				    answer->fields[i].is_unique);
	fields[n++] = field("content-length", length, false);
	nghttp2_submit_response(session, exchange->stream_id, fields, n,
				answer->body.len ? &body : NULL);
}

static void reset(struct exchange *exchange, nghttp2_session *session, uint32_t error)
{
	if (exchange->answer.close)
		conn_doom(exchange->conn, true);
	else
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, exchange->stream_id, error);
}

/*
 * GOAWAY promises that no stream above `last` was looked at. Streams finish in any order, so
 * that may not be true of the ones above ours: then only ours is refused.
 */
static void go_away(struct exchange *exchange, struct h2 *h2)
{
	int32_t last = exchange->stream_id > 2 ? exchange->stream_id - 2 : 0;

	if (h2->last_served > exchange->stream_id) {
		last = h2->last_served;
		nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, exchange->stream_id,
					  NGHTTP2_REFUSED_STREAM);
	}
	if (last < h2->last_promised)
		h2->last_promised = last;
	nghttp2_submit_goaway(h2->session, NGHTTP2_FLAG_NONE, h2->last_promised, NGHTTP2_NO_ERROR,
			      NULL, 0);
}

static void h2_answer(struct exchange *exchange)
{
	struct conn *conn = exchange->conn;
	struct h2 *h2 = conn->state;

	conn_mark(conn);
	switch (exchange->answer.how) {
	case ANSWER_WHOLE:
		submit(exchange, h2->session);
		if (exchange->answer.close)
			nghttp2_submit_goaway(h2->session, NGHTTP2_FLAG_NONE,
					      nghttp2_session_get_last_proc_stream_id(h2->session),
					      NGHTTP2_NO_ERROR, NULL, 0);
		break;
	case ANSWER_CUT:
		submit(exchange, h2->session);
		break;
	case ANSWER_NOTHING:
		reset(exchange, h2->session, NGHTTP2_INTERNAL_ERROR);
		break;
	case ANSWER_REFUSED:
		reset(exchange, h2->session, NGHTTP2_REFUSED_STREAM);
		break;
	case ANSWER_GOAWAY:
		go_away(exchange, h2);
		break;
	case ANSWER_NEVER:
		break;
	}
}

static void h2_open(struct conn *conn)
{
	struct h2 *h2 = buf_alloc(1, sizeof(*h2));
	nghttp2_session_callbacks *callbacks;
	nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, conn->net->h2_streams },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 2 * REQUEST_BODY_MAX },
	};

	h2->last_promised = INT32_MAX;
	conn->state = h2;
	if (nghttp2_session_callbacks_new(&callbacks) != 0)
		abort();
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	if (nghttp2_session_server_new(&h2->session, callbacks, conn) != 0)
		abort();
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_submit_settings(h2->session, NGHTTP2_FLAG_NONE, settings, 2);
	nghttp2_session_set_local_window_size(h2->session, NGHTTP2_FLAG_NONE, 0, WINDOW);
	conn_mark(conn);
}

static void h2_close(struct conn *conn)
{
	struct h2 *h2 = conn->state;

	nghttp2_session_del(h2->session);
	free(h2);
}

static void h2_input(struct conn *conn, const char *bytes, size_t n)
{
	struct h2 *h2 = conn->state;

	if (nghttp2_session_mem_recv(h2->session, (const uint8_t *)bytes, n) < 0)
		conn_doom(conn, true);
	else
		conn_mark(conn);
}

static void h2_output(struct conn *conn)
{
	struct h2 *h2 = conn->state;
	const uint8_t *bytes;
	ssize_t n;

	while ((n = nghttp2_session_mem_send(h2->session, &bytes)) > 0)
		buf_append(&conn->out, bytes, (size_t)n);
	if (n < 0 ||
	    (!nghttp2_session_want_read(h2->session) && !nghttp2_session_want_write(h2->session)))
		conn_doom(conn, n < 0);
}

const struct proto h2_proto = {
	.name = "h2",
	.open = h2_open,
	.input = h2_input,
	.output = h2_output,
	.answer = h2_answer,
	.close = h2_close,
};
