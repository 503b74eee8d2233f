/*
 * Invariant: while a stream is in `streams`, nghttp2 knows it by its id as user data; a stream
 * that ends is first taken from nghttp2 and only then given to its owner, so no callback ever
 * meets a stream that is gone.
 *
 * Header compression: Authorization is never indexed (RFC 7541, 7.1.3): it is a secret, and
 * differs per tenant, so that a few would push everything else out of the 4 KiB table; nor is what
 * differs with each call.  What is the same for all costs a byte each after the first.
 */
#include "transport/h2_session.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"

#define STANDING_HEADERS 7 /* of our own: 4 pseudo headers, agent, accept, length */
#define CONNECTION_WINDOW (1 << 20)

struct h2_session {
	const struct h2_rules *rules;
	nghttp2_session *h2;
	struct list streams;
	unsigned count;
	bool settled;
	bool leaving;
	bool ping_pending;
};

/* --- ending streams --- */

static void end(struct h2_session *s, struct h2_stream *stream)
{
	(void)nghttp2_session_set_stream_user_data(s->h2, stream->id, NULL);
	list_remove(&stream->node);
	list_append(s->rules->ended, &stream->node);
	s->count--;
}

/* Our part of it ends, too, without waiting for the rest. */
static void give_up(struct h2_session *s, struct h2_stream *stream)
{
	(void)nghttp2_submit_rst_stream(s->h2, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_CANCEL);
	end(s, stream);
}

int64_t h2_session_end_overdue(struct h2_session *s, int64_t now_boot_ms)
{
	int64_t earliest = INT64_MAX;
	struct list *next;

	for (struct list *node = s->streams.next; node != &s->streams; node = next) {
		struct h2_stream *stream = LIST_OBJECT(node, struct h2_stream, node);
		int64_t deadline = stream->call->deadline_boot_ms;

		next = node->next;
		if (deadline <= now_boot_ms) {
			err_set(&stream->err, ERR_UNCERTAIN, 0, "no answer before the deadline");
			give_up(s, stream);
		} else if (deadline < earliest) {
			earliest = deadline;
		}
	}
	return earliest;
}

void h2_session_end_all(struct h2_session *s, const struct err *err)
{
	while (!list_empty(&s->streams)) {
		struct h2_stream *stream = LIST_OBJECT(s->streams.next, struct h2_stream, node);

		stream->err = *err;
		end(s, stream);
	}
}

/* --- what nghttp2 tells --- */

static struct h2_stream *stream_of(nghttp2_session *h2, int32_t id)
{
	return nghttp2_session_get_stream_user_data(h2, id);
}

static int on_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags UNUSED,
		     void *arg)
{
	struct h2_stream *stream = stream_of(h2, frame->hd.stream_id);

	if (stream == NULL ||
	    h2_stream_header(stream, (const char *)name, (const char *)value, name_len + value_len))
		return 0;
	give_up(arg, stream);
	return 0;
}

static int on_data(nghttp2_session *h2, uint8_t flags UNUSED, int32_t id, const uint8_t *data,
		   size_t len, void *arg)
{
	struct h2_stream *stream = stream_of(h2, id);

	if (stream != NULL && !h2_stream_data(stream, (const char *)data, len))
		give_up(arg, stream);
	return 0;
}

/* nghttp2 has compared the length with the one announced.  An answer that does not wait for
 * the whole request ends it. */
static void on_end(struct h2_session *s, struct h2_stream *stream)
{
	stream->complete = stream->status >= 200;
	if (!stream->complete)
		err_set(&stream->err, ERR_UNCERTAIN, 0, "the answer has no status");
	if (stream->complete && stream->body_at == stream->call->body_len)
		end(s, stream);
	else
		give_up(s, stream);
}

static int on_frame(nghttp2_session *h2, const nghttp2_frame *frame, void *arg)
{
	struct h2_session *s = arg;
	struct h2_stream *stream;

	switch (frame->hd.type) {
	case NGHTTP2_HEADERS:
	case NGHTTP2_DATA:
		stream = stream_of(h2, frame->hd.stream_id);
		if (stream != NULL && frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
			on_end(s, stream);
		break;
	case NGHTTP2_SETTINGS:
		s->settled |= (frame->hd.flags & NGHTTP2_FLAG_ACK) == 0;
		break;
	case NGHTTP2_PING:
		if (frame->hd.flags & NGHTTP2_FLAG_ACK)
			s->ping_pending = false;
		break;
	case NGHTTP2_GOAWAY:
		s->leaving = true;
		break;
	default:
		break;
	}
	return 0;
}

/* nghttp2 closes the streams that a GOAWAY leaves out as refused ones. */
static int on_close(nghttp2_session *h2, int32_t id, uint32_t code, void *arg)
{
	struct h2_stream *stream = stream_of(h2, id);

	if (stream == NULL)
		return 0;
	stream->refused = code == NGHTTP2_REFUSED_STREAM;
	if (stream->gate_refused)
		err_set(&stream->err, ERR_TEMPORARY, 0, "too late to be sent");
	else
		err_set(&stream->err, ERR_UNCERTAIN, (int)code, "HTTP/2 stream ended by %s",
			nghttp2_http2_strerror(code));
	end(arg, stream);
	return 0;
}

static int on_sent(nghttp2_session *h2, const nghttp2_frame *frame, void *arg UNUSED)
{
	if (frame->hd.type == NGHTTP2_HEADERS) {
		struct h2_stream *stream = stream_of(h2, frame->hd.stream_id);

		if (stream != NULL)
			stream->headers_left = true;
	}
	return 0;
}

/* --- the request --- */

static bool may_leave(const struct h2_session *s, const struct call *c)
{
	const struct pool_rules *pool = s->rules->pool;

	if (c->deadline_boot_ms <= clock_boot_ms())
		return false;
	return !c->gated || (pool->gate != NULL && pool->gate(pool->arg, c->tag));
}

/* The last gate: from here on the body may reach the other side. */
static ssize_t on_read(nghttp2_session *h2, int32_t id, uint8_t *data, size_t space,
		       uint32_t *flags, nghttp2_data_source *source UNUSED, void *arg)
{
	struct h2_stream *stream = stream_of(h2, id);
	size_t len;

	if (stream == NULL)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	if (!stream->body_begun && !may_leave(arg, stream->call)) {
		stream->gate_refused = true;
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	}
	stream->body_begun = true;
	len = stream->call->body_len - stream->body_at;
	if (len > space)
		len = space;
	memcpy(data, stream->call->body + stream->body_at, len);
	stream->body_at += len;
	if (stream->body_at == stream->call->body_len)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)len;
}

static bool is(const char *wanted, const char *name, size_t name_len)
{
	return name_len == strlen(wanted) && strncasecmp(name, wanted, name_len) == 0;
}

static nghttp2_nv header(const char *name, size_t name_len, const char *value)
{
	const bool own = is("authorization", name, name_len) || is("traceparent", name, name_len) ||
			 is("idempotency-key", name, name_len);

	return (nghttp2_nv){ .name = (uint8_t *)(uintptr_t)name,
			     .namelen = name_len,
			     .value = (uint8_t *)(uintptr_t)value,
			     .valuelen = strlen(value),
			     .flags = own ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE };
}

static nghttp2_nv named(const char *name, const char *value)
{
	return header(name, strlen(name), value);
}

static nghttp2_nv written(const char *line)
{
	size_t len = strcspn(line, ":");
	const char *value = line + len + (line[len] == ':');

	return header(line, len, value + strspn(value, " "));
}

static int32_t submit(struct h2_session *s, struct h2_stream *stream)
{
	const struct call *c = stream->call;
	const nghttp2_data_provider body = { .read_callback = on_read };
	nghttp2_nv headers[STANDING_HEADERS + CALL_HEADERS_MAX];
	char length[24];
	size_t n = 0;

	headers[n++] = named(":method", c->post ? "POST" : "GET");
	headers[n++] = named(":scheme", "https");
	headers[n++] = named(":authority", s->rules->origin->authority);
	headers[n++] = named(":path", origin_path(s->rules->origin, c->url));
	headers[n++] = named("user-agent", s->rules->pool->settings->user_agent);
	headers[n++] = named("accept", "*/*");
	if (c->post) {
		(void)snprintf(length, sizeof(length), "%zu", c->body_len);
		headers[n++] = named("content-length", length);
	}
	for (unsigned i = 0; i < c->header_count; i++)
		headers[n++] = written(c->header[i].data);
	return nghttp2_submit_request(s->h2, NULL, headers, n, c->post ? &body : NULL, stream);
}

bool h2_session_add(struct h2_session *s, struct h2_stream *stream)
{
	stream->id = submit(s, stream);
	if (stream->id < 0) {
		s->leaving |= stream->id == NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE;
		return false;
	}
	list_append(&s->streams, &stream->node);
	s->count++;
	return true;
}

/* --- bytes --- */

bool h2_session_receive(struct h2_session *s, const uint8_t *data, size_t len, struct err *ret_err)
{
	ssize_t taken = nghttp2_session_mem_recv(s->h2, data, len);

	if (taken == (ssize_t)len)
		return true;
	err_set(ret_err, ERR_TEMPORARY, (int)taken, "HTTP/2: %s", nghttp2_strerror((int)taken));
	return false;
}

bool h2_session_pack(struct h2_session *s, uint8_t *data, size_t *ret_len, struct err *ret_err)
{
	const uint8_t *frame;
	size_t len = 0;

	while (len <= H2_SESSION_PACK_BYTES) {
		ssize_t n = nghttp2_session_mem_send(s->h2, &frame);

		if (n == 0)
			break;
		if (n < 0 || (size_t)n > H2_SESSION_PACK_SPACE - len) {
			err_set(ret_err, ERR_TEMPORARY, (int)n, "HTTP/2: %s",
				nghttp2_strerror((int)n));
			return false;
		}
		memcpy(data + len, frame, (size_t)n);
		len += (size_t)n;
	}
	*ret_len = len;
	return true;
}

bool h2_session_wants_write(const struct h2_session *s)
{
	return nghttp2_session_want_write(s->h2) != 0;
}

bool h2_session_over(const struct h2_session *s)
{
	return !nghttp2_session_want_read(s->h2) && !nghttp2_session_want_write(s->h2);
}

void h2_session_ping(struct h2_session *s)
{
	s->ping_pending = nghttp2_submit_ping(s->h2, NGHTTP2_FLAG_NONE, NULL) == 0;
}

bool h2_session_ping_pending(const struct h2_session *s)
{
	return s->ping_pending;
}

/* --- state --- */

unsigned h2_session_room(const struct h2_session *s)
{
	uint32_t most =
		nghttp2_session_get_remote_settings(s->h2, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);

	if (!s->settled || s->leaving)
		return 0;
	if (most > s->rules->pool->settings->streams)
		most = s->rules->pool->settings->streams;
	return most > s->count ? most - s->count : 0;
}

unsigned h2_session_streams(const struct h2_session *s)
{
	return s->count;
}

bool h2_session_settled(const struct h2_session *s)
{
	return s->settled;
}

bool h2_session_leaving(const struct h2_session *s)
{
	return s->leaving;
}

/* --- birth and death --- */

static nghttp2_session *open_session(struct h2_session *s)
{
	nghttp2_session_callbacks *callbacks;
	nghttp2_session *h2 = NULL;
	nghttp2_option *option;

	if (nghttp2_session_callbacks_new(&callbacks) != 0)
		return NULL;
	if (nghttp2_option_new(&option) != 0) {
		nghttp2_session_callbacks_del(callbacks);
		return NULL;
	}
	/* A blank around a header's value is no reason to lose an answer. */
	nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(option, 1);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_sent);
	if (nghttp2_session_client_new2(&h2, callbacks, s, option) != 0)
		h2 = NULL;
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(callbacks);
	return h2;
}

struct h2_session *h2_session_new(const struct h2_rules *rules, struct err *ret_err)
{
	static const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, H2_STREAM_HEADERS_MAX },
	};
	struct h2_session *s = calloc(1, sizeof(*s));

	if (s != NULL)
		s->h2 = open_session(s);
	if (s == NULL || s->h2 == NULL ||
	    nghttp2_submit_settings(s->h2, NGHTTP2_FLAG_NONE, settings, 2) != 0 ||
	    nghttp2_session_set_local_window_size(s->h2, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW) !=
		    0) {
		err_set(ret_err, ERR_TEMPORARY, 0, "HTTP/2: no memory");
		h2_session_free(s);
		return NULL;
	}
	s->rules = rules;
	list_init(&s->streams);
	return s;
}

void h2_session_free(struct h2_session *s)
{
	if (s == NULL)
		return;
	nghttp2_session_del(s->h2);
	free(s);
}
