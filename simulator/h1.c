/*
 * HTTP/1.1, server side, with keep-alive. One request of a connection is served at a time; what
 * a client pipelines waits in `in`. Malformed requests are answered 400 and end the connection.
 *
 * Invariant: `current` is the request being read or served; `serving` says which. While serving,
 * nothing is parsed; the answer (or output(), for an answer that came by timer) parses on.
 */
#include "simulator/conn.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { IN_MAX = REQUEST_HEADERS_MAX + REQUEST_BODY_MAX, IN_KEEP = 32 * 1024 };

enum h1_step { STEP_HEAD, STEP_LENGTH, STEP_CHUNK_SIZE, STEP_CHUNK, STEP_TRAILER };

struct h1 {
	struct buf in;
	size_t used; /* bytes of `in` that are parsed */
	enum h1_step step;
	size_t left; /* of the body or the chunk, with the chunk's CRLF */
	bool serving;
	bool last; /* the client wants the connection closed after this one */
	struct exchange *current;
};

static const char *reason_phrase(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 201:
		return "Created";
	case 400:
		return "Bad Request";
	case 401:
		return "Unauthorized";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 429:
		return "Too Many Requests";
	case 500:
		return "Internal Server Error";
	case 502:
		return "Bad Gateway";
	case 503:
		return "Service Unavailable";
	case 504:
		return "Gateway Timeout";
	default:
		return "Status";
	}
}

static void h1_open(struct conn *conn)
{
	conn->state = buf_alloc(1, sizeof(struct h1));
}

static void h1_close(struct conn *conn)
{
	struct h1 *h1 = conn->state;

	buf_free(&h1->in);
	free(h1);
}

static void h1_answer(struct exchange *exchange)
{
	struct conn *conn = exchange->conn;
	struct h1 *h1 = conn->state;
	struct answer *answer = &exchange->answer;
	bool silent = answer->how != ANSWER_WHOLE && answer->how != ANSWER_CUT;
	bool close = silent || answer->how == ANSWER_CUT || answer->close || h1->last;

	if (!silent) {
		struct buf *out = &conn->out;
		size_t body = answer->body.len;

		buf_printf(out, "HTTP/1.1 %d %s\r\ndate: %s\r\n", answer->status,
			   reason_phrase(answer->status), net_date(conn->net));
		for (size_t i = 0; i < answer->field_count; i++) {
			buf_text(out, answer->fields[i].name);
			buf_append(out, ": ", 2);
			buf_text(out, answer->fields[i].value);
			buf_append(out, "\r\n", 2);
		}
		if (close)
			buf_text(out, "connection: close\r\n");
		buf_printf(out, "content-length: %zu\r\n\r\n", body);
		buf_append(out, answer->body.at, answer->how == ANSWER_CUT ? body / 2 : body);
	}
	exchange_free(exchange);
	h1->current = NULL;
	h1->serving = false;
	h1->step = STEP_HEAD;
	if (close)
		conn_doom(conn, silent);
	else
		conn_mark(conn);
}

static void refuse(struct conn *conn)
{
	buf_text(&conn->out, "HTTP/1.1 400 Bad Request\r\nconnection: close\r\n"
			     "content-length: 0\r\n\r\n");
	conn_doom(conn, false);
}

/* "METHOD SP target SP HTTP/1.x" */
static bool parse_request_line(struct h1 *h1, char *line)
{
	struct request *request = &h1->current->request;
	char *target = strchr(line, ' ');
	char *version = target ? strchr(target + 1, ' ') : NULL;

	if (!version || (size_t)(target - line) >= sizeof(request->method))
		return false;
	memcpy(request->method, line, (size_t)(target - line));
	request->method[target - line] = 0;
	buf_append(&request->target, target + 1, (size_t)(version - target - 1));
	h1->last = strcmp(version, " HTTP/1.0") == 0;
	return h1->last || strcmp(version, " HTTP/1.1") == 0;
}

static bool parse_header_line(struct request *request, char *line)
{
	char *colon = strchr(line, ':');

	if (!colon || colon == line)
		return false;
	char *value = colon + 1 + strspn(colon + 1, " \t");
	size_t len = strlen(value);
	while (len && (value[len - 1] == ' ' || value[len - 1] == '\t'))
		len--;
	return request_add_header(request, line, (size_t)(colon - line), value, len);
}

/* What the headers say about the body and the connection. */
static bool read_framing(struct conn *conn)
{
	struct h1 *h1 = conn->state;
	const struct request *request = &h1->current->request;
	const char *coding = request_header(request, "transfer-encoding");
	const char *length = request_header(request, "content-length");
	const char *connection = request_header(request, "connection");
	const char *expect = request_header(request, "expect");

	if (connection && strcasestr(connection, "close"))
		h1->last = true;
	h1->left = 0;
	if (coding) {
		h1->step = STEP_CHUNK_SIZE;
		if (length || strcasecmp(coding, "chunked") != 0)
			return false;
	} else {
		char *end = NULL;

		h1->step = STEP_LENGTH;
		if (length && !isdigit((unsigned char)length[0]))
			return false;
		h1->left = length ? strtoul(length, &end, 10) : 0;
		if ((end && *end) || h1->left > REQUEST_BODY_MAX)
			return false;
	}
	if (expect && strcasecmp(expect, "100-continue") == 0) {
		buf_text(&conn->out, "HTTP/1.1 100 Continue\r\n\r\n");
		conn_mark(conn);
	}
	return true;
}

/*
 * Each step returns 1 when it got on, 0 when it needs more bytes, -1 when the request is wrong.
 * A line is cut out of `in` with its CRLF replaced by NUL.
 */
static char *take_line(struct h1 *h1)
{
	char *line = h1->in.at + h1->used;
	char *end = memmem(line, h1->in.len - h1->used, "\r\n", 2);

	if (!end)
		return NULL;
	*end = 0;
	h1->used = (size_t)(end + 2 - h1->in.at);
	return line;
}

static int step_head(struct conn *conn)
{
	struct h1 *h1 = conn->state;
	char *start = h1->in.at + h1->used;
	size_t n = h1->in.len - h1->used;
	char *line;

	if (!memmem(start, n, "\r\n\r\n", 4))
		return n > REQUEST_HEADERS_MAX ? -1 : 0;
	h1->current = exchange_new(conn, 0);
	if (!parse_request_line(h1, take_line(h1)))
		return -1;
	while ((line = take_line(h1)) && *line)
		if (!parse_header_line(&h1->current->request, line))
			return -1;
	return read_framing(conn) ? 1 : -1;
}

static void serve(struct conn *conn)
{
	struct h1 *h1 = conn->state;

	h1->serving = true;
	conn->net->on_request(conn->net->ctx, h1->current);
}

static size_t take_body(struct h1 *h1, size_t limit)
{
	size_t n = h1->in.len - h1->used;

	if (n > limit)
		n = limit;
	buf_append(&h1->current->request.body, h1->in.at + h1->used, n);
	h1->used += n;
	return n;
}

static int step_length(struct conn *conn)
{
	struct h1 *h1 = conn->state;

	h1->left -= take_body(h1, h1->left);
	if (h1->left)
		return 0;
	serve(conn);
	return 1;
}

static int step_chunk_size(struct h1 *h1)
{
	char *line = take_line(h1);
	char *end;

	if (!line)
		return 0;
	if (!isxdigit((unsigned char)line[0]))
		return -1;
	h1->left = strtoul(line, &end, 16);
	if ((*end && *end != ';') || h1->left + h1->current->request.body.len > REQUEST_BODY_MAX)
		return -1;
	h1->step = h1->left ? STEP_CHUNK : STEP_TRAILER;
	h1->left += 2;
	return 1;
}

static int step_chunk(struct h1 *h1)
{
	if (h1->left > 2)
		h1->left -= take_body(h1, h1->left - 2);
	if (h1->left > 2 || h1->in.len - h1->used < 2)
		return 0;
	h1->used += 2;
	h1->step = STEP_CHUNK_SIZE;
	return 1;
}

static int step_trailer(struct conn *conn)
{
	char *line = take_line(conn->state);

	if (!line)
		return 0;
	if (!*line)
		serve(conn);
	return 1;
}

static int take_step(struct conn *conn)
{
	struct h1 *h1 = conn->state;

	switch (h1->step) {
	case STEP_HEAD:
		return step_head(conn);
	case STEP_LENGTH:
		return step_length(conn);
	case STEP_CHUNK_SIZE:
		return step_chunk_size(h1);
	case STEP_CHUNK:
		return step_chunk(h1);
	case STEP_TRAILER:
		return step_trailer(conn);
	}
	return -1;
}

static void parse(struct conn *conn)
{
	struct h1 *h1 = conn->state;
	int rc = 1;

	while (rc > 0 && !h1->serving && !conn->doomed && (h1->in.len > h1->used || h1->current))
		rc = take_step(conn);
	if (rc < 0)
		refuse(conn);
	buf_consume(&h1->in, h1->used);
	h1->used = 0;
	if (!h1->in.len)
		buf_clear(&h1->in, IN_KEEP);
}

static void h1_input(struct conn *conn, const char *bytes, size_t n)
{
	struct h1 *h1 = conn->state;

	buf_append(&h1->in, bytes, n);
	if (!h1->serving)
		parse(conn);
	else if (h1->in.len > IN_MAX)
		conn_doom(conn, true);
}

static void h1_output(struct conn *conn)
{
	struct h1 *h1 = conn->state;

	if (h1->in.len && !h1->serving && !conn->doomed)
		parse(conn);
}

const struct proto h1_proto = {
	.name = "http/1.1",
	.open = h1_open,
	.input = h1_input,
	.output = h1_output,
	.answer = h1_answer,
	.close = h1_close,
};
