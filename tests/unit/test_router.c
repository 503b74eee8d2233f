#include "http/router.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct http_request request(const char *method, const char *path)
{
	return (struct http_request){ .method = method,
				      .path = path,
				      .query = "",
				      .content_type = "application/json",
				      .request_id = "",
				      .prefer = "",
				      .idempotency_key = "",
				      .traceparent = "",
				      .authorization = "",
				      .signature = "",
				      .body = "" };
}

static void goes_to(const char *method, const char *path, enum route route, const char *param)
{
	struct http_request q = request(method, path);
	struct route_match match;
	struct http_response r;

	ck_assert_msg(http_route(&q, &match, &r), "%s %s", method, path);
	ck_assert_int_eq(match.route, route);
	ck_assert_str_eq(match.param, param);
}

static void is_refused(const struct http_request *q, int status, const char *saying,
		       const char *allow)
{
	struct route_match match;
	struct http_response r;

	ck_assert_msg(!http_route(q, &match, &r), "%s %s", q->method, q->path);
	ck_assert_msg(r.status == status, "%s %s: %d", q->method, q->path, r.status);
	ck_assert_msg(strstr(r.body.data, saying) != NULL, "%s", r.body.data);
	ck_assert_str_eq(r.type, "application/json");
	if (allow != NULL) {
		ck_assert_uint_eq(r.header_count, 1);
		ck_assert_str_eq(r.headers[0].name, "Allow");
		ck_assert_str_eq(r.headers[0].value, allow);
	} else {
		ck_assert_uint_eq(r.header_count, 0);
	}
	http_response_fini(&r);
}

START_TEST(the_three_routes_of_the_contract)
{
	goes_to("GET", "/health", ROUTE_HEALTH, "");
	goes_to("POST", "/api/v1/messages/send", ROUTE_SEND, "");
	goes_to("GET", "/api/v1/messages/017f22e2-79b0-7cc3-98c4-dc0c0c07398f/status", ROUTE_STATUS,
		"017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
	goes_to("GET", "/api/v1/messages/send/status", ROUTE_STATUS, "send");
}
END_TEST

START_TEST(routes_for_reading)
{
	goes_to("GET", "/api/v1/messages", ROUTE_LIST, "");
	goes_to("GET", "/api/v1/messages/x", ROUTE_MESSAGE, "x");
	goes_to("GET", "/api/v1/messages/x/events", ROUTE_EVENTS, "x");
	goes_to("GET", "/api/v1/messages/x/explain", ROUTE_EXPLAIN, "x");
	goes_to("GET", "/api/v1/messages/events/events", ROUTE_EVENTS, "events");
	/* Encoded, it is a name like any other. */
	goes_to("GET", "/api/v1/messages/%73end", ROUTE_MESSAGE, "send");
	goes_to("GET", "/api/v1/batches/x", ROUTE_BATCH, "x");
	goes_to("HEAD", "/api/v1/batches/x", ROUTE_BATCH, "x");
	goes_to("DELETE", "/api/v1/batches/x", ROUTE_BATCH_CANCEL, "x");
	is_refused(&(struct http_request){ .method = "POST", .path = "/api/v1/batches/x" }, 405,
		   "use GET", "GET, HEAD, DELETE");
	is_refused(&(struct http_request){ .method = "POST", .path = "/api/v1/messages" }, 405,
		   "use GET", "GET, HEAD");
	goes_to("DELETE", "/api/v1/messages/x", ROUTE_CANCEL, "x");
	is_refused(&(struct http_request){ .method = "PUT", .path = "/api/v1/messages/x" }, 405,
		   "use GET", "GET, HEAD, DELETE");
	is_refused(&(struct http_request){ .method = "DELETE", .path = "/api/v1/messages/send" },
		   405, "use POST", "POST");
	is_refused(&(struct http_request){ .method = "DELETE",
					   .path = "/api/v1/messages/x/status" },
		   405, "use GET", "GET, HEAD");
}
END_TEST

START_TEST(bulk_calls_are_known_by_their_path)
{
	static const char path[] = "/api/v1/messages/bulk";

	goes_to("POST", path, ROUTE_BULK, "");
	is_refused(&(struct http_request){ .method = "GET", .path = path }, 405, "use POST",
		   "POST");
	ck_assert(http_route_is_bulk(path, strlen(path)));
	ck_assert(!http_route_is_bulk(path, strlen(path) - 1));
	ck_assert(!http_route_is_bulk("/api/v1/messages/bulk/", strlen(path) + 1));
	ck_assert(!http_route_is_bulk("/api/v1/messages/send", strlen(path)));
	ck_assert(!http_route_is_bulk("", 0));
}
END_TEST

START_TEST(webhooks_have_one_address)
{
	static const char path[] = "/api/v1/webhooks/whatsapp";

	goes_to("POST", path, ROUTE_WEBHOOK, "");
	goes_to("GET", path, ROUTE_WEBHOOK_SETUP, "");
	goes_to("HEAD", path, ROUTE_WEBHOOK_SETUP, "");
	is_refused(&(struct http_request){ .method = "PUT", .path = path }, 405, "use POST",
		   "GET, HEAD, POST");
	ck_assert(http_route_is_webhook(path, strlen(path)));
	ck_assert(!http_route_is_webhook(path, strlen(path) - 1));
	ck_assert(!http_route_is_webhook("/api/v1/webhooks/whatsapp/", strlen(path) + 1));
	ck_assert(!http_route_is_webhook("", 0));
}
END_TEST

START_TEST(what_is_decided_by_key_is_posted)
{
	goes_to("POST", "/api/v1/pause", ROUTE_PAUSE, "");
	goes_to("POST", "/api/v1/resume", ROUTE_RESUME, "");
	goes_to("POST", "/api/v1/replay", ROUTE_REPLAY, "");
	goes_to("POST", "/api/v1/messages/x/resolve", ROUTE_RESOLVE, "x");
	is_refused(&(struct http_request){ .method = "GET", .path = "/api/v1/messages/x/resolve" },
		   405, "use POST", "POST");
	for (enum route route = ROUTE_PAUSE; route <= ROUTE_REPLAY; route++)
		ck_assert_int_eq(http_route_scope(route), SCOPE_MANAGE);
}
END_TEST

START_TEST(every_route_has_a_name)
{
	for (int route = 0; route < ROUTE_COUNT; route++)
		ck_assert(*http_route_name((enum route)route));
	ck_assert_str_eq(http_route_name(ROUTE_STATUS), "status");
}
END_TEST

START_TEST(every_route_says_which_scope_it_needs)
{
	for (int route = 0; route < ROUTE_COUNT; route++) {
		const enum scope scope = http_route_scope((enum route)route);

		ck_assert_msg(scope == SCOPE_OPEN || scope_name(scope), "%s",
			      http_route_name((enum route)route));
		ck_assert_int_eq(scope == SCOPE_OPEN,
				 route == ROUTE_HEALTH || route == ROUTE_OPENAPI ||
					 route == ROUTE_WEBHOOK || route == ROUTE_WEBHOOK_SETUP);
	}
	ck_assert_int_eq(http_route_scope(ROUTE_CANCEL), SCOPE_SEND);
	ck_assert_int_eq(http_route_scope(ROUTE_MESSAGE), SCOPE_READ);
}
END_TEST

START_TEST(head_is_taken_as_get)
{
	goes_to("HEAD", "/health", ROUTE_HEALTH, "");
	goes_to("HEAD", "/api/v1/messages/x/status", ROUTE_STATUS, "x");
	goes_to("HEAD", "/api/v1/messages", ROUTE_LIST, "");
}
END_TEST

START_TEST(other_paths_are_not_found)
{
	static const char *const paths[] = {
		"",
		"/",
		"/health/",
		"/healthz",
		"/Health",
		"//health",
		"health",
		"/api/v1/messages/",
		"/api/v1/messages/send/",
		"/api/v1/messages//status",
		"/api/v1/messages/x/status/",
		"/api/v1/messages/x/y/status",
		"/api/v1/messages/x/statu",
		"/api/v1/messages/x/statuses",
		"/api/v2/messages/send",
		"/api/v1/messages/x/event",
		"/api/v1/messages/x/explain/",
		"/api/v1/messages//explain",
		"/api/v1/message",
		"/api/v1/messages/../messages/send",
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct http_request q = request("GET", paths[i]);

		is_refused(&q, 404, "\"error\":\"not_found\"", NULL);
		q.method = "POST";
		is_refused(&q, 404, "\"code\":\"NOT_FOUND\"", NULL);
	}
}
END_TEST

START_TEST(other_methods_are_told_which_are_allowed)
{
	static const char *const methods[] = { "PUT", "DELETE", "PATCH", "OPTIONS", "get", "" };

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		struct http_request q = request(methods[i], "/health");

		is_refused(&q, 405, "use GET", "GET, HEAD");
		q.path = "/api/v1/messages/send";
		is_refused(&q, 405, "use POST", "POST");
		q.path = "/api/v1/messages/x/status";
		is_refused(&q, 405, "\"error\":\"method_not_allowed\"", "GET, HEAD");
	}
	is_refused(&(struct http_request){ .method = "GET", .path = "/api/v1/messages/send" }, 405,
		   "method: is GET; use POST", "POST");
	is_refused(&(struct http_request){ .method = "POST", .path = "/health" }, 405,
		   "method: is POST; use GET", "GET, HEAD");
}
END_TEST

START_TEST(the_id_is_percent_decoded)
{
	goes_to("GET", "/api/v1/messages/a%2Fb%2fc%20%C3%A9/status", ROUTE_STATUS, "a/b/c é");
	goes_to("GET", "/api/v1/messages/%25/status", ROUTE_STATUS, "%");
}
END_TEST

START_TEST(what_is_no_percent_encoding_is_not_found)
{
	static const char *const ids[] = { "%", "%4", "%zz", "%4g", "a%", "%00", "a%00b" };
	char path[64];

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct http_request q;

		(void)snprintf(path, sizeof(path), "/api/v1/messages/%s/status", ids[i]);
		q = request("GET", path);
		is_refused(&q, 404, "NOT_FOUND", NULL);
	}
}
END_TEST

START_TEST(the_id_is_bounded)
{
	for (int len = ROUTE_PARAM_BYTES - 2; len <= ROUTE_PARAM_BYTES; len++) {
		char id[ROUTE_PARAM_BYTES + 1];
		char path[2 * ROUTE_PARAM_BYTES];

		memset(id, 'x', (size_t)len);
		id[len] = '\0';
		(void)snprintf(path, sizeof(path), "/api/v1/messages/%s/status", id);
		if (len < ROUTE_PARAM_BYTES) {
			goes_to("GET", path, ROUTE_STATUS, id);
		} else {
			struct http_request q = request("GET", path);

			is_refused(&q, 404, "NOT_FOUND", NULL);
		}
	}
}
END_TEST

START_TEST(a_send_must_be_json)
{
	static const char *const right[] = { "application/json",
					     "Application/JSON",
					     "application/json; charset=utf-8",
					     "application/json;charset=utf-8",
					     " application/json ",
					     "application/json ;x=y" };
	static const char *const wrong[] = {
		"text/plain",          "application/jsonx", "application/json-patch+json",
		"multipart/form-data", "application/",      "json"
	};

	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		struct http_request q = request("POST", "/api/v1/messages/send");
		struct route_match match;
		struct http_response r;

		q.content_type = right[i];
		ck_assert_msg(http_route(&q, &match, &r), "%s", right[i]);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct http_request q = request("POST", "/api/v1/messages/send");

		q.content_type = wrong[i];
		is_refused(&q, 415, "send application/json", NULL);
	}
}
END_TEST

START_TEST(a_missing_type_is_named_and_matters_only_where_there_is_a_body)
{
	struct http_request q = request("POST", "/api/v1/messages/send");

	q.content_type = "";
	is_refused(&q, 415, "Content-Type: is missing; send application/json", NULL);
	q.method = "GET";
	q.path = "/health";
	q.content_type = "text/plain";
	ck_assert(http_route(&q, &(struct route_match){ 0 }, &(struct http_response){ 0 }));
}
END_TEST

START_TEST(a_request_not_taken_whole_is_refused_first)
{
	struct http_request q = request("POST", "/api/v1/messages/send");
	struct route_match match;
	struct http_response r;

	q.fault = HTTP_FAULT_OVERLOADED;
	ck_assert(!http_route(&q, &match, &r));
	ck_assert_int_eq(r.status, 503);
	ck_assert_str_eq(r.headers[0].name, "Retry-After");
	http_response_fini(&r);
	q.fault = HTTP_FAULT_BODY_TOO_LARGE;
	is_refused(&q, 413, "\"code\":\"BODY_TOO_LARGE\"", NULL);
	q.limit_bytes = 65536;
	is_refused(&q, 413, "body: is larger than 65536 bytes; send a shorter one", NULL);
	q.fault = HTTP_FAULT_HEAD_TOO_LARGE;
	is_refused(&q, 431, "headers: are larger than 65536 bytes", NULL);
	q.limit_bytes = 0;
	is_refused(&q, 431, "\"code\":\"HEADERS_TOO_LARGE\"", NULL);
	q.fault = HTTP_FAULT_BODY_INCOMPLETE;
	is_refused(&q, 400, "body: is not as long as Content-Length says", NULL);
	q = request("", "");
	q.fault = HTTP_FAULT_MALFORMED;
	is_refused(&q, 400, "\"code\":\"INVALID_REQUEST\"", NULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("router");
	TCase *tcase = tcase_create("router");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, the_three_routes_of_the_contract);
	tcase_add_test(tcase, routes_for_reading);
	tcase_add_test(tcase, bulk_calls_are_known_by_their_path);
	tcase_add_test(tcase, webhooks_have_one_address);
	tcase_add_test(tcase, what_is_decided_by_key_is_posted);
	tcase_add_test(tcase, every_route_has_a_name);
	tcase_add_test(tcase, every_route_says_which_scope_it_needs);
	tcase_add_test(tcase, head_is_taken_as_get);
	tcase_add_test(tcase, other_paths_are_not_found);
	tcase_add_test(tcase, other_methods_are_told_which_are_allowed);
	tcase_add_test(tcase, the_id_is_percent_decoded);
	tcase_add_test(tcase, what_is_no_percent_encoding_is_not_found);
	tcase_add_test(tcase, the_id_is_bounded);
	tcase_add_test(tcase, a_send_must_be_json);
	tcase_add_test(tcase, a_missing_type_is_named_and_matters_only_where_there_is_a_body);
	tcase_add_test(tcase, a_request_not_taken_whole_is_refused_first);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
