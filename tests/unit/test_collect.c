#include "fcgi/collect.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_wire.h"

static struct collect_budget budget = { .max_bytes = 67108864 };

enum { PARAMS_MAX = 300, BODY_MAX = 1000 };

/* Everything one stream of bytes led to. */
struct seen {
	unsigned complete, replies, ended, held, broken;
	struct wire reply; /* all replies */
	size_t taken;
};

static void seen_fini(struct seen *s)
{
	wire_fini(&s->reply);
}

/* Feeds until the bytes are used up, held or broken. */
static void feed(struct collect *c, const uint8_t *data, size_t len, struct seen *seen)
{
	struct collect_reply reply;
	enum collect_event event;

	do {
		size_t n = collect_feed(c, data, len, &event, &reply);

		ck_assert_uint_le(n, len);
		data += n;
		len -= n;
		seen->taken += n;
		seen->complete += event == COLLECT_COMPLETE;
		seen->replies += event == COLLECT_REPLY;
		seen->ended += event == COLLECT_ENDED;
		seen->held += event == COLLECT_HELD;
		seen->broken += event == COLLECT_BROKEN;
		if (event == COLLECT_REPLY || event == COLLECT_ENDED)
			wire_add(&seen->reply, reply.data, reply.len);
	} while (len > 0 && event != COLLECT_HELD && event != COLLECT_BROKEN);
}

static struct seen feed_all(struct collect *c, const struct wire *w)
{
	struct seen seen = { 0 };

	feed(c, w->data, w->len, &seen);
	return seen;
}

static void params(struct wire *w, unsigned id, size_t len, size_t chunk)
{
	char *bytes = calloc(1, len + 1);

	wire_stream(w, WIRE_PARAMS, id, bytes, len, chunk);
	free(bytes);
}

static void body(struct wire *w, unsigned id, size_t len, size_t chunk)
{
	char *bytes = malloc(len + 1);

	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)('a' + i % 26);
	wire_stream(w, WIRE_STDIN, id, bytes, len, chunk);
	free(bytes);
}

static void request(struct wire *w, unsigned id, unsigned flags)
{
	wire_begin(w, id, WIRE_RESPONDER, flags);
	params(w, id, 20, 7);
	body(w, id, 30, 11);
}

/* BEGIN, one PARAMS and its end, one STDIN and its end. */
static void check_stream(const struct collect *c, unsigned id, size_t params_len, size_t body_len)
{
	struct wire w = { 0 };
	char *bytes = calloc(1, params_len + body_len + 1);

	wire_begin(&w, id, WIRE_RESPONDER, c->keep ? WIRE_KEEP : 0);
	wire_record(&w, WIRE_PARAMS, id, bytes, params_len, 0);
	wire_record(&w, WIRE_PARAMS, id, NULL, 0, 0);
	for (size_t i = 0; i < body_len; i++)
		bytes[i] = (char)('a' + i % 26);
	wire_record(&w, WIRE_STDIN, id, bytes, body_len, 0);
	wire_record(&w, WIRE_STDIN, id, NULL, 0, 0);
	ck_assert_uint_eq(c->stream.len, w.len);
	ck_assert(memcmp(c->stream.data, w.data, w.len) == 0);
	free(bytes);
	wire_fini(&w);
}

START_TEST(a_request_is_the_same_wherever_it_is_cut)
{
	struct wire w = { 0 };

	request(&w, 0x102, WIRE_KEEP);
	for (size_t cut = 0; cut <= w.len; cut++) {
		struct collect c;
		struct seen seen = { 0 };

		collect_init(&c, &budget, PARAMS_MAX, BODY_MAX, NULL);
		feed(&c, w.data, cut, &seen);
		ck_assert_uint_eq(seen.complete, cut == w.len);
		ck_assert_int_eq(collect_is_idle(&c), cut == 0);
		feed(&c, w.data + cut, w.len - cut, &seen);
		ck_assert_uint_eq(seen.complete, 1);
		ck_assert_uint_eq(seen.broken + seen.replies + seen.ended + seen.held, 0);
		ck_assert_uint_eq(c.id, 0x102);
		ck_assert(c.keep);
		check_stream(&c, 0x102, 20, 30);
		collect_fini(&c);
	}
	wire_fini(&w);
}
END_TEST

START_TEST(a_request_is_the_same_byte_by_byte)
{
	struct wire w = { 0 };
	struct collect c;
	struct seen seen = { 0 };

	request(&w, 9, 0);
	collect_init(&c, &budget, PARAMS_MAX, BODY_MAX, NULL);
	for (size_t i = 0; i < w.len; i++) {
		ck_assert_uint_eq(seen.complete, 0);
		feed(&c, w.data + i, 1, &seen);
	}
	ck_assert_uint_eq(seen.complete, 1);
	ck_assert(!c.keep);
	check_stream(&c, 9, 20, 30);
	collect_fini(&c);
	wire_fini(&w);
}
END_TEST

static const struct {
	int params, body;
	enum http_fault fault;
} bounds[] = {
	{ PARAMS_MAX - 1, BODY_MAX - 1, HTTP_FAULT_NONE },
	{ PARAMS_MAX, BODY_MAX, HTTP_FAULT_NONE },
	{ PARAMS_MAX + 1, BODY_MAX, HTTP_FAULT_HEAD_TOO_LARGE },
	{ PARAMS_MAX, BODY_MAX + 1, HTTP_FAULT_BODY_TOO_LARGE },
	{ PARAMS_MAX + 1, BODY_MAX + 1, HTTP_FAULT_HEAD_TOO_LARGE },
	{ PARAMS_MAX, 500 * BODY_MAX, HTTP_FAULT_BODY_TOO_LARGE },
	{ 200 * PARAMS_MAX, BODY_MAX, HTTP_FAULT_HEAD_TOO_LARGE },
};

START_TEST(bounds_are_exact)
{
	for (size_t chunk = 1; chunk <= 65535; chunk += 21844) {
		struct wire w = { 0 };
		struct collect c;
		struct seen seen;

		wire_begin(&w, 1, WIRE_RESPONDER, 0);
		params(&w, 1, (size_t)bounds[_i].params, chunk);
		body(&w, 1, (size_t)bounds[_i].body, chunk);
		collect_init(&c, &budget, PARAMS_MAX, BODY_MAX, NULL);
		seen = feed_all(&c, &w);
		ck_assert_uint_eq(seen.complete, 1);
		ck_assert_int_eq(c.fault, bounds[_i].fault);
		if (c.fault == HTTP_FAULT_NONE)
			check_stream(&c, 1, (size_t)bounds[_i].params, (size_t)bounds[_i].body);
		ck_assert_uint_le(c.stream.len, PARAMS_MAX + BODY_MAX + 64);
		seen_fini(&seen);
		collect_fini(&c);
		wire_fini(&w);
	}
}
END_TEST

/* One connection holds all but `left` bytes of the budget with half a request. */
START_TEST(what_all_hold_has_a_bound)
{
	enum { LEFT = 50 };

	for (size_t n = LEFT - 1; n <= LEFT + 1; n++) {
		struct collect_budget few = { .max_bytes = 30 + LEFT };
		struct wire half = { 0 }, w = { 0 };
		struct collect holder, c;
		struct seen seen = { 0 }, other;

		wire_begin(&half, 1, WIRE_RESPONDER, 0);
		params(&half, 1, 20, 20);
		wire_record(&half, WIRE_STDIN, 1, "0123456789", 10, 0);
		wire_begin(&w, 1, WIRE_RESPONDER, 0);
		params(&w, 1, 20, 7);
		body(&w, 1, n - 20, 11);
		collect_init(&holder, &few, PARAMS_MAX, BODY_MAX, NULL);
		feed(&holder, half.data, half.len, &seen);
		ck_assert_uint_eq(few.held_bytes, 30);
		collect_init(&c, &few, PARAMS_MAX, BODY_MAX, NULL);
		other = feed_all(&c, &w);
		ck_assert_uint_eq(other.complete, 1);
		ck_assert_int_eq(c.fault, n > LEFT ? HTTP_FAULT_OVERLOADED : HTTP_FAULT_NONE);
		collect_fini(&holder);
		collect_next(&c);
		ck_assert_uint_eq(few.held_bytes, 0);
		other = feed_all(&c, &w);
		ck_assert_int_eq(c.fault, HTTP_FAULT_NONE);
		seen_fini(&seen);
		seen_fini(&other);
		collect_fini(&c);
		ck_assert_uint_eq(few.held_bytes, 0);
		wire_fini(&half);
		wire_fini(&w);
	}
}
END_TEST

START_TEST(nothing_beyond_a_bound_is_stored)
{
	struct wire w = { 0 };
	struct collect c;
	struct seen seen;
	size_t before;

	wire_begin(&w, 1, WIRE_RESPONDER, 0);
	params(&w, 1, 10, 10);
	collect_init(&c, &budget, PARAMS_MAX, BODY_MAX, NULL);
	seen = feed_all(&c, &w);
	before = c.stream.len;
	w.len = 0;
	body(&w, 1, BODY_MAX + 1, 65535);
	w.len -= 8 + 1 + 7; /* the end, and the last byte with its padding */
	feed(&c, w.data, w.len, &seen);
	ck_assert_uint_eq(c.stream.len, before);
	ck_assert_uint_eq(seen.complete, 0);
	seen_fini(&seen);
	collect_fini(&c);
	wire_fini(&w);
}
END_TEST

START_TEST(the_worst_mix_of_record_sizes_fits)
{
	/* Alternating 1 and 65535 bytes: no two neighbours can be merged. */
	enum { PAIRS = 8, MAX = PAIRS * 65536 };
	static uint8_t zeros[65535];
	struct wire w = { 0 };
	struct collect c;
	struct seen seen;

	wire_begin(&w, 1, WIRE_RESPONDER, 0);
	params(&w, 1, 65535, 1);
	for (int i = 0; i < PAIRS; i++) {
		wire_record(&w, WIRE_STDIN, 1, zeros, 1, 3);
		wire_record(&w, WIRE_STDIN, 1, zeros, 65535, 255);
	}
	wire_record(&w, WIRE_STDIN, 1, NULL, 0, 200);
	collect_init(&c, &budget, 1u << 20, MAX, NULL);
	seen = feed_all(&c, &w);
	ck_assert_uint_eq(seen.complete, 1);
	ck_assert_int_eq(c.fault, HTTP_FAULT_NONE);
	ck_assert_uint_eq(c.body_bytes, MAX);
	ck_assert_uint_eq(seen.taken, w.len);
	seen_fini(&seen);
	collect_fini(&c);
	wire_fini(&w);
}
END_TEST

static void check_end(const struct wire *reply, size_t at, unsigned id, unsigned status)
{
	const uint8_t expect[16] = { 1, WIRE_END, (uint8_t)(id >> 8), (uint8_t)id, 0, 8, 0, 0, 0, 0,
				     0, 0,        (uint8_t)status };

	ck_assert_uint_ge(reply->len, at + 16);
	ck_assert(memcmp(reply->data + at, expect, 16) == 0);
}

START_TEST(a_second_request_at_once_is_refused_and_passed_over)
{
	struct wire w = { 0 };
	struct collect c;
	struct seen seen;

	wire_begin(&w, 1, WIRE_RESPONDER, WIRE_KEEP);
	wire_begin(&w, 0x203, WIRE_RESPONDER, 0);
	params(&w, 1, 20, 20);
	params(&w, 0x203, 5, 5);
	body(&w, 0x203, 900, 900);
	body(&w, 1, 30, 30);
	collect_init(&c, &budget, PARAMS_MAX, BODY_MAX, NULL);
	seen = feed_all(&c, &w);
	ck_assert_uint_eq(seen.replies, 1);
	ck_assert_uint_eq(seen.reply.len, 16);
	check_end(&seen.reply, 0, 0x203, 1); /* FCGI_CANT_MPX_CONN */
	ck_assert_uint_eq(seen.complete, 1);
	ck_assert(c.keep);
	check_stream(&c, 1, 20, 30);
	seen_fini(&seen);
	collect_fini(&c);
	wire_fini(&w);
}
END_TEST

START_TEST(other_roles_are_refused)
{
	static const unsigned roles[] = { 0, WIRE_AUTHORIZER, 3, 0x101, 0xffff };
	struct wire w = { 0 };
	struct collect c;
	struct seen seen;

	wire_begin(&w, 5, roles[_i], WIRE_KEEP);
	params(&w, 5, 20, 20);
	body(&w, 5, 30, 30);
	request(&w, 6, 0);
	collect_init(&c, &budget, PARAMS_MAX, BODY_MAX, NULL);
	seen = feed_all(&c, &w);
	ck_assert_uint_eq(seen.ended, 1);
	check_end(&seen.reply, 0, 5, 3); /* FCGI_UNKNOWN_ROLE */
	ck_assert_uint_eq(seen.complete, 1);
	check_stream(&c, 6, 20, 30);
	seen_fini(&seen);
	collect_fini(&c);
	wire_fini(&w);
}
END_TEST

START_TEST(an_abort_ends_a_request_at_any_record)
{
	struct wire whole = { 0 }, w = { 0 };
	size_t at = 0;
	unsigned aborted = 0;

	request(&whole, 3, WIRE_KEEP);
	while (at < whole.len) {
		struct collect c;
		struct seen seen;

		at += 8 + ((size_t)whole.data[at + 4] << 8) + whole.data[at + 5] +
		      whole.data[at + 6];
		w.len = 0;
		wire_add(&w, whole.data, at);
		wire_record(&w, WIRE_ABORT, 4, NULL, 0, 0); /* another's: no matter */
		wire_record(&w, WIRE_ABORT, 3, NULL, 0, 0);
		wire_record(&w, WIRE_ABORT, 3, NULL, 0, 0); /* it is over already */
		collect_init(&c, &budget, PARAMS_MAX, BODY_MAX, NULL);
		seen = feed_all(&c, &w);
		ck_assert_uint_eq(seen.ended, 1);
		ck_assert_uint_eq(seen.reply.len, 16);
		check_end(&seen.reply, 0, 3, 0);
		ck_assert(collect_is_idle(&c));
		ck_assert_uint_eq(c.stream.space, 0);
		aborted++;
		seen_fini(&seen);
		collect_fini(&c);
	}
	ck_assert_uint_ge(aborted, 6);
	wire_fini(&whole);
	wire_fini(&w);
}
END_TEST

START_TEST(management_records_are_answered_anywhere)
{
	struct wire w = { 0 }, question = { 0 };
	struct collect c;
	struct seen seen;
	static const uint8_t values[26] = "\1\12\0\0\0\22\0\0\17\1FCGI_MPXS_CONNS0";
	const uint8_t unknown[] = { 1, 11, 0, 0, 0, 8, 0, 0, 77, 0, 0, 0, 0, 0, 0, 0 };

	wire_pair(&question, "FCGI_NONSENSE", "", 0);
	wire_pair(&question, "FCGI_MPXS_CONNS", "", 0);
	wire_pair(&question, "FCGI_MPXS_CONNS", "", 0);
	wire_record(&w, WIRE_GET_VALUES, 0, question.data, question.len, 5);
	wire_begin(&w, 1, WIRE_RESPONDER, 0);
	params(&w, 1, 20, 20);
	wire_record(&w, 77, 0, "whatever", 8, 1);
	body(&w, 1, 30, 30);
	wire_record(&w, WIRE_GET_VALUES, 0, question.data, question.len, 0);
	collect_init(&c, &budget, PARAMS_MAX, BODY_MAX, NULL);
	seen = feed_all(&c, &w);
	ck_assert_uint_eq(seen.replies, 3);
	ck_assert_uint_eq(seen.complete, 1);
	check_stream(&c, 1, 20, 30);
	ck_assert_uint_eq(seen.reply.len, 2 * sizeof(values) + sizeof(unknown));
	ck_assert(memcmp(seen.reply.data, values, sizeof(values)) == 0);
	ck_assert(memcmp(seen.reply.data + sizeof(values), unknown, sizeof(unknown)) == 0);
	seen_fini(&seen);
	collect_fini(&c);
	wire_fini(&w);
	wire_fini(&question);
}
END_TEST

START_TEST(a_wrong_question_for_values_is_answered_empty)
{
	static uint8_t big[65535];
	static const uint8_t cut[][6] = { { 15 },
					  { 0x80, 0, 0 },
					  { 5, 0x80, 0, 0, 1 },
					  { 0xff, 0xff, 0xff, 0xff, 0, 'x' },
					  { 4, 4, 'F', 'C' } };
	static const uint8_t empty[] = { 1, 10, 0, 0, 0, 0, 0, 0 };
	static const size_t sizes[] = { 0, 1023, 1024, 1025, 65535 };

	for (size_t i = 0; i < 5 + 5; i++) {
		struct wire w = { 0 };
		struct collect c;
		struct seen seen;

		if (i < 5)
			wire_record(&w, WIRE_GET_VALUES, 0, cut[i], sizeof(cut[i]), 0);
		else
			wire_record(&w, WIRE_GET_VALUES, 0, big, sizes[i - 5], 0);
		collect_init(&c, &budget, PARAMS_MAX, BODY_MAX, NULL);
		seen = feed_all(&c, &w);
		ck_assert_uint_eq(seen.replies, 1);
		ck_assert_uint_eq(seen.reply.len, sizeof(empty));
		ck_assert(memcmp(seen.reply.data, empty, sizeof(empty)) == 0);
		ck_assert(collect_is_idle(&c));
		seen_fini(&seen);
		collect_fini(&c);
		wire_fini(&w);
	}
}
END_TEST

START_TEST(the_next_request_waits_for_the_answer)
{
	struct wire w = { 0 };
	struct collect c;
	struct seen seen;
	size_t first;

	request(&w, 1, WIRE_KEEP);
	first = w.len;
	request(&w, 1, 0);
	collect_init(&c, &budget, PARAMS_MAX, BODY_MAX, NULL);
	seen = feed_all(&c, &w);
	ck_assert_uint_eq(seen.complete, 1);
	ck_assert_uint_eq(seen.held, 1);
	ck_assert_uint_eq(seen.taken, first + 8);
	check_stream(&c, 1, 20, 30);
	collect_next(&c);
	ck_assert(!collect_is_idle(&c));
	feed(&c, w.data + seen.taken, w.len - seen.taken, &seen);
	ck_assert_uint_eq(seen.complete, 2);
	ck_assert(!c.keep);
	check_stream(&c, 1, 20, 30);
	seen_fini(&seen);
	collect_fini(&c);
	wire_fini(&w);
}
END_TEST

START_TEST(what_is_not_fastcgi_breaks_the_connection)
{
	struct wire w = { 0 };
	struct collect c;
	struct seen seen;

	switch (_i) {
	case 0: /* version */
		request(&w, 1, 0);
		w.data[0] = 2;
		break;
	case 1: /* BEGIN with another length */
		wire_record(&w, WIRE_BEGIN, 1, "\0\1\0\0\0\0\0", 7, 0);
		break;
	case 2:
		wire_record(&w, WIRE_BEGIN, 1, "\0\1\0\0\0\0\0\0", 9, 0);
		break;
	case 3: /* the same id again */
		wire_begin(&w, 1, WIRE_RESPONDER, 0);
		wire_begin(&w, 1, WIRE_RESPONDER, 0);
		break;
	case 4: /* BEGIN without id */
		wire_begin(&w, 0, WIRE_RESPONDER, 0);
		break;
	case 5: /* STDIN before the end of PARAMS */
		wire_begin(&w, 1, WIRE_RESPONDER, 0);
		wire_record(&w, WIRE_PARAMS, 1, "", 1, 0);
		wire_record(&w, WIRE_STDIN, 1, NULL, 0, 0);
		break;
	case 6: /* PARAMS after their end */
		wire_begin(&w, 1, WIRE_RESPONDER, 0);
		params(&w, 1, 5, 5);
		wire_record(&w, WIRE_PARAMS, 1, "", 1, 0);
		break;
	case 7: /* for a responder there is no DATA */
		wire_begin(&w, 1, WIRE_RESPONDER, 0);
		params(&w, 1, 5, 5);
		wire_record(&w, WIRE_DATA, 1, "", 1, 0);
		break;
	case 8: /* HTTP */
		wire_add(&w, "GET / HTTP/1.1\r\n\r\n", 18);
		break;
	}
	collect_init(&c, &budget, PARAMS_MAX, BODY_MAX, NULL);
	seen = feed_all(&c, &w);
	ck_assert_uint_eq(seen.broken, 1);
	ck_assert_uint_eq(seen.complete + seen.replies + seen.ended, 0);
	seen_fini(&seen);
	collect_fini(&c);
	wire_fini(&w);
}
END_TEST

/* Damaged streams, cut anyhow: no more is taken or stored than may be, nothing hangs. */
START_TEST(damage_never_passes_a_bound)
{
	unsigned seed = 12345;
	struct wire w = { 0 };

	for (int round = 0; round < 20000; round++) {
		struct collect c;
		struct seen seen = { 0 };
		size_t at = 0;

		w.len = 0;
		request(&w, 1, WIRE_KEEP);
		request(&w, 2, 0);
		for (int i = 0; i < 3; i++) {
			seed = seed * 1103515245 + 12345;
			w.data[(seed >> 16) % w.len] = (uint8_t)(seed >> 8);
		}
		collect_init(&c, &budget, 64, 64, NULL);
		while (at < w.len && !seen.broken) {
			size_t n = seed % 97 + 1;

			if (seen.held) {
				collect_next(&c);
				seen.held = 0;
			}
			seen.taken = 0;
			feed(&c, w.data + at, n < w.len - at ? n : w.len - at, &seen);
			at += seen.taken;
			ck_assert_uint_le(c.stream.len, 64 + 64 + 64);
		}
		seen_fini(&seen);
		collect_fini(&c);
	}
	wire_fini(&w);
}
END_TEST

enum { LARGE_MAX = 5000, LARGER_MAX = 6000 };

static bool is_large(const char *path, size_t len)
{
	return len == 5 && memcmp(path, "/bulk", 5) == 0;
}

static bool is_larger(const char *path, size_t len)
{
	return len == 6 && memcmp(path, "/other", 6) == 0;
}

/* A request to this address with a body of so many bytes, in records of `chunk`. */
static void collect_to(struct collect *c, const char *uri, size_t body_len, size_t chunk)
{
	static const struct collect_large large[] = { { is_larger, LARGER_MAX },
						      { is_large, LARGE_MAX },
						      { 0 } };
	struct wire w = { 0 };
	struct wire all = { 0 };
	struct seen seen;

	wire_pair(&all, "REQUEST_METHOD", "POST", 4);
	wire_pair(&all, "REQUEST_URI", uri, strlen(uri));
	wire_begin(&w, 1, WIRE_RESPONDER, 0);
	wire_stream(&w, WIRE_PARAMS, 1, all.data, all.len, 7);
	body(&w, 1, body_len, chunk);
	collect_init(c, &budget, PARAMS_MAX, BODY_MAX, large);
	seen = feed_all(c, &w);
	ck_assert_uint_eq(seen.complete, 1);
	seen_fini(&seen);
	wire_fini(&all);
	wire_fini(&w);
}

START_TEST(some_addresses_take_longer_bodies)
{
	static const struct {
		const char *uri;
		size_t len;
		size_t limit; /* of a large one; else 0 */
		enum http_fault fault;
	} rows[] = {
		{ "/bulk", LARGE_MAX - 1, LARGE_MAX, HTTP_FAULT_NONE },
		{ "/bulk", LARGE_MAX, LARGE_MAX, HTTP_FAULT_NONE },
		{ "/other", LARGER_MAX - 1, LARGER_MAX, HTTP_FAULT_NONE },
		{ "/other", LARGER_MAX, LARGER_MAX, HTTP_FAULT_NONE },
		{ "/other", LARGER_MAX + 1, LARGER_MAX, HTTP_FAULT_BODY_TOO_LARGE },
		{ "/bulk", LARGE_MAX + 1, LARGE_MAX, HTTP_FAULT_BODY_TOO_LARGE },
		{ "/bulk?x=1", LARGE_MAX, LARGE_MAX, HTTP_FAULT_NONE },
		{ "/bulk", 0, LARGE_MAX, HTTP_FAULT_NONE },
		{ "/bulky", BODY_MAX, 0, HTTP_FAULT_NONE },
		{ "/bulky", BODY_MAX + 1, 0, HTTP_FAULT_BODY_TOO_LARGE },
		{ "/send?/bulk", BODY_MAX + 1, 0, HTTP_FAULT_BODY_TOO_LARGE },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t chunk = 1; chunk < 2 * LARGE_MAX; chunk = 3 * chunk + 1) {
			const size_t held = budget.held_bytes;
			struct collect c;

			collect_to(&c, rows[i].uri, rows[i].len, chunk);
			ck_assert_int_eq(c.large != NULL, rows[i].limit != 0);
			ck_assert_int_eq(c.fault, rows[i].fault);
			ck_assert_uint_eq(collect_body_limit(&c),
					  rows[i].limit ? rows[i].limit : BODY_MAX);
			if (rows[i].limit && rows[i].fault == HTTP_FAULT_NONE) {
				ck_assert_uint_eq(c.body.len, rows[i].len);
				for (size_t k = 0; k < c.body.len; k++)
					ck_assert_int_eq(c.body.data[k], (char)('a' + k % 26));
			}
			collect_fini(&c);
			ck_assert_uint_eq(budget.held_bytes, held);
		}
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("collect");
	TCase *tcase = tcase_create("collect");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, a_request_is_the_same_wherever_it_is_cut);
	tcase_add_test(tcase, a_request_is_the_same_byte_by_byte);
	tcase_add_loop_test(tcase, bounds_are_exact, 0, sizeof(bounds) / sizeof(bounds[0]));
	tcase_add_test(tcase, what_all_hold_has_a_bound);
	tcase_add_test(tcase, nothing_beyond_a_bound_is_stored);
	tcase_add_test(tcase, the_worst_mix_of_record_sizes_fits);
	tcase_add_test(tcase, a_second_request_at_once_is_refused_and_passed_over);
	tcase_add_loop_test(tcase, other_roles_are_refused, 0, 5);
	tcase_add_test(tcase, an_abort_ends_a_request_at_any_record);
	tcase_add_test(tcase, management_records_are_answered_anywhere);
	tcase_add_test(tcase, a_wrong_question_for_values_is_answered_empty);
	tcase_add_test(tcase, the_next_request_waits_for_the_answer);
	tcase_add_loop_test(tcase, what_is_not_fastcgi_breaks_the_connection, 0, 9);
	tcase_add_test(tcase, damage_never_passes_a_bound);
	tcase_add_test(tcase, some_addresses_take_longer_bodies);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
