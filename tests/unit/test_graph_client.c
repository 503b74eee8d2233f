#include "clients/graph_client.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "fake_server.h"
#include "transport/transport.h"

#define FIXTURES "tests/fixtures/graph/responses/"

struct fixture {
	struct loop *loop;
	struct graph_client *client;
	struct fake_server *server;
	struct graph_answer answer;
	unsigned answers;
	bool gate_open;
};

static struct fixture f;
static char *fixture_text;

static void on_done(void *arg, uint64_t tag, const struct graph_answer *answer)
{
	struct fixture *fixture = arg;

	ck_assert_uint_eq(tag, 42);
	fixture->answer = *answer;
	fixture->answers++;
	loop_stop(fixture->loop);
}

static bool on_gate(void *arg, uint64_t tag)
{
	const struct fixture *fixture = arg;

	ck_assert_uint_eq(tag, 42);
	return fixture->gate_open;
}

static void on_timeout(void *arg)
{
	loop_stop(arg);
}

static void setup(void)
{
	struct err err;

	memset(&f, 0, sizeof(f));
	f.gate_open = true;
	ck_assert_int_eq(transport_global_init(&err), 0);
	f.loop = loop_new(&err);
	ck_assert_ptr_nonnull(f.loop);
}

static void teardown(void)
{
	graph_client_free(f.client);
	loop_free(f.loop);
	if (f.server != NULL)
		fake_server_stop(f.server);
	free(fixture_text);
	fixture_text = NULL;
	transport_global_fini();
}

static void open_client(const struct fake_step *steps, size_t count)
{
	struct graph_client_settings settings = { .version = "v25.0",
						  .ca_file = "",
						  .connect_timeout_ms = 2000,
						  .max_connections = 4,
						  .streams = 16,
						  .max_in_flight = 2 };
	char url[128];
	struct err err;

	f.server = fake_server_start(steps, count);
	snprintf(url, sizeof(url), "%s/", fake_server_url(f.server));
	settings.url = url;
	f.client = graph_client_new(f.loop, &settings, on_done, on_gate, &f, &err);
	ck_assert_ptr_nonnull(f.client);
}

#define TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static struct message a_message(void)
{
	struct message m = { .tenant_id = "t-1",
			     .outlet_id = "o-1",
			     .conversation_id = "c-1",
			     .recipient = "+628123456789",
			     .type = "text",
			     .payload = "{\"body\":\"Halo \\\"Budi\\\" \xe2\x9c\x93\"}",
			     .sender_type = "llm",
			     .traceparent = TRACE };

	ck_assert(message_id_parse("0192f0c1-2345-7abc-8def-0123456789ab", &m.id));
	return m;
}

static const struct credentials good = { .number = "109876543210987", .token = "EAAG-demo" };

static int send_with(const struct message *m, const struct credentials *credentials,
		     struct err *ret_err)
{
	return graph_client_send(f.client, 42, m, credentials, 3, clock_boot_ms() + 3000, ret_err);
}

static const struct graph_answer *send_one(void)
{
	struct message m = a_message();
	struct err err = { 0 };
	uint64_t timer = loop_timer(f.loop, clock_boot_ms() + 10000, on_timeout, f.loop);
	unsigned before = f.answers;

	ck_assert_msg(send_with(&m, &good, &err) == 0, "%s", err.text);
	ck_assert_int_eq(loop_run(f.loop, &err), 0);
	loop_cancel(f.loop, timer);
	ck_assert_uint_eq(f.answers, before + 1);
	return &f.answer;
}

static const struct graph_answer *answer_to(const struct fake_step *step)
{
	open_client(step, 1);
	return send_one();
}

/* Tests run in the build directory; the fixtures lie in the source. */
static char *read_fixture(const char *name)
{
	const char *source = getenv("srcdir");
	char path[512];
	char *text = calloc(1, 65536);
	FILE *file;

	snprintf(path, sizeof(path), "%s/" FIXTURES "%s", source != NULL ? source : ".", name);
	file = fopen(path, "r");
	ck_assert_msg(file != NULL, "cannot open %s", path);
	ck_assert_uint_gt(fread(text, 1, 65535, file), 0);
	fclose(file);
	return text;
}

START_TEST(the_call_is_the_contracts)
{
	const char *request;

	answer_to(&(struct fake_step){ .body = "{\"messages\":[{\"id\":\"wamid.X\"}]}" });
	request = fake_server_request(f.server, 0);
	ck_assert_int_eq(strncmp(request, "POST /v25.0/109876543210987/messages HTTP/1.1\r\n", 47),
			 0);
	ck_assert_ptr_nonnull(strstr(request, "\r\nAuthorization: Bearer EAAG-demo\r\n"));
	ck_assert_ptr_nonnull(strstr(request, "\r\nContent-Type: application/json\r\n"));
	ck_assert_ptr_nonnull(strstr(request, "\r\ntraceparent: " TRACE "\r\n"));
	ck_assert_str_eq(fake_server_body(f.server, 0),
			 "{\"messaging_product\":\"whatsapp\",\"recipient_type\":\"individual\","
			 "\"to\":\"+628123456789\",\"type\":\"text\","
			 "\"text\":{\"body\":\"Halo \\\"Budi\\\" \xe2\x9c\x93\"},"
			 "\"biz_opaque_callback_data\":"
			 "\"0192f0c1-2345-7abc-8def-0123456789ab:3\"}");
}
END_TEST

START_TEST(an_accepted_message_has_its_wamid)
{
	const struct graph_answer *a;

	fixture_text = read_fixture("send_ok.json");
	a = answer_to(&(struct fake_step){ .body = fixture_text });
	ck_assert_int_eq(a->verdict.outcome, OUTCOME_ACCEPTED);
	ck_assert_str_eq(a->wamid,
			 "wamid.HBgMNjI4MTIzNDU2Nzg5FQIAERgSNUEwRjNDOUU3MUIyNEQ4ODA2AA==");
	ck_assert(a->facts.readable && a->facts.has_message_id && !a->facts.has_error);
	ck_assert_int_eq(a->facts.http_status, 200);
}
END_TEST

START_TEST(an_error_brings_its_words)
{
	const struct graph_answer *a;

	fixture_text = read_fixture("error_130429_throughput.json");
	a = answer_to(&(struct fake_step){
		.status = 429,
		.headers = "X-Business-Use-Case-Usage: {\"1\":[{\"type\":\"whatsapp\","
			   "\"estimated_time_to_regain_access\":7}]}\r\n",
		.body = fixture_text });
	ck_assert_int_eq(a->verdict.outcome, OUTCOME_REFUSED);
	ck_assert_int_eq(a->verdict.error->class, GRAPH_RATE_LIMITED);
	ck_assert_int_eq(a->facts.error_code, 130429);
	ck_assert_str_eq(a->title, "(#130429) Rate limit hit");
	ck_assert_str_eq(a->details, "Per-number throughput exceeded.");
	ck_assert_str_eq(a->trace, "A1c9_PzQ8JdKxWvUtSrEoLi");
	ck_assert_int_eq(a->server_wait_ms, 7 * 60000);
	ck_assert_str_eq(a->wamid, "");
}
END_TEST

static int number_of(const char *text)
{
	return (int)strtol(text, NULL, 10);
}

/* Each row of the fixtures' index that answers a send. */
static void check_fixture(const char *name, int status, const char *code)
{
	const char *slash = strchr(code, '/');
	const struct graph_answer *a;
	bool is_error = strncmp(name, "error_", 6) == 0;

	fixture_text = read_fixture(name);
	a = answer_to(&(struct fake_step){ .status = status, .body = fixture_text });
	ck_assert_msg(a->facts.has_error == is_error, "%s: has_error", name);
	ck_assert_msg(a->facts.http_status == status, "%s: status", name);
	if (is_error) {
		ck_assert_msg(a->facts.error_code == number_of(code), "%s: code", name);
		if (slash != NULL)
			ck_assert_msg(a->facts.error_subcode == number_of(slash + 1), "%s: subcode",
				      name);
		ck_assert_msg(a->title[0] != 0 && a->trace[0] != 0, "%s: words", name);
		ck_assert_msg(a->verdict.outcome == OUTCOME_REFUSED, "%s: outcome", name);
	} else if (strncmp(name, "send_ok", 7) == 0) {
		ck_assert_msg(a->verdict.outcome == OUTCOME_ACCEPTED, "%s: outcome", name);
		ck_assert_msg(strncmp(a->wamid, "wamid.", 6) == 0, "%s: wamid", name);
	} else {
		ck_assert_msg(a->verdict.outcome == OUTCOME_LOST, "%s: outcome", name);
		ck_assert_msg(a->wamid[0] == 0, "%s: wamid", name);
	}
	teardown();
	setup();
}

START_TEST(every_fixture_is_understood)
{
	char *index = read_fixture("index.tsv");
	char *rest = index;
	char *line;
	unsigned rows = 0;

	while ((line = strsep(&rest, "\n")) != NULL) {
		char *name = strsep(&line, "\t");
		char *status = strsep(&line, "\t");
		char *code = strsep(&line, "\t");

		if (code == NULL || strcmp(name, "file") == 0)
			continue;
		check_fixture(name, number_of(status), code);
		rows++;
	}
	free(index);
	ck_assert_uint_ge(rows, 50);
}
END_TEST

static enum outcome outcome_of_body(const char *body)
{
	enum outcome outcome = answer_to(&(struct fake_step){ .body = body })->verdict.outcome;

	teardown();
	setup();
	return outcome;
}

static enum outcome outcome_of_id_len(size_t len)
{
	char body[512];
	char id[256] = { 0 };

	memset(id, 'w', len);
	snprintf(body, sizeof(body), "{\"messages\":[{\"id\":\"%s\"}]}", id);
	return outcome_of_body(body);
}

START_TEST(an_id_that_cannot_be_kept_is_a_lost_reply)
{
	ck_assert_int_eq(outcome_of_id_len(0), OUTCOME_LOST);
	ck_assert_int_eq(outcome_of_id_len(127), OUTCOME_ACCEPTED);
	ck_assert_int_eq(outcome_of_id_len(128), OUTCOME_ACCEPTED);
	ck_assert_int_eq(outcome_of_id_len(129), OUTCOME_LOST);
	ck_assert_int_eq(outcome_of_body("{\"messages\":[{\"id\":\"wamid X\"}]}"), OUTCOME_LOST);
	ck_assert_int_eq(outcome_of_body("{\"messages\":[{\"id\":5}]}"), OUTCOME_LOST);
	ck_assert_int_eq(outcome_of_body("{\"messages\":[{\"id\":\"a\\u0000b\"}]}"), OUTCOME_LOST);
	ck_assert_int_eq(outcome_of_body("{\"messages\":{}}"), OUTCOME_LOST);
	ck_assert_int_eq(outcome_of_body("[]"), OUTCOME_LOST);
	ck_assert_int_eq(outcome_of_body(""), OUTCOME_LOST);
}
END_TEST

START_TEST(a_dropped_reply_is_lost)
{
	const struct graph_answer *a = answer_to(&(struct fake_step){ .act = FAKE_CLOSE_READ });

	ck_assert_int_eq(a->verdict.outcome, OUTCOME_LOST);
	ck_assert_int_eq(a->facts.end, CALL_LOST);
	ck_assert_int_ne(a->err.text[0], 0);
}
END_TEST

START_TEST(a_closed_gate_means_not_sent)
{
	f.gate_open = false;
	ck_assert_int_eq(answer_to(&(struct fake_step){ .body = "{}" })->verdict.outcome,
			 OUTCOME_NOT_SENT);
	ck_assert_uint_eq(fake_server_requests(f.server), 0);
}
END_TEST

START_TEST(wrong_credentials_never_leave)
{
	static const struct credentials wrong[] = { { .number = "", .token = "EAAG" },
						    { .number = "12a", .token = "EAAG" },
						    { .number = "12/3", .token = "EAAG" },
						    { .number = "123", .token = "" },
						    { .number = "123", .token = "EA\r\nX: y" } };
	struct message m = a_message();

	open_client(&(struct fake_step){ .body = "{}" }, 1);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct err err = { 0 };

		ck_assert_int_eq(send_with(&m, &wrong[i], &err), -1);
		ck_assert_int_eq(err.class, ERR_INVALID);
	}
	ck_assert_uint_eq(graph_client_room(f.client), 2);
}
END_TEST

START_TEST(room_is_what_may_still_begin)
{
	struct message m = a_message();
	struct err err = { 0 };

	open_client(&(struct fake_step){ .body = "{}" }, 1);
	ck_assert_int_eq(send_with(&m, &good, &err), 0);
	ck_assert_uint_eq(graph_client_room(f.client), 1);
	ck_assert_int_eq(send_with(&m, &good, &err), 0);
	ck_assert_uint_eq(graph_client_room(f.client), 0);
	ck_assert_int_eq(send_with(&m, &good, &err), -1);
	ck_assert_int_eq(err.class, ERR_LIMIT);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("graph_client");
	TCase *tcase = tcase_create("graph_client");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, the_call_is_the_contracts);
	tcase_add_test(tcase, an_accepted_message_has_its_wamid);
	tcase_add_test(tcase, an_error_brings_its_words);
	tcase_add_test(tcase, every_fixture_is_understood);
	tcase_add_test(tcase, an_id_that_cannot_be_kept_is_a_lost_reply);
	tcase_add_test(tcase, a_dropped_reply_is_lost);
	tcase_add_test(tcase, a_closed_gate_means_not_sent);
	tcase_add_test(tcase, wrong_credentials_never_leave);
	tcase_add_test(tcase, room_is_what_may_still_begin);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
