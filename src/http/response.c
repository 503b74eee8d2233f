#include "http/response.h"

#include <stddef.h>
#include <string.h>

#include "base/text.h"

void http_response_init(struct http_response *r, int status)
{
	r->status = status;
	r->type = "application/json";
	r->header_count = 0;
	str_init(&r->body, HTTP_RESPONSE_BODY_MAX);
}

void http_response_fini(struct http_response *r)
{
	str_fini(&r->body);
	r->header_count = 0;
}

static bool is_header_value(const char *value)
{
	for (; *value != '\0'; value++)
		if (*value < 0x20 || *value > 0x7e)
			return false;
	return true;
}

void http_response_header(struct http_response *r, const char *name, const char *value)
{
	struct http_header *header;

	if (r->header_count == HTTP_RESPONSE_HEADERS || !is_header_value(value))
		return;
	header = &r->headers[r->header_count];
	if (!text_copy(header->value, sizeof(header->value), value))
		return;
	header->name = name;
	r->header_count++;
}

const char *http_status_text(int status)
{
	static const struct {
		int status;
		const char *text;
	} rows[] = {
		/* RFC 9110, section 15; 429 and 431: RFC 6585 */
		{ 200, "OK" },
		{ 202, "Accepted" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 409, "Conflict" },
		{ 413, "Content Too Large" },
		{ 415, "Unsupported Media Type" },
		{ 422, "Unprocessable Content" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 503, "Service Unavailable" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].status == status)
			return rows[i].text;
	return "";
}
