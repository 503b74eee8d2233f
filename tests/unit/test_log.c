#include "base/log.h"

#include <check.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A log whose lines can be read back. */
static struct log log_here;
static int read_fd;
static char got[2 * LOG_LINE_BYTES];

static size_t most_at_once; /* bytes a write takes; 0: as many as it likes */
static unsigned interruptions;

/* Takes the place of the C library's. */
ssize_t write(int fd, const void *data, size_t len)
{
	ssize_t (*real)(int, const void *, size_t);

	if (interruptions > 0) {
		interruptions--;
		errno = EINTR;
		return -1;
	}
	*(void **)&real = dlsym(RTLD_NEXT, "write");
	return real(fd, data, most_at_once > 0 && len > most_at_once ? most_at_once : len);
}

static void open_pipe(void)
{
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_NONBLOCK), 0);
	read_fd = fds[0];
	log_here = (struct log){ .fd = fds[1], .level = LOG_INFO, .role = "worker-1" };
}

static void close_pipe(void)
{
	close(read_fd);
	close(log_here.fd);
}

/* Exactly one line, without its time, or null when there was none. */
static const char *line_written(void)
{
	ssize_t len = read(read_fd, got, sizeof(got) - 1);

	if (len <= 0)
		return NULL;
	got[len] = '\0';
	ck_assert_int_le(len, LOG_LINE_BYTES);
	ck_assert_ptr_eq(strchr(got, '\n'), got + len - 1);
	ck_assert_int_eq(strncmp(got, "time=20", 7), 0);
	ck_assert_int_eq(got[32], ' '); /* time=2025-11-04T10:30:00.123456Z */
	return got + 33;
}

/* The line with one field k. */
static const char *line_with(const char *value)
{
	struct log_line line;

	log_begin(&line, &log_here, LOG_INFO, "ev");
	log_str(&line, "k", value);
	log_end(&line);
	return line_written();
}

#define PREFIX "level=info event=ev worker=worker-1 "

START_TEST(a_line_has_its_fields_in_order)
{
	struct log_line line;

	log_begin(&line, &log_here, LOG_WARNING, "started");
	log_str(&line, "a", "b");
	log_int(&line, "min", INT64_MIN);
	log_int(&line, "max", INT64_MAX);
	log_str(&line, "null", NULL);
	log_end(&line);
	ck_assert_str_eq(line_written(),
			 "level=warning event=started worker=worker-1 a=b min=-9223372036854775808 "
			 "max=9223372036854775807 null=\"\"\n");
	ck_assert_ptr_null(line_written());
}
END_TEST

START_TEST(a_line_ends_once)
{
	struct log_line line;

	log_begin(&line, &log_here, LOG_INFO, "ev");
	log_end(&line);
	log_end(&line);
	ck_assert_str_eq(line_written(), "level=info event=ev worker=worker-1\n");
}
END_TEST

START_TEST(lines_below_the_level_are_dropped)
{
	for (int bound = LOG_DEBUG; bound <= LOG_ERROR; bound++) {
		for (int level = LOG_DEBUG; level <= LOG_ERROR; level++) {
			struct log_line line;

			log_here.level = (enum log_level)bound;
			log_begin(&line, &log_here, (enum log_level)level, "ev");
			log_str(&line, "a", "b");
			log_int(&line, "i", 1);
			log_phone(&line, "p", "+628123456789");
			log_end(&line);
			ck_assert_int_eq(line_written() != NULL, level >= bound);
			log_text(&log_here, (enum log_level)level, "ev", "%s", "x");
			ck_assert_int_eq(line_written() != NULL, level >= bound);
		}
	}
}
END_TEST

/* What must become of one byte. */
static void expected(int byte, char *want, size_t size)
{
	if (byte == '\n')
		snprintf(want, size, PREFIX "k=\"a\\nb\"\n");
	else if (byte == '\r')
		snprintf(want, size, PREFIX "k=\"a\\rb\"\n");
	else if (byte == '\t')
		snprintf(want, size, PREFIX "k=\"a\\tb\"\n");
	else if (byte == '"' || byte == '\\')
		snprintf(want, size, PREFIX "k=\"a\\%cb\"\n", byte);
	else if (byte == ' ' || byte == '=')
		snprintf(want, size, PREFIX "k=\"a%cb\"\n", byte);
	else if (byte < ' ' || byte > '~')
		snprintf(want, size, PREFIX "k=\"a\\x%02xb\"\n", (unsigned)byte);
	else
		snprintf(want, size, PREFIX "k=a%cb\n", byte);
}

START_TEST(every_byte_is_escaped_as_it_must_be)
{
	for (int byte = 1; byte < 256; byte++) {
		char value[4] = { 'a', (char)byte, 'b', '\0' };
		char want[100];

		expected(byte, want, sizeof(want));
		ck_assert_str_eq(line_with(value), want);
	}
	ck_assert_str_eq(line_with(""), PREFIX "k=\"\"\n"); /* byte 0 ends a value */
}
END_TEST

START_TEST(valid_utf8_is_kept_and_invalid_escaped)
{
	ck_assert_str_eq(line_with("h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"),
			 PREFIX "k=\"h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"\n");
	ck_assert_str_eq(line_with("\xc3"), PREFIX "k=\"\\xc3\"\n");
	ck_assert_str_eq(line_with("\xf0\x9f\x98"), PREFIX "k=\"\\xf0\\x9f\\x98\"\n");
	ck_assert_str_eq(line_with("\xed\xa0\x80"), PREFIX "k=\"\\xed\\xa0\\x80\"\n");
	ck_assert_str_eq(line_with("\xc3\xa9\xa9"), PREFIX "k=\"\xc3\xa9\\xa9\"\n");
}
END_TEST

START_TEST(control_characters_beyond_ascii_are_escaped)
{
	ck_assert_str_eq(line_with("\xc2\x80"), PREFIX "k=\"\\xc2\\x80\"\n");
	ck_assert_str_eq(line_with("\xc2\x9f"), PREFIX "k=\"\\xc2\\x9f\"\n");
	ck_assert_str_eq(line_with("\xc2\xa0"), PREFIX "k=\"\xc2\xa0\"\n");
	ck_assert_str_eq(line_with("\xe2\x80\xa7"), PREFIX "k=\"\xe2\x80\xa7\"\n");
	ck_assert_str_eq(line_with("\xe2\x80\xa8"), PREFIX "k=\"\\xe2\\x80\\xa8\"\n");
	ck_assert_str_eq(line_with("\xe2\x80\xa9"), PREFIX "k=\"\\xe2\\x80\\xa9\"\n");
	ck_assert_str_eq(line_with("\xe2\x80\xaa"), PREFIX "k=\"\xe2\x80\xaa\"\n");
}
END_TEST

START_TEST(a_value_is_cut_at_its_bound)
{
	for (size_t len = LOG_VALUE_BYTES - 1; len <= LOG_VALUE_BYTES + 1; len++) {
		static char value[LOG_VALUE_BYTES + 2];
		const char *line;

		memset(value, 'v', len);
		value[len] = '\0';
		line = line_with(value);
		ck_assert_uint_eq(strspn(line + strlen(PREFIX "k="), "v"),
				  len <= LOG_VALUE_BYTES ? len : LOG_VALUE_BYTES);
		ck_assert_int_eq(strstr(line, " cut=1\n") != NULL, len > LOG_VALUE_BYTES);
	}
}
END_TEST

START_TEST(a_cut_value_ends_with_a_whole_character)
{
	static char value[LOG_VALUE_BYTES + 3];
	const char *line;

	memset(value, 'v', sizeof(value) - 1);
	memcpy(value + LOG_VALUE_BYTES - 1, "\xc3\xa9", 3);
	line = line_with(value);
	ck_assert_uint_eq(strspn(line + strlen(PREFIX "k="), "v"), LOG_VALUE_BYTES - 1);
	ck_assert_ptr_nonnull(strstr(line, " cut=1\n"));
}
END_TEST

START_TEST(a_field_that_does_not_fit_is_left_out_whole)
{
	static char value[LOG_VALUE_BYTES + 1];
	int cut = 0;

	memset(value, 1, LOG_VALUE_BYTES); /* written as 4 bytes each */
	for (int last = 0; last <= LOG_VALUE_BYTES; last++) {
		static char tail[LOG_VALUE_BYTES + 1];
		struct log_line line;
		const char *text;
		bool is_cut;

		memset(tail, 't', (size_t)last);
		tail[last] = '\0';
		log_begin(&line, &log_here, LOG_INFO, "ev");
		log_str(&line, "a", value);
		log_str(&line, "b", value + 200);
		log_str(&line, "c", tail);
		log_end(&line);
		text = line_written();
		ck_assert_ptr_nonnull(strstr(text, " b=\""));
		is_cut = strstr(text, " cut=1\n") != NULL;
		ck_assert_int_eq(strstr(text, " c=") == NULL, is_cut);
		if (cut == 0 && is_cut)
			cut = last;
		ck_assert_int_eq(is_cut, cut > 0);
	}
	ck_assert_int_gt(cut, 1); /* both cases came up */
}
END_TEST

START_TEST(a_line_of_many_fields_stays_within_its_bound)
{
	struct log_line line;

	log_begin(&line, &log_here, LOG_INFO, "ev");
	for (int i = 0; i < 5000; i++)
		log_int(&line, "i", i);
	log_end(&line);
	ck_assert_ptr_nonnull(strstr(line_written(), " cut=1\n"));
}
END_TEST

START_TEST(a_phone_number_shows_its_ends_only)
{
	static const struct {
		const char *phone;
		const char *shown;
	} rows[] = {
		{ "+628123456789", "+62812*****89" },
		{ "+123456789012345", "+12345********45" },
		{ "+62812345678", "+6281*****78" },
		{ "+12345678", "+1*****78" },
		{ "+1234567", "+*****67" },
		{ "+123456", "+******" },
		{ "+1", "+*" },
		{ "+", "+" },
		{ "", "\"\"" },
		{ NULL, "\"\"" },
		{ "628123456789", "62812*****89" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct log_line line;
		char want[100];

		log_begin(&line, &log_here, LOG_INFO, "ev");
		log_phone(&line, "to", rows[i].phone);
		log_end(&line);
		snprintf(want, sizeof(want), PREFIX "to=%s\n", rows[i].shown);
		ck_assert_str_eq(line_written(), want);
	}
}
END_TEST

START_TEST(a_text_is_one_field)
{
	log_text(&log_here, LOG_ERROR, "ev", "%d of\n%s", 3, "four");
	ck_assert_str_eq(line_written(), "level=error event=ev worker=worker-1 "
					 "message=\"3 of\\nfour\"\n");
}
END_TEST

START_TEST(a_text_over_its_bound_is_marked)
{
	for (int len = LOG_VALUE_BYTES - 1; len <= LOG_VALUE_BYTES + 1; len++) {
		log_text(&log_here, LOG_INFO, "ev", "%0*d", len, 0);
		ck_assert_int_eq(strstr(line_written(), " cut=1\n") != NULL, len > LOG_VALUE_BYTES);
	}
}
END_TEST

START_TEST(one_line_a_second_and_a_count_of_the_others)
{
	struct log_rate rate = { 0 };
	uint64_t suppressed = 99;

	ck_assert(log_rate_allows(&rate, 5000, &suppressed));
	ck_assert_uint_eq(suppressed, 0);
	suppressed = 99;
	ck_assert(!log_rate_allows(&rate, 5000, &suppressed));
	ck_assert(!log_rate_allows(&rate, 5999, &suppressed));
	ck_assert_uint_eq(suppressed, 99);
	ck_assert(log_rate_allows(&rate, 6000, &suppressed));
	ck_assert_uint_eq(suppressed, 2);
	ck_assert(log_rate_allows(&rate, 7001, &suppressed));
	ck_assert_uint_eq(suppressed, 0);
}
END_TEST

START_TEST(every_level_has_its_name)
{
	ck_assert_str_eq(log_level_name(LOG_DEBUG), "debug");
	ck_assert_str_eq(log_level_name(LOG_INFO), "info");
	ck_assert_str_eq(log_level_name(LOG_WARNING), "warning");
	ck_assert_str_eq(log_level_name(LOG_ERROR), "error");
	ck_assert_str_eq(log_level_name((enum log_level)9), "unknown");
}
END_TEST

/* --- lines that wait --- */

static struct log_held held;

/* A read takes what one write gave. */
static void open_packets(void)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds), 0);
	read_fd = fds[0];
	held.len = 0;
	log_here = (struct log){ .fd = fds[1], .level = LOG_DEBUG, .role = "w", .held = &held };
}

/* The messages of the lines of the next write, each with a comma; "" when there was none. */
static const char *messages_written(void)
{
	static char messages[sizeof(got)];
	char *rest = NULL;
	ssize_t len = read(read_fd, got, sizeof(got) - 1);
	size_t at = 0;

	messages[0] = '\0';
	if (len <= 0)
		return messages;
	got[len] = '\0';
	ck_assert_int_eq(got[len - 1], '\n');
	for (char *line = strtok_r(got, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		const char *message = strstr(line, " message=");

		ck_assert_ptr_nonnull(message);
		at += (size_t)snprintf(messages + at, sizeof(messages) - at, "%s,",
				       message + strlen(" message="));
	}
	return messages;
}

START_TEST(lines_that_wait_leave_with_one_write)
{
	log_text(&log_here, LOG_INFO, "ev", "1");
	log_text(&log_here, LOG_DEBUG, "ev", "2");
	ck_assert_str_eq(messages_written(), "");
	log_flush(&log_here);
	ck_assert_str_eq(messages_written(), "1,2,");
	log_flush(&log_here);
	ck_assert_str_eq(messages_written(), "");
	log_text(&log_here, LOG_INFO, "ev", "3");
	log_flush(&log_here);
	ck_assert_str_eq(messages_written(), "3,");
}
END_TEST

START_TEST(what_is_written_in_parts_is_written_once_and_whole)
{
	open_pipe();
	log_here.held = &held;
	held.len = 0;
	most_at_once = 7;
	interruptions = 2;
	log_text(&log_here, LOG_INFO, "ev", "1");
	log_text(&log_here, LOG_INFO, "ev", "2");
	log_flush(&log_here);
	most_at_once = 0;
	ck_assert_str_eq(messages_written(), "1,2,");
	close_pipe();
}
END_TEST

START_TEST(a_warning_takes_along_what_waits)
{
	log_text(&log_here, LOG_INFO, "ev", "1");
	log_text(&log_here, LOG_WARNING, "ev", "2");
	ck_assert_str_eq(messages_written(), "1,2,");
	log_text(&log_here, LOG_ERROR, "ev", "3");
	ck_assert_str_eq(messages_written(), "3,");
	ck_assert_uint_eq(held.len, 0);
}
END_TEST

/* Makes a line of so many bytes, its end included. */
static void log_bytes(unsigned bytes)
{
	struct log_line line;
	char value[LOG_VALUE_BYTES + 1];

	log_begin(&line, &log_here, LOG_INFO, "ev");
	while (line.len + 1 < bytes) {
		unsigned left = bytes - 1 - line.len; /* of these 3 are " k=" */
		unsigned len = left < 1000 ? left - 3 : left < 1010 ? left - 13 : 1000;

		memset(value, 'v', len);
		value[len] = '\0';
		log_str(&line, "k", value);
	}
	log_end(&line);
}

START_TEST(what_does_not_fit_sends_what_waits)
{
	log_bytes(2000);
	log_bytes(LOG_HELD_BYTES - 2000);
	ck_assert_uint_eq(held.len, LOG_HELD_BYTES);
	ck_assert_int_eq(read(read_fd, got, sizeof(got)), -1);
	log_bytes(100);
	ck_assert_int_eq(read(read_fd, got, sizeof(got)), LOG_HELD_BYTES);
	log_bytes(LOG_HELD_BYTES - 99);
	ck_assert_int_eq(read(read_fd, got, sizeof(got)), 100);
	ck_assert_uint_eq(held.len, LOG_HELD_BYTES - 99);
}
END_TEST

START_TEST(a_line_too_long_to_wait_leaves_behind_the_others)
{
	log_bytes(100);
	log_bytes(LOG_HELD_BYTES + 1);
	ck_assert_int_eq(read(read_fd, got, sizeof(got)), 100);
	ck_assert_int_eq(read(read_fd, got, sizeof(got)), LOG_HELD_BYTES + 1);
	ck_assert_uint_eq(held.len, 0);
}
END_TEST

int main(void)
{
	TCase *waiting = tcase_create("waiting");
	Suite *suite = suite_create("log");
	TCase *tcase = tcase_create("log");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, open_pipe, close_pipe);
	tcase_add_test(tcase, a_line_has_its_fields_in_order);
	tcase_add_test(tcase, a_line_ends_once);
	tcase_add_test(tcase, lines_below_the_level_are_dropped);
	tcase_add_test(tcase, every_byte_is_escaped_as_it_must_be);
	tcase_add_test(tcase, valid_utf8_is_kept_and_invalid_escaped);
	tcase_add_test(tcase, control_characters_beyond_ascii_are_escaped);
	tcase_add_test(tcase, a_value_is_cut_at_its_bound);
	tcase_add_test(tcase, a_cut_value_ends_with_a_whole_character);
	tcase_add_test(tcase, a_field_that_does_not_fit_is_left_out_whole);
	tcase_add_test(tcase, a_line_of_many_fields_stays_within_its_bound);
	tcase_add_test(tcase, a_phone_number_shows_its_ends_only);
	tcase_add_test(tcase, a_text_is_one_field);
	tcase_add_test(tcase, a_text_over_its_bound_is_marked);
	tcase_add_test(tcase, one_line_a_second_and_a_count_of_the_others);
	tcase_add_test(tcase, every_level_has_its_name);
	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(waiting, open_packets, close_pipe);
	tcase_add_test(waiting, lines_that_wait_leave_with_one_write);
	tcase_add_test(waiting, what_is_written_in_parts_is_written_once_and_whole);
	tcase_add_test(waiting, a_warning_takes_along_what_waits);
	tcase_add_test(waiting, what_does_not_fit_sends_what_waits);
	tcase_add_test(waiting, a_line_too_long_to_wait_leaves_behind_the_others);
	suite_add_tcase(suite, waiting);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
