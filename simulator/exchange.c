#include "simulator/exchange.h"

#include "simulator/conn.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SPARE_EXCHANGES = 1024, SPARE_BYTES = 8 * 1024 };

static void answer_is_due(struct timer *timer)
{
	struct exchange *exchange =
		(struct exchange *)((char *)timer - offsetof(struct exchange, timer));

	exchange->conn->proto->answer(exchange);
}

struct exchange *exchange_new(struct conn *conn, int32_t stream_id)
{
	struct net *net = conn->net;
	struct exchange *exchange = net->spare;

	if (exchange) {
		net->spare = exchange->next;
		net->spare_count--;
	} else {
		exchange = buf_alloc(1, sizeof(*exchange));
	}
	exchange->conn = conn;
	exchange->stream_id = stream_id;
	exchange->timer.fire = answer_is_due;
	exchange->prev = NULL;
	exchange->next = conn->exchanges;
	if (exchange->next)
		exchange->next->prev = exchange;
	conn->exchanges = exchange;
	return exchange;
}

/* Spare exchanges keep their (small) buffers: a busy run then allocates nothing per request. */
static void recycle(struct net *net, struct exchange *exchange)
{
	struct request *request = &exchange->request;
	struct answer *answer = &exchange->answer;
	bool keep = net->spare_count < SPARE_EXCHANGES;
	size_t bytes = keep ? SPARE_BYTES : 0;

	buf_clear(&request->target, bytes);
	buf_clear(&request->path, bytes);
	buf_clear(&request->headers, bytes);
	buf_clear(&request->body, bytes);
	buf_clear(&answer->body, bytes);
	if (!keep) {
		free(exchange);
		return;
	}
	request->method[0] = 0;
	request->segment_count = 0;
	answer->status = 0;
	answer->how = ANSWER_WHOLE;
	answer->close = false;
	answer->field_count = 0;
	answer->text_len = 0;
	answer->body_sent = 0;
	exchange->on_end = NULL;
	exchange->next = net->spare;
	net->spare = exchange;
	net->spare_count++;
}

void exchange_free(struct exchange *exchange)
{
	struct conn *conn = exchange->conn;

	if (exchange->on_end)
		exchange->on_end(exchange);
	loop_unset_timer(conn->net->loop, &exchange->timer);
	if (exchange->prev)
		exchange->prev->next = exchange->next;
	else
		conn->exchanges = exchange->next;
	if (exchange->next)
		exchange->next->prev = exchange->prev;
	recycle(conn->net, exchange);
}

bool request_add_header(struct request *request, const char *name, size_t name_len,
			const char *value, size_t value_len)
{
	struct buf *headers = &request->headers;
	size_t start = headers->len;

	if (headers->len + name_len + value_len + 2 > REQUEST_HEADERS_MAX)
		return false;
	buf_append(headers, name, name_len);
	buf_append(headers, "", 1);
	buf_append(headers, value, value_len);
	buf_append(headers, "", 1);
	for (size_t i = start; i < start + name_len; i++)
		headers->at[i] = (char)tolower((unsigned char)headers->at[i]);
	return true;
}

const char *request_header(const struct request *request, const char *name)
{
	const char *at = request->headers.at;
	const char *end = at + request->headers.len;

	while (at < end) {
		const char *value = at + strlen(at) + 1;

		if (strcmp(at, name) == 0)
			return value;
		at = value + strlen(value) + 1;
	}
	return NULL;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes one segment in place; false on a bad escape or an escaped NUL. */
static bool decode(char *segment)
{
	char *to = segment;

	for (const char *from = segment; *from; from++) {
		if (*from != '%') {
			*to++ = *from;
			continue;
		}
		int high = hex_digit(from[1]);
		int low = high < 0 ? -1 : hex_digit(from[2]);
		if (low < 0 || high + low == 0)
			return false;
		*to++ = (char)(high * 16 + low);
		from += 2;
	}
	*to = 0;
	return true;
}

bool request_split_path(struct request *request)
{
	struct buf *path = &request->path;
	const char *target = request->target.at ? request->target.at : "";

	buf_append(path, target, strcspn(target, "?"));
	request->segment_count = 0;
	char *rest = path->at + (path->at[0] == '/');
	for (char *segment; (segment = strsep(&rest, "/"));) {
		if (request->segment_count == REQUEST_SEGMENTS || !decode(segment))
			return false;
		request->segments[request->segment_count++] = segment;
	}
	return true;
}

void answer_field(struct answer *answer, const char *name, const char *value)
{
	if (answer->field_count == ANSWER_FIELDS)
		return;
	answer->fields[answer->field_count].name = name;
	answer->fields[answer->field_count].value = value;
	answer->fields[answer->field_count++].is_unique = false;
}

void answer_fieldf(struct answer *answer, const char *name, const char *format, ...)
{
	size_t room = sizeof(answer->text) - answer->text_len;
	char *value = answer->text + answer->text_len;
	va_list args;

	va_start(args, format);
	int n = vsnprintf(value, room, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= room)
		return;
	answer->text_len += (size_t)n + 1;
	answer_field(answer, name, value);
	answer->fields[answer->field_count - 1].is_unique = true;
}

void exchange_send(struct exchange *exchange, int latency_ms)
{
	bool at_once = exchange->answer.how == ANSWER_REFUSED ||
		       exchange->answer.how == ANSWER_GOAWAY;

	if (exchange->answer.how == ANSWER_NEVER)
		return;
	if (latency_ms <= 0 || at_once)
		exchange->conn->proto->answer(exchange);
	else
		loop_set_timer(exchange->conn->net->loop, &exchange->timer,
			       loop_now_ns() + latency_ms * INT64_C(1000000));
}
