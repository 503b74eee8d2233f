#include "transport/call.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define URL_MAX 4096

static bool url_is_ours(const char *url)
{
	return (strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0) &&
	       text_visible_ascii(url, strlen(url), URL_MAX);
}

static bool check(const struct transport_request *request, struct err *ret_err)
{
	if (!url_is_ours(request->url)) {
		err_set(ret_err, ERR_INVALID, 0, "call: not an http or https URL");
		return false;
	}
	if (request->header_count > CALL_HEADERS_MAX) {
		err_set(ret_err, ERR_INVALID, 0, "call: more than %d headers", CALL_HEADERS_MAX);
		return false;
	}
	for (unsigned i = 0; i < request->header_count; i++) {
		if (strpbrk(request->headers[i], "\r\n") == NULL)
			continue;
		err_set(ret_err, ERR_INVALID, 0, "call: line break in header %u", i + 1);
		return false;
	}
	if (request->post != (request->body_len > 0)) {
		err_set(ret_err, ERR_INVALID, 0, "call: a POST has a body, a GET has none");
		return false;
	}
	return true;
}

/* Copies and moves *at behind the copy and its ending 0. */
static char *put(char **at, const char *data, size_t len)
{
	char *begin = *at;

	memcpy(begin, data, len);
	begin[len] = 0;
	*at += len + 1;
	return begin;
}

struct call *call_copy(const struct transport_request *request, struct curl_slist *always,
		       int64_t now_boot_ms, struct err *ret_err)
{
	size_t header_len[CALL_HEADERS_MAX];
	size_t url_len = strlen(request->url);
	size_t space = url_len + 1 + request->body_len + 1;
	struct call *c;
	char *at;

	if (!check(request, ret_err))
		return NULL;
	for (unsigned i = 0; i < request->header_count; i++) {
		header_len[i] = strlen(request->headers[i]);
		space += header_len[i] + 1;
	}
	c = malloc(sizeof(*c) + space);
	if (c == NULL) {
		err_set(ret_err, ERR_TEMPORARY, ENOMEM, "call: no memory");
		return NULL;
	}
	at = c->texts;
	c->texts_size = space;
	list_init(&c->node);
	c->tag = request->tag;
	c->submitted_boot_ms = now_boot_ms;
	c->deadline_boot_ms = request->deadline_boot_ms;
	c->answer_max = request->answer_max;
	c->post = request->post;
	c->gated = request->post && request->gated;
	c->url = put(&at, request->url, url_len);
	c->header_count = request->header_count;
	c->headers = always;
	for (unsigned i = request->header_count; i-- > 0;) {
		c->header[i].data = put(&at, request->headers[i], header_len[i]);
		c->header[i].next = c->headers;
		c->headers = &c->header[i];
	}
	c->body_len = request->body_len;
	c->body = put(&at, request->body_len > 0 ? request->body : "", request->body_len);
	return c;
}

bool call_is_late(const struct call *c, int64_t now_boot_ms)
{
	const int64_t left_ms = c->deadline_boot_ms - now_boot_ms;
	const int64_t waited_ms = now_boot_ms - c->submitted_boot_ms;

	return left_ms <= 0 || (c->gated && waited_ms > left_ms);
}

void call_free(struct call *c)
{
	if (c == NULL)
		return;
	explicit_bzero(c->texts, c->texts_size);
	free(c);
}
