#include "transport/transport.h"

#include <arpa/inet.h>
#include <check.h>
#include <dlfcn.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "h2_house.h"
#include "slowness.h"

#define STALLED "127.0.0.2"

static int real_getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
			    struct addrinfo **ret)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

	*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	return real(name, service, hints, ret);
}

/* Takes the place of the C library's: one name hangs, as with a dead name server, one has two
 * addresses. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
		struct addrinfo **ret)
{
	const struct addrinfo numeric = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST };
	int rc;

	if (name != NULL && strcmp(name, "hang.invalid") == 0) {
		poll(NULL, 0, 20000);
		return EAI_AGAIN;
	}
	if (name == NULL || strcmp(name, "two.invalid") != 0)
		return real_getaddrinfo(name, service, hints, ret);
	rc = real_getaddrinfo(STALLED, service, &numeric, ret);
	if (rc == 0)
		rc = real_getaddrinfo("127.0.0.1", service, &numeric, &(*ret)->ai_next);
	return rc;
}

static void url_of(char *url, size_t size, const char *host, int port)
{
	snprintf(url, size, "https://%s:%d/", host, port);
}

static const struct transport_result *post_to(const char *url)
{
	struct transport_request request = { .url = url,
					     .post = true,
					     .body = "{\"n\":1}",
					     .body_len = 7,
					     .deadline_boot_ms = clock_boot_ms() + house_ms(8000),
					     .answer_max = 100,
					     .gated = true };

	return house_send(&request);
}

static void expect_nothing_sent(const char *why)
{
	const struct transport_result *r = &house.results[house.count - 1];

	ck_assert_int_eq(r->end, TRANSPORT_NOT_SENT);
	ck_assert_int_eq(r->err.class, ERR_TEMPORARY);
	ck_assert_msg(strstr(r->err.text, why) != NULL, "%s", r->err.text);
	ck_assert_uint_eq(house.gate_asked, 0);
	if (house.server != NULL)
		ck_assert_uint_eq(fake_h2_requests(house.server), 0);
}

/* --- certificates --- */

START_TEST(an_unknown_certificate_means_not_sent)
{
	house.server = fake_h2_start(STEPS({ 0 }), 1);
	house_open_transport("");
	house_post();
	expect_nothing_sent("certificate: unable to get local issuer");
}
END_TEST

START_TEST(a_certificate_of_another_host_means_not_sent)
{
	char url[64];

	house_open_with(&OPTIONS(.certificate = FAKE_OTHER_HOST), STEPS({ 0 }), 1);
	url_of(url, sizeof(url), _i == 0 ? "127.0.0.1" : "localhost", fake_h2_port(house.server));
	post_to(url);
	expect_nothing_sent(_i == 0 ? "certificate: IP address mismatch"
				    : "certificate: hostname mismatch");
}
END_TEST

START_TEST(an_expired_certificate_means_not_sent)
{
	house_open_with(&OPTIONS(.certificate = FAKE_EXPIRED), STEPS({ 0 }), 1);
	house_post();
	expect_nothing_sent("certificate: certificate has expired");
}
END_TEST

/* Of both transports: _i / 2 is the certificate, _i % 2 whether HTTP/2 is wanted. */
START_TEST(nothing_is_sent_to_who_is_not_verified)
{
	static const char *const why[FAKE_CERTIFICATES][2] = {
		/* libcurl's words, ours */
		[FAKE_GOOD] = { "", "" },
		[FAKE_OTHER_HOST] = { "no alternative certificate subject name",
				      "IP address mismatch" },
		[FAKE_EXPIRED] = { "expired", "expired" },
		[FAKE_NOT_YET] = { "not yet valid", "not yet valid" },
		[FAKE_UNKNOWN] = { "unable to get local issuer", "unable to get local issuer" },
		[FAKE_OTHER_PURPOSE] = { "purpose", "purpose" },
		[FAKE_SHORT_KEY] = { "key too weak", "key too weak" },
		[FAKE_WEAK_DIGEST] = { "digest algorithm too weak", "digest algorithm too weak" },
		[FAKE_OLD_TLS] = { "protocol version", "protocol" },
	};
	const bool http2 = _i % 2;

	house.settings.http2 = http2;
	house_open_with(&OPTIONS(.certificate = (enum fake_certificate)(_i / 2),
				 .http1 = http2 ? 0 : 4),
			STEPS({ 0 }), 1);
	house_post();
	if (_i / 2 == FAKE_GOOD) /* the others differ from it in one point each */
		ck_assert_int_eq(house.results[0].end, TRANSPORT_ANSWERED);
	else
		expect_nothing_sent(why[_i / 2][http2]);
}
END_TEST

START_TEST(a_bundle_that_is_not_there_means_not_sent)
{
	house.server = fake_h2_start(STEPS({ 0 }), 1);
	house_open_transport("/no/such/file.pem");
	house_post();
	expect_nothing_sent("/no/such/file.pem");
}
END_TEST

static void copy_file(const char *from, const char *to)
{
	char text[8192];
	FILE *file = fopen(from, "r");
	size_t len = fread(text, 1, sizeof(text), file);

	fclose(file);
	file = fopen(to, "w");
	ck_assert_uint_eq(fwrite(text, 1, len, file), len);
	fclose(file);
}

START_TEST(a_bundle_may_be_put_in_order)
{
	struct fake_h2 *other = fake_h2_start(STEPS({ 0 }), 1);

	house.server = fake_h2_start(STEPS({ 0 }), 1);
	house_open_transport(fake_h2_ca_file(other));
	house_post();
	expect_nothing_sent("certificate: certificate signature failure");
	copy_file(fake_h2_ca_file(house.server), fake_h2_ca_file(other));
	ck_assert_int_eq(house_post()->end, TRANSPORT_ANSWERED);
	fake_h2_stop(other);
}
END_TEST

/* --- connecting --- */

START_TEST(a_name_is_looked_up_and_verified)
{
	char url[64];

	house_open(STEPS({ 0 }), 1);
	url_of(url, sizeof(url), "localhost", fake_h2_port(house.server));
	ck_assert_int_eq(post_to(url)->end, TRANSPORT_ANSWERED);
	ck_assert_int_eq(post_to(url)->end, TRANSPORT_ANSWERED);
	ck_assert_uint_eq(fake_h2_connections(house.server), 1);
}
END_TEST

START_TEST(an_unknown_name_is_not_sent)
{
	house_open_transport("");
	post_to("https://no.such.name.invalid/");
	expect_nothing_sent("no.such.name.invalid");
}
END_TEST

/* A socket bound to address and port; listening with a full queue, it lets others wait. */
static int a_socket(const char *address, int port, bool stalled)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(inet_pton(AF_INET, address, &at.sin_addr), 1);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	if (stalled)
		ck_assert_int_eq(listen(fd, 0), 0);
	return fd;
}

static int port_of(int fd)
{
	struct sockaddr_in at;
	socklen_t len = sizeof(at);

	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	return ntohs(at.sin_port);
}

START_TEST(a_refused_connection_is_not_sent)
{
	int fd = a_socket("127.0.0.1", 0, false); /* bound, not listening: it refuses */
	char url[64];

	house_open_transport("");
	url_of(url, sizeof(url), "127.0.0.1", port_of(fd));
	post_to(url);
	expect_nothing_sent("connect: Connection refused");
	ck_assert_int_le(house.results[0].took_ms, 500 * slowness());
	post_to(url);
	expect_nothing_sent("connect: Connection refused");
	close(fd);
}
END_TEST

/* All that waited for it end, and not only after their deadline. */
START_TEST(a_refused_connection_ends_all_that_wait)
{
	int fd = a_socket("127.0.0.1", 0, false);
	struct transport_request request;
	char url[64];

	house_open_transport("");
	url_of(url, sizeof(url), "127.0.0.1", port_of(fd));
	request =
		(struct transport_request){ .url = url,
					    .deadline_boot_ms = clock_boot_ms() + house_ms(8000) };
	for (int i = 0; i < 500; i++)
		house_submit(&request);
	house_await(500);
	ck_assert_uint_eq(house_ended(TRANSPORT_NOT_SENT), 500);
	ck_assert_int_le(house.results[499].took_ms, 1000 * slowness());
	close(fd);
}
END_TEST

/* The kernel accepts, nobody answers the handshake. */
START_TEST(a_handshake_has_a_time_limit)
{
	int fd = a_socket("127.0.0.1", 0, true);
	char url[64];

	house.settings.connect_timeout_ms = house_ms(400);
	house_open_transport("");
	url_of(url, sizeof(url), "127.0.0.1", port_of(fd));
	post_to(url);
	expect_nothing_sent("no connection in time");
	ck_assert_int_ge(house.results[0].took_ms, 390);
	ck_assert_int_le(house.results[0].took_ms, 1200 * slowness());
	close(fd);
}
END_TEST

START_TEST(a_server_without_settings_is_not_spoken_to)
{
	house.settings.connect_timeout_ms = house_ms(400);
	house_open_with(&OPTIONS(.silent = true), STEPS({ 0 }), 1);
	house_post();
	expect_nothing_sent("no connection in time");
}
END_TEST

START_TEST(the_next_address_is_tried_when_one_refuses)
{
	char url[64];

	house_open(STEPS({ 0 }), 1);
	url_of(url, sizeof(url), "two.invalid", fake_h2_port(house.server));
	ck_assert_int_eq(post_to(url)->end, TRANSPORT_ANSWERED);
	ck_assert_int_le(house.results[0].took_ms, 500 * slowness());
}
END_TEST

START_TEST(the_next_address_is_tried_when_one_is_silent)
{
	int fillers[4];
	int fd;
	char url[64];
	struct sockaddr_in at = { .sin_family = AF_INET };

	house.settings.connect_timeout_ms = house_ms(1000);
	house_open(STEPS({ 0 }, { .act = FAKE_H2_CLOSE }, { 0 }), 3);
	fd = a_socket(STALLED, fake_h2_port(house.server), true);
	at.sin_port = htons((uint16_t)fake_h2_port(house.server));
	ck_assert_int_eq(inet_pton(AF_INET, STALLED, &at.sin_addr), 1);
	for (int i = 0; i < 4; i++) {
		fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)connect(fillers[i], (struct sockaddr *)&at, sizeof(at));
	}
	url_of(url, sizeof(url), "two.invalid", fake_h2_port(house.server));
	ck_assert_int_eq(post_to(url)->end, TRANSPORT_ANSWERED);
	ck_assert_int_ge(house.results[0].took_ms, house_ms(450)); /* its half of the time */
	ck_assert_int_le(house.results[0].took_ms, 950 * slowness());
	ck_assert_int_eq(post_to(url)->end, TRANSPORT_LOST);
	ck_assert_int_eq(post_to(url)->end, TRANSPORT_ANSWERED);
	ck_assert_int_le(house.results[2].took_ms,
			 400 * slowness()); /* the good one comes first now */
	for (int i = 0; i < 4; i++)
		close(fillers[i]);
	close(fd);
}
END_TEST

struct ticks {
	int64_t last;
	int64_t longest;
};

static void on_tick(void *arg)
{
	struct ticks *ticks = arg;
	int64_t now = clock_boot_ms();

	if (now - ticks->last > ticks->longest)
		ticks->longest = now - ticks->last;
	ticks->last = now;
	loop_timer(house.loop, now + 1, on_tick, ticks);
}

START_TEST(a_resolver_that_hangs_blocks_nothing)
{
	struct ticks ticks = { .last = clock_boot_ms() };
	struct transport_request request = { .url = "https://hang.invalid/",
					     .deadline_boot_ms = clock_boot_ms() + house_ms(500) };
	int64_t began;

	house_open_transport("");
	on_tick(&ticks);
	house_send(&request);
	expect_nothing_sent("before the deadline");
	ck_assert_int_le(house.results[0].took_ms, 800 * slowness());
	ck_assert_int_lt(ticks.longest, 100 * slowness());
	request.deadline_boot_ms = clock_boot_ms() + house_ms(8000);
	house_submit(&request);
	house_run(50);
	began = clock_boot_ms();
	transport_free(house.transport); /* the second still hangs */
	house.transport = NULL;
	ck_assert_int_lt(clock_boot_ms() - began, 100 * slowness());
}
END_TEST

START_TEST(freeing_while_connecting_is_clean)
{
	struct transport_request request;

	house_open(STEPS({ 0 }), 1);
	request = house_request();
	for (int i = 0; i < 100; i++)
		house_submit(&request);
	house_run(_i);
}
END_TEST

/* --- a server of another kind --- */

START_TEST(a_server_without_http2_is_served_by_http1)
{
	struct transport_request request;

	house_open_with(&OPTIONS(.http1 = UINT_MAX), STEPS({ 0 }), 1);
	request = house_request();
	for (int i = 0; i < 10; i++)
		house_submit(&request);
	house_await(10);
	ck_assert_uint_eq(house_ended(TRANSPORT_ANSWERED), 10);
	ck_assert_int_eq(house_post()->end, TRANSPORT_ANSWERED);
	ck_assert_uint_eq(fake_h2_requests(house.server), 11);
	ck_assert_uint_eq(house.gate_asked, 11);
	ck_assert_str_eq(house.last_body, "ok");
	ck_assert_uint_eq(transport_in_flight(house.transport), 0);
}
END_TEST

START_TEST(http2_is_offered_again_later)
{
	house.settings.http2_again_ms = house_ms(300);
	house_open_with(&OPTIONS(.http1 = 3), STEPS({ 0 }), 1);
	ck_assert(!transport_fell_back(house.transport));
	ck_assert_int_eq(house_post()->end, TRANSPORT_ANSWERED);
	ck_assert(transport_fell_back(house.transport));
	ck_assert_uint_eq(fake_h2_connections(house.server), 2); /* each pool's first */
	ck_assert_int_eq(house_post()->end, TRANSPORT_ANSWERED);
	ck_assert_uint_eq(fake_h2_connections(house.server), 2);
	house_run(house_ms(300));
	ck_assert_int_eq(house_post()->end, TRANSPORT_ANSWERED);
	ck_assert_uint_eq(fake_h2_connections(house.server), 3);
	ck_assert(transport_fell_back(house.transport));
	house_run(house_ms(300));
	ck_assert_int_eq(house_post()->end, TRANSPORT_ANSWERED);
	ck_assert(!transport_fell_back(house.transport));
	ck_assert_uint_eq(fake_h2_most_streams(house.server), 1);
	ck_assert_uint_eq(house.gate_asked, 4);
}
END_TEST

/* Each of them is a connection that could not be opened: no storm of handshakes. */
START_TEST(a_server_that_goes_at_once_is_not_stormed)
{
	struct transport_request request;

	house_open_with(&OPTIONS(.goes = true), STEPS({ 0 }), 1);
	request = house_request();
	for (int i = 0; i < 200; i++)
		house_submit(&request);
	house_await(200);
	ck_assert_uint_eq(house_ended(TRANSPORT_NOT_SENT), 200);
	ck_assert_uint_le(fake_h2_connections(house.server), 32);
	ck_assert_uint_eq(house.gate_asked, 0);
}
END_TEST

START_TEST(another_origin_is_served_by_http1)
{
	struct fake_h2 *other = fake_h2_start_with(&OPTIONS(.http1 = UINT_MAX), STEPS({ 0 }), 1);

	house_open(STEPS({ 0 }), 1);
	ck_assert_int_eq(house_post()->end, TRANSPORT_ANSWERED);
	post_to(fake_h2_url(other)); /* not trusted */
	ck_assert_int_eq(house.results[1].end, TRANSPORT_NOT_SENT);
	ck_assert_uint_eq(fake_h2_connections(other), 1);
	ck_assert_int_eq(house_post()->end, TRANSPORT_ANSWERED);
	ck_assert_uint_eq(fake_h2_connections(house.server), 1);
	fake_h2_stop(other);
}
END_TEST

/* --- later --- */

START_TEST(a_session_is_taken_up_again)
{
	house_open(STEPS({ 0 }, { .act = FAKE_H2_CLOSE }, { 0 }), 3);
	ck_assert_int_eq(house_post()->end, TRANSPORT_ANSWERED);
	ck_assert_uint_eq(fake_h2_resumed(house.server), 0);
	ck_assert_int_eq(house_post()->end, TRANSPORT_LOST);
	ck_assert_int_eq(house_post()->end, TRANSPORT_ANSWERED);
	ck_assert_uint_eq(fake_h2_connections(house.server), 2);
	ck_assert_uint_eq(fake_h2_resumed(house.server), 1);
}
END_TEST

START_TEST(a_connection_idle_for_too_long_is_not_used_again)
{
	house.settings.idle_max_ms = house_ms(600);
	house_open(STEPS({ 0 }), 1);
	ck_assert_int_eq(house_post()->end, TRANSPORT_ANSWERED);
	house_run(house_ms(300));
	ck_assert_int_eq(house_post()->end, TRANSPORT_ANSWERED);
	ck_assert_uint_eq(fake_h2_connections(house.server), 1);
	house_run(house_ms(800));
	ck_assert_int_eq(house_post()->end, TRANSPORT_ANSWERED);
	ck_assert_uint_eq(fake_h2_connections(house.server), 2);
}
END_TEST

/* It answers pings while a call takes long, or it does not. */
static void send_two(bool deaf)
{
	struct transport_request request;

	house.settings.idle_max_ms = house_ms(3000); /* a ping after 200, its answer within 300 */
	house_open_with(&OPTIONS(.deaf = deaf), STEPS({ .delay_ms = (int)house_ms(1500) }, { 0 }),
			2);
	request = house_request();
	request.tag = 1;
	house_submit(&request);
	house_run(house_ms(800));
	ck_assert_uint_eq(house.count, 0);
	ck_assert_int_eq(house_post()->end, TRANSPORT_ANSWERED);
	house_await(2);
	ck_assert_uint_eq(house.results[1].tag, 1);
	ck_assert_int_eq(house.results[1].end, TRANSPORT_ANSWERED);
	ck_assert_uint_eq(fake_h2_connections(house.server), deaf ? 2 : 1);
}

START_TEST(a_connection_that_answers_no_ping_gets_no_more_calls)
{
	send_two(true);
}
END_TEST

START_TEST(a_connection_that_answers_pings_is_well)
{
	send_two(false);
}
END_TEST

static TCase *a_case(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, house_setup, house_teardown);
	suite_add_tcase(suite, tcase);
	return tcase;
}

int main(void)
{
	Suite *suite = suite_create("h2_connection");
	TCase *tcase = a_case(suite, "certificates");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, an_unknown_certificate_means_not_sent);
	tcase_add_loop_test(tcase, a_certificate_of_another_host_means_not_sent, 0, 2);
	tcase_add_test(tcase, an_expired_certificate_means_not_sent);
	tcase_add_loop_test(tcase, nothing_is_sent_to_who_is_not_verified, 0,
			    2 * FAKE_CERTIFICATES);
	tcase_add_test(tcase, a_bundle_that_is_not_there_means_not_sent);
	tcase_add_test(tcase, a_bundle_may_be_put_in_order);
	tcase = a_case(suite, "connecting");
	tcase_add_test(tcase, a_name_is_looked_up_and_verified);
	tcase_add_test(tcase, an_unknown_name_is_not_sent);
	tcase_add_test(tcase, a_refused_connection_is_not_sent);
	tcase_add_test(tcase, a_refused_connection_ends_all_that_wait);
	tcase_add_test(tcase, a_handshake_has_a_time_limit);
	tcase_add_test(tcase, a_server_without_settings_is_not_spoken_to);
	tcase_add_test(tcase, the_next_address_is_tried_when_one_refuses);
	tcase_add_test(tcase, the_next_address_is_tried_when_one_is_silent);
	tcase_add_test(tcase, a_resolver_that_hangs_blocks_nothing);
	tcase_add_loop_test(tcase, freeing_while_connecting_is_clean, 1, 10);
	tcase = a_case(suite, "kinds");
	tcase_add_test(tcase, a_server_without_http2_is_served_by_http1);
	tcase_add_test(tcase, http2_is_offered_again_later);
	tcase_add_test(tcase, a_server_that_goes_at_once_is_not_stormed);
	tcase_add_test(tcase, another_origin_is_served_by_http1);
	tcase = a_case(suite, "later");
	tcase_add_test(tcase, a_session_is_taken_up_again);
	tcase_add_test(tcase, a_connection_idle_for_too_long_is_not_used_again);
	tcase_add_test(tcase, a_connection_that_answers_no_ping_gets_no_more_calls);
	tcase_add_test(tcase, a_connection_that_answers_pings_is_well);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
