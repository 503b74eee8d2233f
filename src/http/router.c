#include "http/router.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "http/percent.h"
#include "http/problem.h"

#define SHOWN_BYTES 64
#define BULK_PATH "/api/v1/messages/bulk"
#define HOOK_PATH "/api/v1/webhooks/whatsapp"
#define MESSAGES "/api/v1/messages/"
#define BATCHES "/api/v1/batches/"
#define OF_ONE "GET, HEAD, DELETE"
#define OF_HOOK "GET, HEAD, POST"

struct route_row {
	const char *name; /* for the log */
	enum scope scope;
	const char *method;
	const char *allow;
	const char *before; /* the path, or what stands before the parameter */
	const char *behind; /* what stands behind the parameter; null: no parameter */
};

/* A row without a scope does not compile. */
#define ROW(name, scope, method, allow, before, behind)    \
	{                                                  \
		name, scope, method, allow, before, behind \
	}

static const struct route_row rows[ROUTE_COUNT] = {
	[ROUTE_HEALTH] = ROW("health", SCOPE_OPEN, "GET", "GET, HEAD", "/health", NULL),
	[ROUTE_SEND] = ROW("send", SCOPE_SEND, "POST", "POST", "/api/v1/messages/send", NULL),
	[ROUTE_BULK] = ROW("bulk", SCOPE_SEND, "POST", "POST", BULK_PATH, NULL),
	[ROUTE_LIST] = ROW("list", SCOPE_READ, "GET", "GET, HEAD", "/api/v1/messages", NULL),
	[ROUTE_STATUS] = ROW("status", SCOPE_READ, "GET", "GET, HEAD", MESSAGES, "/status"),
	[ROUTE_EVENTS] = ROW("events", SCOPE_READ, "GET", "GET, HEAD", MESSAGES, "/events"),
	[ROUTE_EXPLAIN] = ROW("explain", SCOPE_READ, "GET", "GET, HEAD", MESSAGES, "/explain"),
	/* Behind ROUTE_SEND and ROUTE_BULK, whose paths would fit as well. */
	[ROUTE_MESSAGE] = ROW("message", SCOPE_READ, "GET", OF_ONE, MESSAGES, ""),
	[ROUTE_CANCEL] = ROW("cancel", SCOPE_SEND, "DELETE", OF_ONE, MESSAGES, ""),
	[ROUTE_BATCH] = ROW("batch", SCOPE_READ, "GET", OF_ONE, BATCHES, ""),
	[ROUTE_REPORT] = ROW("report", SCOPE_REPORT, "GET", "GET, HEAD", "/api/v1/reports/", ""),
	[ROUTE_OPENAPI] =
		ROW("openapi", SCOPE_OPEN, "GET", "GET, HEAD", "/api/v1/openapi.yaml", NULL),
	[ROUTE_BATCH_CANCEL] = ROW("batch_cancel", SCOPE_SEND, "DELETE", OF_ONE, BATCHES, ""),
	/* Open: who posts one signs it, and who sets it up shows a token. */
	[ROUTE_WEBHOOK] = ROW("webhook", SCOPE_OPEN, "POST", OF_HOOK, HOOK_PATH, NULL),
	[ROUTE_WEBHOOK_SETUP] = ROW("webhook_setup", SCOPE_OPEN, "GET", OF_HOOK, HOOK_PATH, NULL),
	[ROUTE_PAUSE] = ROW("pause", SCOPE_MANAGE, "POST", "POST", "/api/v1/pause", NULL),
	[ROUTE_RESUME] = ROW("resume", SCOPE_MANAGE, "POST", "POST", "/api/v1/resume", NULL),
	[ROUTE_RESOLVE] = ROW("resolve", SCOPE_MANAGE, "POST", "POST", MESSAGES, "/resolve"),
	[ROUTE_REPLAY] = ROW("replay", SCOPE_MANAGE, "POST", "POST", "/api/v1/replay", NULL),
};

/* Finds the raw parameter in a path of the row's form. */
static bool match_path(const struct route_row *row, const char *path, const char **ret_param,
		       size_t *ret_len)
{
	size_t before = strlen(row->before);
	size_t len;

	if (row->behind == NULL) {
		*ret_param = "";
		*ret_len = 0;
		return strcmp(path, row->before) == 0;
	}
	if (strncmp(path, row->before, before) != 0)
		return false;
	len = strcspn(path + before, "/");
	if (len == 0 || strcmp(path + before + len, row->behind) != 0)
		return false;
	*ret_param = path + before;
	*ret_len = len;
	return true;
}

static void refuse_fault(const struct http_request *request, struct http_response *r)
{
	char message[128];

	switch (request->fault) {
	case HTTP_FAULT_BODY_TOO_LARGE:
		(void)snprintf(message, sizeof(message),
			       "body: is larger than %zu bytes; send a shorter one",
			       request->limit_bytes);
		http_problem(r, PROBLEM_BODY_TOO_LARGE, request->limit_bytes != 0 ? message : NULL);
		return;
	case HTTP_FAULT_HEAD_TOO_LARGE:
		(void)snprintf(message, sizeof(message),
			       "headers: are larger than %zu bytes; send fewer or shorter ones",
			       request->limit_bytes);
		http_problem(r, PROBLEM_HEAD_TOO_LARGE, request->limit_bytes != 0 ? message : NULL);
		return;
	case HTTP_FAULT_OVERLOADED:
		http_problem(r, PROBLEM_OVERLOADED, NULL);
		return;
	case HTTP_FAULT_BODY_INCOMPLETE:
		http_problem(r, PROBLEM_INVALID_REQUEST,
			     "body: is not as long as Content-Length says; send it again whole");
		return;
	case HTTP_FAULT_NONE:
	case HTTP_FAULT_MALFORMED:
		break;
	}
	http_problem(r, PROBLEM_INVALID_REQUEST,
		     "request: has no method, no address or no valid Content-Length; send a "
		     "complete HTTP request");
}

static bool method_fits(const struct route_row *row, const char *method)
{
	if (strcmp(method, "HEAD") == 0)
		method = "GET";
	return strcmp(method, row->method) == 0;
}

static void refuse_method(const struct route_row *row, const char *method, struct http_response *r)
{
	char shown[SHOWN_BYTES];
	char message[SHOWN_BYTES + 64];

	text_copy_cut(shown, sizeof(shown), method);
	(void)snprintf(message, sizeof(message), "method: is %s; use %s", shown, row->method);
	http_problem(r, PROBLEM_METHOD_NOT_ALLOWED, message);
	http_response_header(r, "Allow", row->allow);
}

/* The media type before its parameters (RFC 9110, section 8.3.1). */
static bool is_json(const char *content_type)
{
	static const char wanted[] = "application/json";

	content_type += strspn(content_type, " \t");
	return strncasecmp(content_type, wanted, sizeof(wanted) - 1) == 0 &&
	       strchr(" \t;", content_type[sizeof(wanted) - 1]) != NULL;
}

static void refuse_type(const char *content_type, struct http_response *r)
{
	char shown[SHOWN_BYTES];
	char message[SHOWN_BYTES + 64];

	text_copy_cut(shown, sizeof(shown), content_type[0] != '\0' ? content_type : "missing");
	(void)snprintf(message, sizeof(message), "Content-Type: is %s; send application/json",
		       shown);
	http_problem(r, PROBLEM_UNSUPPORTED_TYPE, message);
}

static bool same_path(const struct route_row *a, const struct route_row *b)
{
	return strcmp(a->before, b->before) == 0 && (a->behind == NULL) == (b->behind == NULL) &&
	       (a->behind == NULL || strcmp(a->behind, b->behind) == 0);
}

/* The route of the path, or ROUTE_COUNT; of those that share the path the one with this method.  A
 * parameter that is too long or not percent-encoding is no id that ever was. */
static enum route find(const char *path, const char *method, char param[ROUTE_PARAM_BYTES])
{
	for (int i = 0; i < ROUTE_COUNT; i++) {
		const char *raw;
		size_t len;

		if (!match_path(&rows[i], path, &raw, &len) ||
		    percent_decode(raw, len, param, ROUTE_PARAM_BYTES) != PERCENT_OK)
			continue;
		for (int k = i; k < ROUTE_COUNT && same_path(&rows[i], &rows[k]); k++)
			if (method_fits(&rows[k], method))
				return (enum route)k;
		return (enum route)i;
	}
	return ROUTE_COUNT;
}

bool http_route_is_bulk(const char *path, size_t len)
{
	return len == sizeof(BULK_PATH) - 1 && memcmp(path, BULK_PATH, len) == 0;
}

bool http_route_is_webhook(const char *path, size_t len)
{
	return len == sizeof(HOOK_PATH) - 1 && memcmp(path, HOOK_PATH, len) == 0;
}

const char *http_route_name(enum route route)
{
	return rows[route].name;
}

enum scope http_route_scope(enum route route)
{
	return rows[route].scope;
}

bool http_route(const struct http_request *request, struct route_match *ret_match,
		struct http_response *ret_refusal)
{
	struct route_match match;
	const struct route_row *row;

	if (request->fault != HTTP_FAULT_NONE) {
		refuse_fault(request, ret_refusal);
		return false;
	}
	match.route = find(request->path, request->method, match.param);
	if (match.route == ROUTE_COUNT) {
		http_problem(ret_refusal, PROBLEM_NOT_FOUND, NULL);
		return false;
	}
	row = &rows[match.route];
	if (!method_fits(row, request->method)) {
		refuse_method(row, request->method, ret_refusal);
		return false;
	}
	if (strcmp(row->method, "POST") == 0 && !is_json(request->content_type)) {
		refuse_type(request->content_type, ret_refusal);
		return false;
	}
	*ret_match = match;
	return true;
}
