/*
 * access: keys looked up once, remembered for their version, and judged; requests that wait.
 */
#include "pipeline/access.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "fake_world.h"

static struct loop *loop;
static struct world *world;
static struct access *access;

/* What came again, and what was made of it then. */
static unsigned again_count;
static enum access_verdict again_verdict;
static char again_body[64];
static char again_large[64];
static struct grant *granted;

static void drop(void)
{
	grant_drop(granted);
	granted = NULL;
}

static enum access_verdict ask(const struct http_request *request, enum scope scope)
{
	drop();
	return access_ask(access, 7, request, scope, &granted);
}

static void again(void *arg, uint64_t fcgi_id, const struct http_request *request)
{
	ck_assert_ptr_eq(arg, &again_count);
	ck_assert_uint_eq(fcgi_id, 7);
	again_count++;
	text_copy_cut(again_body, sizeof(again_body), request->body);
	text_copy_cut(again_large, sizeof(again_large), request->large ? request->large->data : "");
	again_verdict = ask(request, SCOPE_SEND);
}

static void open_access(bool keys)
{
	struct err err;

	loop = loop_new(&err);
	world = fake_world_new(loop, 10);
	access = access_new(world, keys, again, &again_count, &err);
	ck_assert_ptr_nonnull(access);
	again_count = 0;
}

static void setup(void)
{
	open_access(true);
}

static void teardown(void)
{
	drop();
	access_free(access);
	world_free(world);
	loop_free(loop);
}

struct shown {
	char text[API_KEY_TEXT_BYTES];
	char authorization[API_KEY_TEXT_BYTES + 8];
	struct api_key key;
	struct http_request request;
};

/* A key that may send for t-1, in a request. */
static void show(struct shown *s, unsigned number)
{
	uint8_t random[API_KEY_RANDOM_BYTES] = { (uint8_t)number, (uint8_t)(number >> 8) };

	memset(s, 0, sizeof(*s));
	api_key_make(random, s->text, s->key.id);
	ck_assert_int_eq(digest_sha256(s->text, strlen(s->text), s->key.hash), 0);
	s->key.scopes = SCOPE_SEND;
	s->key.expires_boot_ms = INT64_MAX;
	s->key.outlets = "o-1 o-2";
	ck_assert(text_copy(s->key.tenant_id, sizeof(s->key.tenant_id), "t-1"));
	(void)snprintf(s->authorization, sizeof(s->authorization), "Bearer %s", s->text);
	s->request = (struct http_request){ .method = "POST",
					    .path = "/p",
					    .query = "",
					    .content_type = "",
					    .request_id = "r",
					    .prefer = "",
					    .idempotency_key = "",
					    .traceparent = "",
					    .authorization = s->authorization,
					    .body = "body",
					    .body_len = 4 };
}

/* Asked for, and found, at this version. */
static void learn(struct shown *s, int64_t version)
{
	const unsigned asked = fake.key_find_count;
	const unsigned came = again_count;

	ck_assert_int_eq(ask(&s->request, SCOPE_SEND), ACCESS_LATER);
	ck_assert_uint_eq(fake.key_find_count, asked + 1);
	ck_assert_str_eq(fake.key_found, s->key.id);
	fake_api_key(STORE_DONE, version, &s->key);
	ck_assert_uint_eq(again_count, came + 1);
}

static void on_time(void *arg)
{
	loop_stop(arg);
}

static void run_ms(int64_t ms)
{
	struct err err;

	(void)loop_timer(loop, loop_now_ms(loop) + ms, on_time, loop);
	ck_assert_int_eq(loop_run(loop, &err), 0);
}

START_TEST(a_key_is_looked_up_once)
{
	struct shown s;

	show(&s, 1);
	learn(&s, 5);
	ck_assert_int_eq(again_verdict, ACCESS_GRANTED);
	ck_assert_str_eq(again_body, "body");
	ck_assert_uint_eq(access_waiting(access), 0);
	ck_assert_int_eq(ask(&s.request, SCOPE_SEND), ACCESS_GRANTED);
	ck_assert_uint_eq(fake.key_find_count, 1);
	ck_assert_str_eq(grant_tenant(granted), "t-1");
	ck_assert_str_eq(grant_asker(granted).outlets, "o-1 o-2");
	ck_assert_ptr_null(grant_refuses(granted, "t-1", "o-2"));
	ck_assert_ptr_nonnull(strstr(grant_refuses(granted, "t-2", "o-2"), "tenant_id: "));
	ck_assert_ptr_nonnull(strstr(grant_refuses(granted, "t-1", "o-3"), "outlet_id: "));
	ck_assert_int_eq(ask(&s.request, SCOPE_READ), ACCESS_NOT_SCOPE);
	ck_assert_ptr_null(granted);
}
END_TEST

START_TEST(without_keys_nothing_is_asked)
{
	struct shown s;

	teardown();
	open_access(false);
	show(&s, 1);
	ck_assert_int_eq(ask(&s.request, SCOPE_MANAGE), ACCESS_GRANTED);
	ck_assert_ptr_null(granted);
	ck_assert_ptr_null(grant_tenant(NULL));
	ck_assert_ptr_null(grant_refuses(NULL, "t", "o"));
	ck_assert_ptr_null(grant_asker(NULL).tenant_id);
	run_ms(5);
	ck_assert_uint_eq(fake.key_look_count, 0);
}
END_TEST

START_TEST(what_is_no_key_is_not_looked_up)
{
	struct shown s;

	show(&s, 1);
	s.request.authorization = "";
	ck_assert_int_eq(ask(&s.request, SCOPE_SEND), ACCESS_NO_KEY);
	s.request.authorization = s.text;
	ck_assert_int_eq(ask(&s.request, SCOPE_SEND), ACCESS_NO_KEY);
	s.authorization[20] ^= 1;
	s.request.authorization = s.authorization;
	ck_assert_int_eq(ask(&s.request, SCOPE_SEND), ACCESS_NO_KEY);
	ck_assert_int_eq(ask(&s.request, SCOPE_OPEN), ACCESS_GRANTED);
	ck_assert_uint_eq(fake.key_find_count, 0);
}
END_TEST

START_TEST(that_there_is_none_is_remembered_too)
{
	struct shown s;

	show(&s, 1);
	ck_assert_int_eq(ask(&s.request, SCOPE_SEND), ACCESS_LATER);
	fake_api_key(STORE_DONE, 1, NULL);
	ck_assert_int_eq(again_verdict, ACCESS_NO_KEY);
	ck_assert_int_eq(ask(&s.request, SCOPE_SEND), ACCESS_NO_KEY);
	ck_assert_uint_eq(fake.key_find_count, 1);
}
END_TEST

START_TEST(another_version_asks_again)
{
	struct shown s;

	show(&s, 1);
	learn(&s, 1);
	fake_key_version(STORE_DONE, 1);
	ck_assert_int_eq(ask(&s.request, SCOPE_SEND), ACCESS_GRANTED);
	fake_key_version(STORE_DONE, 2);
	s.key.revoked = true;
	learn(&s, 2);
	ck_assert_int_eq(again_verdict, ACCESS_NO_KEY);
	ck_assert_int_eq(ask(&s.request, SCOPE_SEND), ACCESS_NO_KEY);
}
END_TEST

START_TEST(what_is_not_confirmed_does_not_count)
{
	struct shown s;

	show(&s, 1);
	learn(&s, 1);
	run_ms(ACCESS_FRESH_MS / 2);
	ck_assert_int_eq(ask(&s.request, SCOPE_SEND), ACCESS_GRANTED);
	fake_key_version(STORE_AWAY, 0);
	run_ms(ACCESS_FRESH_MS / 2 + 100);
	ck_assert_int_eq(ask(&s.request, SCOPE_SEND), ACCESS_LATER);
	fake_api_key(STORE_AWAY, 0, NULL);
	ck_assert_int_eq(again_verdict, ACCESS_AWAY);
}
END_TEST

START_TEST(they_wait_for_one_look_up_and_are_bounded)
{
	struct shown s, other;

	show(&s, 1);
	show(&other, 2);
	for (unsigned i = 0; i < ACCESS_WAITING_MAX; i++)
		ck_assert_int_eq(ask(&s.request, SCOPE_SEND), ACCESS_LATER);
	ck_assert_uint_eq(fake.key_find_count, 1);
	ck_assert_uint_eq(access_waiting(access), ACCESS_WAITING_MAX);
	ck_assert_int_eq(ask(&s.request, SCOPE_SEND), ACCESS_FULL);
	ck_assert_int_eq(ask(&other.request, SCOPE_SEND), ACCESS_FULL);
	fake_api_key(STORE_DONE, 1, &s.key);
	ck_assert_uint_eq(again_count, ACCESS_WAITING_MAX);
	ck_assert_uint_eq(access_waiting(access), 0);
	ck_assert_int_eq(ask(&other.request, SCOPE_SEND), ACCESS_LATER);
}
END_TEST

START_TEST(a_large_body_is_taken_over_and_counts)
{
	struct shown s;
	struct str large = STR_INIT(ACCESS_WAITING_BYTES_MAX);

	show(&s, 1);
	ck_assert(str_append_text(&large, "a large one"));
	s.request.large = &large;
	ck_assert_int_eq(ask(&s.request, SCOPE_SEND), ACCESS_LATER);
	ck_assert_uint_eq(large.len, 0);
	large.len = ACCESS_WAITING_BYTES_MAX - 11;
	ck_assert_int_eq(ask(&s.request, SCOPE_SEND), ACCESS_FULL);
	large.len = 0;
	fake_api_key(STORE_DONE, 1, &s.key);
	ck_assert_str_eq(again_large, "a large one");
	str_fini(&large);
}
END_TEST

START_TEST(a_full_store_refuses)
{
	struct shown s;

	show(&s, 1);
	fake.store_full = true;
	ck_assert_int_eq(ask(&s.request, SCOPE_SEND), ACCESS_FULL);
	fake.store_full = false;
	ck_assert_int_eq(ask(&s.request, SCOPE_SEND), ACCESS_LATER);
}
END_TEST

/* Strangers who make up keys do not push out those that are in use. */
START_TEST(made_up_keys_push_out_no_others)
{
	struct shown good, made_up;

	show(&good, 0);
	learn(&good, 1);
	for (unsigned i = 1; i < 6000; i++) {
		show(&made_up, i);
		ck_assert_int_eq(ask(&made_up.request, SCOPE_SEND), ACCESS_LATER);
		fake_api_key(STORE_DONE, 1, NULL);
		ck_assert_int_eq(again_verdict, ACCESS_NO_KEY);
	}
	ck_assert_int_eq(ask(&good.request, SCOPE_SEND), ACCESS_GRANTED);
}
END_TEST

START_TEST(use_is_noted_with_the_next_look_and_not_again_at_once)
{
	struct shown s;

	show(&s, 1);
	run_ms(5);
	ck_assert_uint_eq(fake.key_look_count, 1);
	ck_assert_uint_eq(fake.keys_used, 0);
	fake_key_version(STORE_DONE, 1);
	learn(&s, 1);
	run_ms(1100);
	ck_assert_uint_eq(fake.key_look_count, 2);
	ck_assert_uint_eq(fake.keys_used, 1);
	ck_assert_str_eq(fake.key_used, s.key.id);
	fake_key_version(STORE_DONE, 1);
	ck_assert_int_eq(ask(&s.request, SCOPE_SEND), ACCESS_GRANTED);
	run_ms(1100);
	ck_assert_uint_eq(fake.key_look_count, 3);
	ck_assert_uint_eq(fake.keys_used, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("access");
	TCase *tcase = tcase_create("access");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_key_is_looked_up_once);
	tcase_add_test(tcase, without_keys_nothing_is_asked);
	tcase_add_test(tcase, what_is_no_key_is_not_looked_up);
	tcase_add_test(tcase, that_there_is_none_is_remembered_too);
	tcase_add_test(tcase, another_version_asks_again);
	tcase_add_test(tcase, what_is_not_confirmed_does_not_count);
	tcase_add_test(tcase, they_wait_for_one_look_up_and_are_bounded);
	tcase_add_test(tcase, a_large_body_is_taken_over_and_counts);
	tcase_add_test(tcase, a_full_store_refuses);
	tcase_add_test(tcase, made_up_keys_push_out_no_others);
	tcase_add_test(tcase, use_is_noted_with_the_next_look_and_not_again_at_once);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
