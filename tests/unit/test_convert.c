#include "fcgi/convert.h"

#include <check.h>
#include <fcgiapp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_wire.h"

static struct collect_budget budget = { .max_bytes = 67108864 };

enum { PARAMS_MAX = 16384, BODY_MAX = 300000 };

static struct convert *convert;

static void setup(void)
{
	struct err err;

	ck_assert_int_eq(FCGX_Init(), 0);
	convert = convert_new(PARAMS_MAX, BODY_MAX, &err);
	ck_assert_ptr_nonnull(convert);
}

static void teardown(void)
{
	convert_free(convert);
}

/* A request of these parameters (name-value pairs) and body, collected. */
static void collect_request(struct collect *c, const struct wire *params, const void *body,
			    size_t body_len)
{
	struct wire w = { 0 };
	struct collect_reply reply;
	enum collect_event event;

	wire_begin(&w, 7, WIRE_RESPONDER, 0);
	wire_stream(&w, WIRE_PARAMS, 7, params->data, params->len, 1000);
	wire_stream(&w, WIRE_STDIN, 7, body, body_len, 8184);
	collect_init(c, &budget, PARAMS_MAX, BODY_MAX, NULL);
	ck_assert_uint_eq(collect_feed(c, w.data, w.len, &event, &reply), w.len);
	ck_assert_int_eq(event, COLLECT_COMPLETE);
	wire_fini(&w);
}

static void pair(struct wire *w, const char *name, const char *value)
{
	wire_pair(w, name, value, strlen(value));
}

static void usual(struct wire *w)
{
	pair(w, "REQUEST_METHOD", "POST");
	pair(w, "REQUEST_URI", "/a%20b?x=1&y=?2");
}

/* The request that comes of it; done by the caller with finish(). */
static struct http_request convert_it(struct collect *c)
{
	struct http_request r;
	struct err err;

	ck_assert_int_eq(convert_request(convert, c, &r, &err), 0);
	return r;
}

static void finish(struct collect *c, struct wire *params)
{
	convert_request_done(convert);
	collect_fini(c);
	wire_fini(params);
}

START_TEST(every_field_arrives)
{
	struct wire p = { 0 };
	struct collect c;
	struct http_request r;

	pair(&p, "SCRIPT_NAME", "/x");
	usual(&p);
	pair(&p, "HTTP_X_REQUEST_ID", "id-1");
	pair(&p, "HTTP_X_REQUEST_IDS", "not this");
	pair(&p, "HTTP_PREFER", "respond-async");
	pair(&p, "HTTP_IDEMPOTENCY_KEY", "key=1");
	pair(&p, "HTTP_TRACEPARENT", "00-1-2-00");
	pair(&p, "HTTP_AUTHORIZATION", "Bearer t");
	pair(&p, "CONTENT_TYPE", "application/json");
	pair(&p, "CONTENT_LENGTH", "6");
	collect_request(&c, &p, "{\"a\"\0}", 6);
	r = convert_it(&c);
	ck_assert_int_eq(r.fault, HTTP_FAULT_NONE);
	ck_assert_str_eq(r.method, "POST");
	ck_assert_str_eq(r.path, "/a%20b");
	ck_assert_str_eq(r.query, "x=1&y=?2");
	ck_assert_str_eq(r.content_type, "application/json");
	ck_assert_str_eq(r.request_id, "id-1");
	ck_assert_str_eq(r.prefer, "respond-async");
	ck_assert_str_eq(r.idempotency_key, "key=1");
	ck_assert_str_eq(r.traceparent, "00-1-2-00");
	ck_assert_str_eq(r.authorization, "Bearer t");
	ck_assert_uint_eq(r.body_len, 6);
	ck_assert(memcmp(r.body, "{\"a\"\0}", 7) == 0);
	finish(&c, &p);
}
END_TEST

START_TEST(absent_fields_are_empty_texts)
{
	struct wire p = { 0 };
	struct collect c;
	struct http_request r;

	pair(&p, "REQUEST_METHOD", "GET");
	pair(&p, "REQUEST_URI", "/health");
	pair(&p, "CONTENT_LENGTH", "");
	collect_request(&c, &p, NULL, 0);
	r = convert_it(&c);
	ck_assert_int_eq(r.fault, HTTP_FAULT_NONE);
	ck_assert_str_eq(r.path, "/health");
	ck_assert_str_eq(r.query, "");
	ck_assert_str_eq(r.content_type, "");
	ck_assert_str_eq(r.request_id, "");
	ck_assert_str_eq(r.prefer, "");
	ck_assert_str_eq(r.idempotency_key, "");
	ck_assert_str_eq(r.traceparent, "");
	ck_assert_str_eq(r.authorization, "");
	ck_assert_str_eq(r.body, "");
	ck_assert_uint_eq(r.body_len, 0);
	finish(&c, &p);
}
END_TEST

START_TEST(of_parameters_that_come_twice_the_first_counts)
{
	struct wire p = { 0 };
	struct collect c;
	struct http_request r;

	pair(&p, "HTTP_X_REQUEST_ID", "");
	pair(&p, "HTTP_X_REQUEST_ID", "second");
	usual(&p);
	pair(&p, "REQUEST_METHOD", "GET");
	pair(&p, "REQUEST_URI", "/other");
	pair(&p, "CONTENT_LENGTH", "1");
	pair(&p, "CONTENT_LENGTH", "2");
	collect_request(&c, &p, "x", 1);
	r = convert_it(&c);
	ck_assert_int_eq(r.fault, HTTP_FAULT_NONE);
	ck_assert_str_eq(r.request_id, "");
	ck_assert_str_eq(r.method, "POST");
	ck_assert_str_eq(r.path, "/a%20b");
	finish(&c, &p);
}
END_TEST

static const struct {
	const char *length;
	enum http_fault fault;
} lengths[] = {
	{ NULL, HTTP_FAULT_NONE },
	{ "", HTTP_FAULT_NONE },
	{ "10", HTTP_FAULT_NONE },
	{ "9", HTTP_FAULT_BODY_INCOMPLETE },
	{ "11", HTTP_FAULT_BODY_INCOMPLETE },
	{ "0", HTTP_FAULT_BODY_INCOMPLETE },
	{ "18446744073709551615", HTTP_FAULT_BODY_INCOMPLETE },
	{ "18446744073709551616", HTTP_FAULT_MALFORMED },
	{ "-10", HTTP_FAULT_MALFORMED },
	{ "+10", HTTP_FAULT_MALFORMED },
	{ " 10", HTTP_FAULT_MALFORMED },
	{ "10 ", HTTP_FAULT_MALFORMED },
	{ "0xa", HTTP_FAULT_MALFORMED },
	{ "10,10", HTTP_FAULT_MALFORMED },
};

START_TEST(the_length_must_be_true)
{
	struct wire p = { 0 };
	struct collect c;
	struct http_request r;

	usual(&p);
	if (lengths[_i].length)
		pair(&p, "CONTENT_LENGTH", lengths[_i].length);
	collect_request(&c, &p, "0123456789", 10);
	r = convert_it(&c);
	ck_assert_int_eq(r.fault, lengths[_i].fault);
	ck_assert_str_eq(r.body, r.fault == HTTP_FAULT_NONE ? "0123456789" : "");
	ck_assert_str_eq(r.path, "/a%20b");
	finish(&c, &p);
}
END_TEST

static const struct {
	const char *method, *uri;
} heads[] = {
	{ NULL, "/" }, { "GET", NULL }, { "", "/" }, { "GET", "" }, { "GET", "?x" },
};

START_TEST(a_request_has_method_and_path)
{
	struct wire p = { 0 };
	struct collect c;

	if (heads[_i].method)
		pair(&p, "REQUEST_METHOD", heads[_i].method);
	if (heads[_i].uri)
		pair(&p, "REQUEST_URI", heads[_i].uri);
	collect_request(&c, &p, NULL, 0);
	ck_assert_int_eq(convert_it(&c).fault, HTTP_FAULT_MALFORMED);
	finish(&c, &p);
}
END_TEST

static const struct {
	size_t len;
	uint8_t bytes[16];
} unsound[] = {
	{ 1, { 5 } },                /* no second length */
	{ 5, { 5, 0x80, 0, 0, 0 } }, /* ... cut (with the name gone) */
	{ 4, { 1, 0x80, 0, 0 } },
	{ 5, { 2, 2, 'A', 'B', 'C' } }, /* value cut */
	{ 3, { 2, 0, 'A' } },           /* name cut */
	{ 2, { 0, 0 } },                /* no name */
	{ 3, { 0, 1, 'x' } },
	{ 4, { 2, 0, 'A', 0 } },                   /* 0 in the name */
	{ 5, { 1, 2, 'A', 'x', 0 } },              /* 0 in the value */
	{ 6, { 1, 0xff, 0xff, 0xff, 0xff, 'A' } }, /* 2 GiB */
	{ 9, { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 'A' } },
	{ 9, { 0x80, 0, 0, 1, 0x80, 0, 0, 1, 'A' } },
};

START_TEST(unsound_parameters_never_reach_libfcgi)
{
	struct wire p = { 0 };
	struct collect c;
	struct http_request r;

	usual(&p);
	wire_add(&p, unsound[_i].bytes, unsound[_i].len);
	collect_request(&c, &p, "body", 4);
	r = convert_it(&c);
	ck_assert_int_eq(r.fault, HTTP_FAULT_MALFORMED);
	ck_assert_str_eq(r.method, "");
	ck_assert_str_eq(r.body, "");
	finish(&c, &p);
}
END_TEST

START_TEST(long_lengths_are_read)
{
	static const size_t sizes[] = { 0, 127, 128, 255, 256, 8000, 15000 };
	struct wire p = { 0 };
	struct collect c;
	struct http_request r;
	char *value = malloc(sizes[_i] + 1);

	memset(value, 'v', sizes[_i]);
	value[sizes[_i]] = '\0';
	pair(&p, "HTTP_PREFER", value);
	usual(&p);
	collect_request(&c, &p, NULL, 0);
	r = convert_it(&c);
	ck_assert_int_eq(r.fault, HTTP_FAULT_NONE);
	ck_assert_str_eq(r.prefer, value);
	ck_assert_str_eq(r.method, "POST");
	free(value);
	finish(&c, &p);
}
END_TEST

START_TEST(bodies_of_every_size_arrive_whole_again_and_again)
{
	static const size_t sizes[] = { BODY_MAX,     0,     1,     8000,  8191,   8192,   8193,
					BODY_MAX - 1, 65535, 65536, 65537, 131070, 131071, 2,
					BODY_MAX,     100 };
	char *body = malloc(BODY_MAX);

	for (size_t i = 0; i < BODY_MAX; i++)
		body[i] = (char)(i * 7 + i / 251);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct wire p = { 0 };
		struct collect c;
		struct http_request r;
		char length[32];

		snprintf(length, sizeof(length), "%zu", sizes[i]);
		usual(&p);
		pair(&p, "CONTENT_LENGTH", length);
		collect_request(&c, &p, body, sizes[i]);
		r = convert_it(&c);
		ck_assert_int_eq(r.fault, HTTP_FAULT_NONE);
		ck_assert_uint_eq(r.body_len, sizes[i]);
		ck_assert(memcmp(r.body, body, sizes[i]) == 0);
		ck_assert_int_eq(r.body[sizes[i]], 0);
		finish(&c, &p);
	}
	free(body);
}
END_TEST

START_TEST(what_libfcgi_cannot_read_harms_nobody_else)
{
	for (int i = 0; i < 3; i++) {
		struct wire p = { 0 };
		struct collect broken, c;
		struct http_request r;
		struct err err;

		collect_init(&broken, &budget, PARAMS_MAX, BODY_MAX, NULL);
		ck_assert(str_append_text(&broken.stream, "not a FastCGI stream at all"));
		ck_assert_int_eq(convert_request(convert, &broken, &r, &err), -1);
		ck_assert_int_eq(err.class, ERR_INTERNAL);
		collect_fini(&broken);
		usual(&p);
		collect_request(&c, &p, "after", 5);
		ck_assert_str_eq(convert_it(&c).body, "after");
		finish(&c, &p);
	}
}
END_TEST

START_TEST(a_fault_of_the_collector_is_told)
{
	struct wire p = { 0 };
	struct collect c;
	struct http_request r;
	char *body = calloc(1, BODY_MAX + 1);

	usual(&p);
	pair(&p, "CONTENT_LENGTH", "300001");
	collect_request(&c, &p, body, BODY_MAX + 1);
	r = convert_it(&c);
	ck_assert_int_eq(r.fault, HTTP_FAULT_BODY_TOO_LARGE);
	ck_assert_str_eq(r.path, "/a%20b");
	ck_assert_uint_eq(r.body_len, 0);
	finish(&c, &p);
	while (p.len <= PARAMS_MAX)
		pair(&p, "HTTP_PREFER", "some words to fill it up");
	collect_request(&c, &p, NULL, 0);
	r = convert_it(&c);
	ck_assert_int_eq(r.fault, HTTP_FAULT_HEAD_TOO_LARGE);
	ck_assert_str_eq(r.path, "");
	finish(&c, &p);
	free(body);
}
END_TEST

static void check_answer(uint16_t id, const struct http_response *response, const char *head)
{
	struct wire_answer a;
	struct err err;
	const uint8_t *data;
	size_t len;

	ck_assert_int_eq(convert_answer(convert, id, response, &data, &len, &err), 0);
	a = wire_read_answer(data, len, id);
	ck_assert(a.ended);
	ck_assert_uint_eq(a.used, len);
	ck_assert_uint_eq(a.protocol_status, 0);
	ck_assert_uint_eq(a.app_status, 0);
	ck_assert_uint_eq(a.out.len, strlen(head) + response->body.len);
	ck_assert(memcmp(a.out.data, head, strlen(head)) == 0);
	ck_assert(memcmp(a.out.data + strlen(head), response->body.data, response->body.len) == 0);
	wire_fini(&a.out);
}

START_TEST(an_answer_has_status_headers_and_body)
{
	struct http_response r;

	http_response_init(&r, 200);
	http_response_header(&r, "X-Request-Id", "id-1");
	http_response_header(&r, "Retry-After", "5");
	ck_assert(str_append_text(&r.body, "{\"a\":1}"));
	for (unsigned id = 1; id <= 65535; id += 9362)
		check_answer((uint16_t)id, &r,
			     "Status: 200 OK\r\nContent-Type: application/json\r\n"
			     "X-Request-Id: id-1\r\nRetry-After: 5\r\nContent-Length: 7\r\n\r\n");
	http_response_fini(&r);
}
END_TEST

START_TEST(answers_of_every_size_go_out_whole)
{
	static const size_t sizes[] = {
		HTTP_RESPONSE_BODY_MAX,     0, 1, 8000, 8100, 8110, 8120, 8184, 8192, 16384, 100000,
		HTTP_RESPONSE_BODY_MAX - 1, 10
	};
	char *body = malloc(HTTP_RESPONSE_BODY_MAX);

	for (size_t i = 0; i < HTTP_RESPONSE_BODY_MAX; i++)
		body[i] = (char)(i * 11 + i / 253);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct http_response r;
		char head[200];

		http_response_init(&r, 200);
		ck_assert(str_append(&r.body, body, sizes[i]));
		snprintf(head, sizeof(head),
			 "Status: 200 OK\r\nContent-Type: application/json\r\n"
			 "Content-Length: %zu\r\n\r\n",
			 sizes[i]);
		check_answer(0x1234, &r, head);
		http_response_fini(&r);
	}
	free(body);
}
END_TEST

START_TEST(an_answer_from_within_a_request_disturbs_it_not)
{
	struct wire p = { 0 };
	struct collect c;
	struct http_request r;
	struct http_response response;

	usual(&p);
	collect_request(&c, &p, "body", 4);
	r = convert_it(&c);
	http_response_init(&response, 200);
	check_answer(7, &response,
		     "Status: 200 OK\r\nContent-Type: application/json\r\n"
		     "Content-Length: 0\r\n\r\n");
	http_response_fini(&response);
	ck_assert_str_eq(r.method, "POST");
	ck_assert_str_eq(r.body, "body");
	finish(&c, &p);
}
END_TEST

START_TEST(half_an_answer_is_none)
{
	struct http_response response;
	const uint8_t *data;
	size_t len;
	struct err err;

	http_response_init(&response, 200);
	response.body.max = 5;
	ck_assert(str_append_text(&response.body, "{\"a\""));
	ck_assert(!str_append_text(&response.body, ":1}"));
	ck_assert_int_eq(convert_answer(convert, 1, &response, &data, &len, &err), -1);
	ck_assert_int_eq(err.class, ERR_LIMIT);
	http_response_fini(&response);
}
END_TEST

#define COUNT(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))

int main(void)
{
	Suite *suite = suite_create("convert");
	TCase *tcase = tcase_create("convert");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, every_field_arrives);
	tcase_add_test(tcase, absent_fields_are_empty_texts);
	tcase_add_test(tcase, of_parameters_that_come_twice_the_first_counts);
	tcase_add_loop_test(tcase, the_length_must_be_true, 0, COUNT(lengths));
	tcase_add_loop_test(tcase, a_request_has_method_and_path, 0, COUNT(heads));
	tcase_add_loop_test(tcase, unsound_parameters_never_reach_libfcgi, 0, COUNT(unsound));
	tcase_add_loop_test(tcase, long_lengths_are_read, 0, 7);
	tcase_add_test(tcase, bodies_of_every_size_arrive_whole_again_and_again);
	tcase_add_test(tcase, what_libfcgi_cannot_read_harms_nobody_else);
	tcase_add_test(tcase, a_fault_of_the_collector_is_told);
	tcase_add_test(tcase, an_answer_has_status_headers_and_body);
	tcase_add_test(tcase, answers_of_every_size_go_out_whole);
	tcase_add_test(tcase, half_an_answer_is_none);
	tcase_add_test(tcase, an_answer_from_within_a_request_disturbs_it_not);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
