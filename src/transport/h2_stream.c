/*
 * How a call can end, and what proves it:
 *
 *   the whole answer came                                ANSWERED
 *   REFUSED_STREAM, or a GOAWAY that leaves it out,      NOT_SENT: the server says it has not
 *   and no part of an answer                             looked at it (RFC 9113, 8.7)
 *   POST: body not asked for, or the gate refused        NOT_SENT: a request without the body
 *   GET: headers not given to the connection             it announced is no request
 *   anything else                                        LOST
 *
 * An answer longer than allowed, or cut, is LOST: it came, yet nothing can be said of it.
 */
#include "transport/h2_stream.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "transport/wait_header.h"

#define ANSWER_KEEP_BYTES 16384   /* more is given back to the system after the call */
#define HEADER_OVERHEAD_BYTES 32u /* RFC 9113, 10.5.1 */

struct h2_stream *h2_stream_new(void)
{
	struct h2_stream *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	list_init(&s->node);
	str_init(&s->answer, 0);
	return s;
}

void h2_stream_free(struct h2_stream *s)
{
	if (s == NULL)
		return;
	h2_stream_end(s);
	str_fini(&s->answer);
	free(s);
}

void h2_stream_begin(struct h2_stream *s, struct call *call)
{
	*s = (struct h2_stream){ .call = call, .answer = s->answer };
	list_init(&s->node);
	s->answer.max = call->answer_max;
}

/* What was sent and what came holds tokens. */
void h2_stream_end(struct h2_stream *s)
{
	call_free(s->call);
	s->call = NULL;
	free(s->retry_after);
	s->retry_after = NULL;
	free(s->usage);
	s->usage = NULL;
	explicit_bzero(s->answer.data, s->answer.len);
	if (s->answer.space > ANSWER_KEEP_BYTES)
		str_fini(&s->answer);
	str_reset(&s->answer);
}

/* Without memory for it the header counts as absent. */
static void keep(char **at, const char *value)
{
	free(*at);
	*at = strdup(value);
}

bool h2_stream_header(struct h2_stream *s, const char *name, const char *value, size_t len)
{
	uint64_t status;

	s->header_bytes += len + HEADER_OVERHEAD_BYTES;
	if (s->header_bytes > H2_STREAM_HEADERS_MAX) {
		err_set(&s->err, ERR_UNCERTAIN, 0, "headers longer than %d bytes",
			H2_STREAM_HEADERS_MAX);
		return false;
	}
	if (strcmp(name, ":status") == 0)
		s->status = text_to_u64(value, 100, 999, &status) ? (int)status : 0;
	else if (s->status < 300)
		return true;
	else if (strcmp(name, "retry-after") == 0)
		keep(&s->retry_after, value);
	else if (strcmp(name, "x-business-use-case-usage") == 0)
		keep(&s->usage, value);
	return true;
}

bool h2_stream_data(struct h2_stream *s, const char *data, size_t len)
{
	if (str_append(&s->answer, data, len))
		return true;
	err_set(&s->err, ERR_UNCERTAIN, 0, "answer longer than %zu bytes", s->call->answer_max);
	return false;
}

void h2_stream_result(const struct h2_stream *s, int64_t now_boot_ms,
		      struct transport_result *ret_result)
{
	bool begun = s->call->post ? s->body_begun : s->headers_left;

	*ret_result = (struct transport_result){
		.tag = s->call->tag,
		.body = "",
		.gate_refused = s->gate_refused,
		.took_ms = now_boot_ms - s->call->submitted_boot_ms,
	};
	if (s->complete) {
		ret_result->end = TRANSPORT_ANSWERED;
		ret_result->status = s->status;
		ret_result->body = s->answer.data;
		ret_result->body_len = s->answer.len;
		ret_result->retry_after_ms = wait_header_read(s->retry_after, s->usage);
		return;
	}
	if (s->refused && s->status == 0)
		begun = false;
	ret_result->end = begun ? TRANSPORT_LOST : TRANSPORT_NOT_SENT;
	ret_result->err = s->err;
	ret_result->err.class = begun ? ERR_UNCERTAIN : ERR_TEMPORARY;
}
