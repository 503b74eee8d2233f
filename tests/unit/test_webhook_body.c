/* Everything that Meta is known to send (tests/fixtures/graph/webhooks, and what it tells in
 * tests/fixtures/webhooks-told.tsv), and everything else. */
#include "webhook/body.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/text.h"
#include "json/json_walk.h"

static struct str told;
static unsigned receipts;
static unsigned unknowns[WEBHOOK_UNKNOWNS];

static const char *end_of(const char *text)
{
	const size_t len = strlen(text);

	return text + (len > 8 ? len - 8 : 0);
}

/* receipt STATUS END-OF-WAMID NUMBER RECIPIENT USER AT CATEGORY MODEL BILLABLE CODE TITLE
 * DETAILS */
static void on_receipt(void *arg, const struct receipt *r)
{
	(void)arg;
	receipts++;
	ck_assert_int_eq(r->at_wall_us % 1000000, 0);
	str_append_format(&told, "receipt %s %s %s %s %s %lld %s %s %c %d %.20s %.20s\n",
			  r->status_text, end_of(r->wamid), r->number, r->recipient, r->user,
			  (long long)(r->at_wall_us / 1000000), r->category, r->pricing_model,
			  "-01"[r->billable + 1], r -> code, r -> title, r -> details);
	if (r->has_callback)
		str_append_format(&told, "of attempt %u\n", r->attempt);
}

/* KIND and what it has. */
static void on_change(void *arg, const struct webhook_change *c)
{
	const long long at = c->at_wall_us / 1000000;

	(void)arg;
	ck_assert_int_eq(c->json[0], '{');
	ck_assert_int_eq(c->json[c->json_len - 1], '}');
	ck_assert_str_eq(c->field_text,
			 c->field == WEBHOOK_OTHER ? c->field_text : webhook_field_name(c->field));
	switch (c->kind) {
	case WEBHOOK_INBOUND:
		str_append_format(&told, "inbound %s %s %s %s %lld %s\n", end_of(c->wamid),
				  c->number, c->phone, c->user, at, c->type);
		break;
	case WEBHOOK_PREFERENCE:
		str_append_format(&told, "preference %s %s %s %s %lld %s\n",
				  c->stop ? "stop" : "resume", c->number, c->phone, c->user, at,
				  c->type);
		break;
	case WEBHOOK_QUALITY:
		str_append_format(&told, "quality %s %s %s %s %lld\n", c->account, c->display,
				  c->event, c->limit, at);
		break;
	case WEBHOOK_RESTRICTION:
		str_append_format(&told, "restriction %s %s %s %lld %lld\n", c->account, c->event,
				  c->limit, (long long)(c->until_wall_us / 1000000), at);
		break;
	case WEBHOOK_WHOLE:
		str_append_format(&told, "notice %s %s %lld\n", c->field_text, c->account, at);
		break;
	}
}

static void on_unknown(void *arg, enum webhook_unknown what)
{
	static const char *const names[] = {
		"object", "field", "status", "member", "shape", "json"
	};

	(void)arg;
	unknowns[what]++;
	str_append_format(&told, "unknown %s\n", names[what]);
}

/* Reads it in portions of so many bytes, from memory that ends where the text does. */
static const char *read_len(const char *text, size_t len, size_t portion)
{
	static const struct webhook_listener listener = {
		.receipt = on_receipt,
		.change = on_change,
		.unknown = on_unknown,
	};
	char *exact = malloc(len ? len : 1);
	struct webhook_body *body;

	memcpy(exact, text, len);
	str_fini(&told);
	str_init(&told, 64 << 20);
	receipts = 0;
	memset(unknowns, 0, sizeof(unknowns));
	body = webhook_body_new(exact, len, &listener);
	ck_assert_ptr_nonnull(body);
	while (webhook_body_read(body, portion))
		continue;
	webhook_body_free(body);
	free(exact);
	ck_assert(str_ok(&told));
	return told.data;
}

static const char *read_text(const char *text)
{
	return read_len(text, strlen(text), 1 << 30);
}

static char *read_file(const char *name, size_t *ret_len)
{
	char path[512];
	char *data = malloc(1 << 20);
	FILE *in;

	(void)snprintf(path, sizeof(path), "%s%s", FIXTURES, name);
	in = fopen(path, "r");
	ck_assert_msg(in != NULL, "%s", path);
	*ret_len = fread(data, 1, 1 << 20, in);
	(void)fclose(in);
	return data;
}

static void expect_file(const char *name, const char *wanted)
{
	char file[128];
	size_t len;
	char *data;

	(void)snprintf(file, sizeof(file), "%s.json", name);
	data = read_file(file, &len);
	for (size_t portion = 1; portion < 2 * len; portion = 3 * portion + 1)
		ck_assert_str_eq(read_len(data, len, portion), wanted);
	free(data);
}

START_TEST(every_fixture_tells_what_it_says)
{
	size_t len;
	char *rows = read_file("../../webhooks-told.tsv", &len);
	char *const memory = rows;
	struct str wanted = STR_INIT(1 << 20);
	char name[128] = "";
	unsigned files = 0;

	rows[len] = '\0';
	for (char *row = strtok_r(rows, "\n", &rows); row; row = strtok_r(NULL, "\n", &rows)) {
		char *tab = strchr(row, '\t');

		if (*row == '#')
			continue;
		ck_assert_ptr_nonnull(tab);
		*tab++ = '\0';
		if (strcmp(row, name) != 0 && *name)
			expect_file(name, wanted.data);
		if (strcmp(row, name) != 0) {
			ck_assert(text_copy(name, sizeof(name), row));
			str_reset(&wanted);
			files++;
		}
		if (strcmp(tab, "nothing") != 0)
			str_append_format(&wanted, "%s\n", tab);
	}
	expect_file(name, wanted.data);
	ck_assert_uint_eq(files, 46);
	str_fini(&wanted);
	free(memory);
}
END_TEST

#define OPENS "{\"object\":\"whatsapp_business_account\",\"entry\":["
#define ENTRY "{\"id\":\"7\",\"time\":9,\"changes\":["
#define METADATA "\"metadata\":{\"phone_number_id\":\"55\",\"display_phone_number\":\"62\"}"
#define STATUSES OPENS ENTRY "{\"field\":\"messages\",\"value\":{" METADATA ",\"statuses\":["
#define CLOSES "]}}]}]}"
#define GOOD "{\"id\":\"w\",\"status\":\"sent\",\"timestamp\":\"1795392010\"}"
#define TOLD "receipt sent w 55   1795392010   - 0  \n"

START_TEST(one_bad_thing_spoils_nothing_else)
{
	static const struct {
		const char *bad;
		const char *told;
	} rows[] = {
		{ "7", "unknown shape\n" },
		{ "null", "unknown shape\n" },
		{ "[]", "unknown shape\n" },
		{ "{}", "unknown shape\n" },
		{ "{\"id\":\"w\",\"status\":\"sent\"}", "unknown shape\n" },
		{ "{\"id\":\"w\",\"timestamp\":\"1\"}", "unknown shape\n" },
		{ "{\"status\":\"sent\",\"timestamp\":\"1\"}", "unknown shape\n" },
		{ "{\"id\":\"w\\u0000\",\"status\":\"sent\",\"timestamp\":\"1\"}",
		  "unknown shape\n" },
		{ "{\"id\":\"w\",\"id\":\"v\",\"status\":\"sent\",\"timestamp\":\"1\"}",
		  "unknown shape\n" },
		{ "{\"id\":\"w\",\"status\":\"sent\",\"timestamp\":\"soon\"}", "unknown shape\n" },
		{ "{\"id\":\"w\",\"status\":\"sent\",\"timestamp\":\"99999999999\"}",
		  "unknown shape\n" },
		{ "{\"id\":\"w\",\"status\":\"sent\",\"timestamp\":-1}", "unknown shape\n" },
		{ "{\"id\":{},\"status\":\"sent\",\"timestamp\":1}", "unknown shape\n" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[1024], wanted[1024];

		(void)snprintf(text, sizeof(text), STATUSES GOOD ",%s," GOOD CLOSES, rows[i].bad);
		(void)snprintf(wanted, sizeof(wanted), TOLD "%s" TOLD, rows[i].told);
		ck_assert_str_eq(read_text(text), wanted);
	}
}
END_TEST

START_TEST(what_is_new_is_counted_and_tolerated)
{
	ck_assert_str_eq(read_text(STATUSES "{\"id\":\"w\",\"status\":\"beamed\",\"timestamp\":3,"
					    "\"a\":1,\"b\":{\"c\":[]}}" CLOSES),
			 "unknown status\nunknown member\nunknown member\n"
			 "receipt beamed w 55   3   - 0  \n");
	/* Texts with escapes, identifiers that are numbers, pricing that is none. */
	ck_assert_str_eq(read_text(STATUSES "{\"id\":\"w\\/\\u00e9\",\"status\":\"read\","
					    "\"timestamp\":\"3\",\"recipient_id\":628123456789012,"
					    "\"recipient_user_id\":17,\"pricing\":7,\"errors\":{},"
					    "\"conversation\":null}" CLOSES),
			 "receipt read w/é 55 628123456789012 17 3   - 0  \n");
	ck_assert_str_eq(read_text(OPENS ENTRY "{\"field\":\"pigeons\",\"value\":{}}]}]}"),
			 "unknown field\nnotice pigeons 7 9\n");
	ck_assert_str_eq(
		read_text("{\"new\":[[{}]],\"object\":\"whatsapp_business_account\",\"entry\":"
			  "[{\"x\":{},\"id\":7,\"changes\":[{\"y\":[],\"field\":"
			  "\"messages\",\"value\":{" METADATA ",\"z\":[{}],\"errors\":"
			  "[{\"code\":1}],\"statuses\":[" GOOD "]}}]}]}"),
		TOLD);
}
END_TEST

START_TEST(shapes_that_are_none_are_counted)
{
	static const char *const rows[] = {
		OPENS "7]}",
		"{\"object\":\"whatsapp_business_account\",\"entry\":{}}",
		OPENS "{\"id\":\"7\",\"changes\":{}}]}",
		OPENS "{\"id\":\"7\",\"changes\":[7]}]}",
		OPENS ENTRY "{}]}]}",
		OPENS ENTRY "{\"field\":\"messages\"}]}]}",
		OPENS ENTRY "{\"value\":{}}]}]}",
		OPENS ENTRY "{\"field\":7.5,\"value\":{}}]}]}",
		OPENS ENTRY "{\"field\":\"messages\",\"value\":[]}]}]}",
		OPENS ENTRY "{\"field\":\"messages\",\"value\":{\"statuses\":{}}}]}]}",
		OPENS ENTRY
		"{\"field\":\"messages\",\"value\":{\"messages\":[{\"id\":\"w\"}]}}]}]}",
		OPENS ENTRY "{\"field\":\"user_preferences\",\"value\":{\"user_preferences\":"
			    "[{\"wa_id\":\"62\",\"value\":\"perhaps\"}]}}]}]}",
		OPENS ENTRY "{\"field\":\"account_update\",\"value\":{}}]}]}",
		OPENS ENTRY "{\"field\":\"phone_number_quality_update\",\"value\":{}}]}]}",
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_msg(strcmp(read_text(rows[i]), "unknown shape\n") == 0, "%s: %s", rows[i],
			      told.data);
	ck_assert_str_eq(read_text("{}"), "");
	ck_assert_str_eq(read_text(OPENS "]}"), "");
}
END_TEST

START_TEST(another_products_webhook_is_not_ours)
{
	ck_assert_str_eq(read_text("{\"object\":\"page\",\"entry\":[{\"id\":\"1\",\"changes\":["
				   "{\"field\":\"messages\",\"value\":{\"statuses\":[" GOOD
				   "]}}]}]}"),
			 "unknown object\n");
}
END_TEST

/* The field may stand behind the value, the metadata behind the statuses. */
START_TEST(members_may_stand_in_any_order)
{
	ck_assert_str_eq(read_text("{\"entry\":[{\"changes\":[{\"value\":{\"statuses\":[" GOOD
				   "]," METADATA "},\"field\":\"messages\"}],\"id\":\"7\"}],"
				   "\"object\":\"whatsapp_business_account\"}"),
			 TOLD);
	/* Statuses of something else are none. */
	ck_assert_str_eq(read_text("{\"entry\":[{\"changes\":[{\"value\":{\"statuses\":[" GOOD "]},"
				   "\"field\":\"calls\"}],\"id\":\"7\"}]}"),
			 "unknown field\nnotice calls  0\n");
}
END_TEST

/* To a group, and to nobody who is named: nothing of it is strange. */
START_TEST(a_receipt_needs_no_recipient)
{
	static const char row[] = STATUSES
		"{\"id\":\"w\",\"status\":\"delivered\",\"timestamp\":3%s}" CLOSES;
	char text[1024];

	(void)snprintf(text, sizeof(text), row,
		       ",\"recipient_id\":\"120363@g.us\",\"recipient_type\":\"group\","
		       "\"recipient_participant_id\":\"628\"");
	ck_assert_str_eq(read_text(text), "receipt delivered w 55 120363@g.us  3   - 0  \n");
	(void)snprintf(text, sizeof(text), row, "");
	ck_assert_str_eq(read_text(text), "receipt delivered w 55   3   - 0  \n");
	(void)snprintf(text, sizeof(text), row, ",\"recipient_id\":null");
	ck_assert_str_eq(read_text(text), "receipt delivered w 55   3   - 0  \n");
}
END_TEST

START_TEST(our_callback_data_is_found)
{
	static const char row[] = STATUSES "{\"id\":\"w\",\"status\":\"sent\",\"timestamp\":3,"
					   "\"biz_opaque_callback_data\":\"%s\"}" CLOSES;
	char text[1024];

	(void)snprintf(text, sizeof(text), row, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f:12");
	ck_assert_str_eq(read_text(text), "receipt sent w 55   3   - 0  \nof attempt 12\n");
	(void)snprintf(text, sizeof(text), row, "t=acme;m=01JDC3V7Q3;a=1");
	ck_assert_str_eq(read_text(text), "receipt sent w 55   3   - 0  \n");
}
END_TEST

START_TEST(where_json_ends_reading_ends)
{
	char text[4096];
	int len = snprintf(text, sizeof(text),
			   OPENS ENTRY
			   "{\"field\":\"messages\",\"value\":{" METADATA ",\"statuses\":[" GOOD
			   "]}},{\"field\":\"messages\",\"value\":{\"statuses\":[" GOOD CLOSES);
	const char *second = strstr(text, "]}},{") + 3;

	ck_assert_str_eq(read_len(text, (size_t)len, 100),
			 TOLD "receipt sent w    1795392010   - 0  \n");
	/* However it is cut: a change that came whole is told of, the rest is said to be none. */
	for (size_t cut = 0; cut < (size_t)len; cut++) {
		(void)read_len(text, cut, 1 << 20);
		ck_assert_uint_eq(unknowns[WEBHOOK_UNKNOWN_JSON], 1);
		ck_assert_uint_eq(receipts,
				  0u + (cut >= (size_t)(second - text)) + (cut >= (size_t)len - 4));
	}
	ck_assert_str_eq(read_text("no json at all"), "unknown json\n");
	ck_assert_str_eq(read_text("[]"), "unknown json\n");
	ck_assert_str_eq(read_text(STATUSES GOOD CLOSES " x"), TOLD "unknown json\n");
	ck_assert_str_eq(read_text(STATUSES "{\"id\":\"\xff\"}" CLOSES), "unknown json\n");
}
END_TEST

/* So many statuses in one change; about 4 MiB when it is many. */
static char *batch(unsigned count, const char *item, size_t *ret_len)
{
	struct str text = STR_INIT(64 << 20);

	str_append_text(&text, STATUSES);
	for (unsigned i = 0; i < count; i++) {
		if (i)
			str_append_char(&text, ',');
		str_append_text(&text, item);
	}
	str_append_text(&text, CLOSES);
	ck_assert(str_ok(&text));
	*ret_len = text.len;
	return str_detach(&text);
}

/* As Meta writes them, compact. */
#define WHOLE                                                                                      \
	"{\"id\":\"wamid.HBgMNjI4MTIzNDU2Nzg5FQIAERgSNUEwRjNDOUU3MUIyNEQ4ODA2AA==\","              \
	"\"status\":\"delivered\",\"timestamp\":\"1795392013\",\"recipient_id\":\"628123456789\"," \
	"\"recipient_user_id\":\"ID.73019482650174839201\",\"pricing\":{\"billable\":true,"        \
	"\"pricing_model\":\"PMP\",\"type\":\"regular\",\"category\":\"utility\"},"                \
	"\"biz_opaque_callback_data\":\"017f22e2-79b0-7cc3-98c4-dc0c0c07398f:1\"}"

START_TEST(as_many_as_fit_are_read)
{
	static const unsigned counts[] = { 1, 999, 1000, 1001, 9000 };

	for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		size_t len;
		char *text = batch(counts[i], WHOLE, &len);

		(void)read_len(text, len, 64 * 1024);
		ck_assert_uint_eq(receipts, counts[i]);
		free(text);
	}
}
END_TEST

/* A portion costs about what it says: what was entered and passed already is not read again. */
START_TEST(portions_are_portions)
{
	static const struct webhook_listener listener = {
		.receipt = on_receipt,
		.change = on_change,
		.unknown = on_unknown,
	};
	size_t len;
	char *text = batch(9000, WHOLE, &len);
	struct webhook_body *body = webhook_body_new(text, len, &listener);
	unsigned calls = 1;
	unsigned most = 0;

	str_fini(&told);
	str_init(&told, 64 << 20);
	receipts = 0;
	for (unsigned before = 0; webhook_body_read(body, 64 * 1024); before = receipts, calls++)
		if (receipts - before > most)
			most = receipts - before;
	ck_assert_uint_eq(receipts, 9000);
	ck_assert_uint_ge(calls, 2 * len / (JSON_WALK_VALUE_MAX + 64 * 1024));
	ck_assert_uint_le(most, 64 * 1024 / sizeof(WHOLE) + 1);
	webhook_body_free(body);
	free(text);
}
END_TEST

START_TEST(long_texts_are_no_danger)
{
	struct str text = STR_INIT(8 << 20);

	str_append_text(&text,
			STATUSES "{\"id\":\"w\",\"status\":\"sent\",\"timestamp\":3,\"x\":\"");
	for (unsigned i = 0; i < 200000; i++)
		str_append_char(&text, 'x');
	str_append_text(&text, "\"}," GOOD CLOSES);
	ck_assert_str_eq(read_len(text.data, text.len, 1000),
			 "unknown member\nreceipt sent w 55   3   - 0  \n" TOLD);
	/* A thing that is longer than what is read at once is passed, and counted. */
	str_reset(&text);
	str_append_text(&text,
			STATUSES "{\"id\":\"w\",\"status\":\"sent\",\"timestamp\":3,\"x\":[1");
	for (unsigned i = 0; i < 200000; i++)
		str_append_text(&text, ",1");
	str_append_text(&text, "]}," GOOD CLOSES);
	ck_assert_str_eq(read_len(text.data, text.len, 1000), "unknown shape\n" TOLD);
	/* Nor is one that is nested too deep. */
	str_reset(&text);
	str_append_text(&text, STATUSES "{\"x\":");
	for (unsigned i = 0; i < 100; i++)
		str_append_char(&text, '[');
	for (unsigned i = 0; i < 100; i++)
		str_append_char(&text, ']');
	str_append_text(&text, "}," GOOD CLOSES);
	ck_assert_str_eq(read_len(text.data, text.len, 1000), "unknown shape\n" TOLD);
	str_fini(&text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("webhook_body");
	TCase *tcase = tcase_create("webhook_body");
	SRunner *runner;
	int failed;

	str_init(&told, 0);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, every_fixture_tells_what_it_says);
	tcase_add_test(tcase, one_bad_thing_spoils_nothing_else);
	tcase_add_test(tcase, what_is_new_is_counted_and_tolerated);
	tcase_add_test(tcase, shapes_that_are_none_are_counted);
	tcase_add_test(tcase, another_products_webhook_is_not_ours);
	tcase_add_test(tcase, members_may_stand_in_any_order);
	tcase_add_test(tcase, a_receipt_needs_no_recipient);
	tcase_add_test(tcase, our_callback_data_is_found);
	tcase_add_test(tcase, where_json_ends_reading_ends);
	tcase_add_test(tcase, as_many_as_fit_are_read);
	tcase_add_test(tcase, portions_are_portions);
	tcase_add_test(tcase, long_texts_are_no_danger);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
