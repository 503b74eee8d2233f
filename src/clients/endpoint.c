#include "clients/endpoint.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "domain/message.h"

char *endpoint_base(const char *base_url)
{
	size_t len = strlen(base_url);

	while (len > 0 && base_url[len - 1] == '/')
		len--;
	return strndup(base_url, len);
}

bool endpoint_tenant_header(char header[ENDPOINT_HEADER_BYTES], const char *tenant_id)
{
	if (!text_visible_ascii(tenant_id, strlen(tenant_id), MESSAGE_TOKEN_MAX))
		return false;
	snprintf(header, ENDPOINT_HEADER_BYTES, "X-Tenant-Id: %s", tenant_id);
	return true;
}

bool endpoint_trace_header(char header[ENDPOINT_TRACE_BYTES], const char *traceparent)
{
	if (!*traceparent)
		return false;
	snprintf(header, ENDPOINT_TRACE_BYTES, "traceparent: %.*s", TRACE_PARENT_BYTES - 1,
		 traceparent);
	return true;
}

/* A repeat of the same call cannot be expected to help. */
static bool is_final(int status)
{
	return status >= 400 && status <= 499 && status != 408 && status != 425 && status != 429;
}

bool endpoint_succeeded(const struct transport_result *result, const char *what,
			struct err *ret_err)
{
	if (result->end != TRANSPORT_ANSWERED) {
		*ret_err = result->err;
		err_prefix(ret_err, "%s", what);
		return false;
	}
	if (result->status >= 200 && result->status <= 299)
		return true;
	err_set(ret_err, is_final(result->status) ? ERR_PERMANENT : ERR_TEMPORARY, result->status,
		"%s: HTTP status %d", what, result->status);
	return false;
}

struct json_doc *endpoint_answer(const struct transport_result *result, const char *what,
				 struct err *ret_err)
{
	struct json_doc *doc;

	if (!endpoint_succeeded(result, what, ret_err))
		return NULL;
	doc = json_doc_parse(result->body, result->body_len, ret_err);
	if (doc == NULL) {
		ret_err->class = ERR_TEMPORARY;
		err_prefix(ret_err, "%s", what);
	}
	return doc;
}
