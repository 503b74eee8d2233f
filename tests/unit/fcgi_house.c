#include "fcgi_house.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

enum { PARAMS_MAX = 8000, DEADLINE_MS = 20000 };

struct house house;
struct fcgi_server_settings house_settings;

bool answer(uint64_t id, const char *text)
{
	struct http_response r;
	bool delivered;

	http_response_init(&r, 200);
	ck_assert(str_append_text(&r.body, text));
	delivered = fcgi_server_answer(house.server, id, &r);
	http_response_fini(&r);
	return delivered;
}

static void on_request(void *arg, uint64_t id, const struct http_request *request)
{
	ck_assert_ptr_eq(arg, &house);
	ck_assert_uint_lt(house.count, HOUSE_REQUESTS_MAX);
	house.ids[house.count++] = id;
	house.fault = request->fault;
	house.body_len = request->body_len;
	snprintf(house.path, sizeof(house.path), "%s", request->path);
	if (strcmp(request->path, "/now") == 0)
		ck_assert(answer(id, request->body));
}

static void open_listener(void)
{
	static int number;

	house.address.sun_family = AF_UNIX;
	house.address_len =
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			    (size_t)snprintf(house.address.sun_path + 1, 80,
					     "test_fcgi_server.%d.%d", (int)getpid(), number++));
	house.listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(
		bind(house.listen_fd, (struct sockaddr *)&house.address, house.address_len), 0);
	ck_assert_int_eq(listen(house.listen_fd, 4096), 0);
}

static void start(void)
{
	struct err err;

	memset(&house, 0, sizeof(house));
	house.loop = loop_new(&err);
	ck_assert_ptr_nonnull(house.loop);
	open_listener();
	house_settings.listen_fd = house.listen_fd;
	house.server = fcgi_server_new(house.loop, &house_settings, on_request, &house, &err);
	ck_assert_ptr_nonnull(house.server);
}

void house_open(void)
{
	house_settings = (struct fcgi_server_settings){
		.max_connections = 3000,
		.max_body_bytes = HOUSE_BODY_MAX,
		.max_params_bytes = PARAMS_MAX,
		.max_held_bytes = HOUSE_HELD_MAX,
		.read_timeout_ms = 10000,
		.idle_timeout_ms = 10000,
	};
	start();
}

void house_close(void)
{
	fcgi_server_free(house.server);
	loop_free(house.loop);
	fd_close(&house.listen_fd);
}

void house_reopen(void)
{
	house_close();
	start();
}

static void stop(void *arg)
{
	loop_stop(arg);
}

void turn(void)
{
	struct err err;

	(void)loop_timer(house.loop, clock_boot_ms() + 1, stop, house.loop);
	ck_assert_int_eq(loop_run(house.loop, &err), 0);
}

void turn_until_requests(unsigned n)
{
	int64_t end = clock_boot_ms() + DEADLINE_MS;

	while (house.count < n) {
		ck_assert_int_lt(clock_boot_ms(), end);
		turn();
	}
}

void turn_until_busy(unsigned n)
{
	int64_t end = clock_boot_ms() + DEADLINE_MS;

	while (fcgi_server_busy(house.server) != n) {
		ck_assert_int_lt(clock_boot_ms(), end);
		turn();
	}
}

int dial(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&house.address, house.address_len), 0);
	return fd;
}

void push(int fd, const void *data, size_t len)
{
	const uint8_t *at = data;

	while (len > 0) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

		if (n == -1) {
			ck_assert_int_eq(errno, EAGAIN);
			turn();
			continue;
		}
		at += n;
		len -= (size_t)n;
	}
}

int ask(unsigned id, unsigned flags, const char *uri, const char *body)
{
	struct wire w = { 0 };
	int fd = dial();

	wire_request(&w, id, flags, "POST", uri, body, strlen(body));
	push(fd, w.data, w.len);
	wire_fini(&w);
	return fd;
}

bool pull(int fd, struct wire *w, size_t len)
{
	int64_t end = clock_boot_ms() + DEADLINE_MS;

	while (w->len < len) {
		uint8_t piece[65536];
		ssize_t n = recv(fd, piece, sizeof(piece), 0);

		if (n == 0 || (n == -1 && errno == ECONNRESET))
			return false;
		if (n > 0)
			wire_add(w, piece, (size_t)n);
		else
			turn();
		ck_assert_int_lt(clock_boot_ms(), end);
	}
	return true;
}

bool is_closed(int fd)
{
	struct wire w = { 0 };
	bool closed = !pull(fd, &w, 1);

	wire_fini(&w);
	return closed;
}

void expect(int fd, unsigned id, const char *body)
{
	struct wire w = { 0 };
	struct wire_answer a = { 0 };
	const char *text;

	do {
		wire_fini(&a.out);
		ck_assert(pull(fd, &w, w.len + 1));
		a = wire_read_answer(w.data, w.len, id);
		ck_assert(!a.bad);
	} while (!a.ended);
	ck_assert_uint_eq(a.used, w.len);
	text = strstr((char *)a.out.data, "\r\n\r\n");
	ck_assert_ptr_nonnull(text);
	ck_assert_str_eq(text + 4, body);
	wire_fini(&a.out);
	wire_fini(&w);
}

void expect_end(int fd, unsigned id, unsigned protocol_status)
{
	struct wire w = { 0 };
	const uint8_t end[16] = {
		1, WIRE_END, (uint8_t)(id >> 8),      (uint8_t)id, 0, 8, 0, 0, 0, 0,
		0, 0,        (uint8_t)protocol_status
	};

	ck_assert(pull(fd, &w, 16));
	ck_assert_uint_eq(w.len, 16);
	ck_assert(memcmp(w.data, end, 16) == 0);
	wire_fini(&w);
}
