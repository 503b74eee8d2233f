#include "http/message.h"

#include <string.h>

#include "base/clock.h"
#include "json/json_out.h"

static void write_failure(struct json_out *out, const struct message_whole *whole)
{
	const struct graph_error *error =
		explain_error(whole->failure_code, whole->failure_subcode);

	if (!whole->failed) {
		json_out_null(out, "failure");
		return;
	}
	json_out_object(out, "failure");
	if (whole->failure_code > 0)
		json_out_int(out, "code", whole->failure_code);
	else
		json_out_null(out, "code");
	json_out_text(out, "title", error != NULL ? error->title : NULL);
	json_out_text(out, "action", error != NULL ? error->action : NULL);
	json_out_object_end(out);
}

void http_message_write(struct str *to, const struct message_whole *whole)
{
	struct json_out out;

	json_out_begin(&out, to);
	json_out_object(&out, NULL);
	json_out_members(&out, whole->json);
	json_out_raw(&out, "payload", whole->payload);
	write_failure(&out, whole);
	json_out_object_end(&out);
}

void http_message(struct http_response *r, const struct message_whole *whole)
{
	http_response_init(r, 200);
	http_message_write(&r->body, whole);
}

void http_document(struct http_response *r, const char *json)
{
	struct json_out out;

	http_response_init(r, 200);
	json_out_begin(&out, &r->body);
	json_out_document(&out, json); /* too long: seen when it is sent */
}

static void write_time(struct json_out *out, const char *key, int64_t wall_us)
{
	char text[CLOCK_RFC3339_BYTES];

	clock_rfc3339(wall_us, text);
	json_out_text(out, key, wall_us != 0 ? text : NULL);
}

static void write_count(struct json_out *out, const char *key, bool known, int64_t count)
{
	if (known)
		json_out_int(out, key, count);
	else
		json_out_null(out, key);
}

static const char *or_null(const char *text)
{
	return *text != '\0' ? text : NULL;
}

void http_explanation_write(struct str *to, const char *message_id,
			    const struct message_facts *facts, const struct estimate_rates *rates,
			    int64_t now_wall_us)
{
	struct explanation e;
	struct json_out out;

	explain_message(facts, rates, now_wall_us, &e);
	json_out_begin(&out, to);
	json_out_object(&out, NULL);
	json_out_text(&out, "message_id", message_id);
	json_out_text(&out, "status",
		      state_status(facts->state, facts->failure_code, facts->sent_wall_us != 0));
	json_out_text(&out, "state_detail", state_detail(facts->state, facts->failure_code));
	json_out_text(&out, "summary", e.summary);
	json_out_text(&out, "next", e.next);
	write_time(&out, "since", e.since_wall_us);
	write_time(&out, "until", e.until_wall_us);
	write_time(&out, "estimated_at", e.estimated_wall_us);
	write_time(&out, "expires_at", facts->expires_wall_us);
	write_count(&out, "position", facts->placed, facts->ahead + 1);
	write_count(&out, "ahead_to_recipient", facts->placed, facts->ahead_recipient);
	write_count(&out, "attempt", facts->attempt > 0 || facts->last_attempt > 0,
		    facts->attempt > facts->last_attempt ? facts->attempt : facts->last_attempt);
	write_count(&out, "code", e.code != 0, e.code);
	json_out_text(&out, "title", or_null(e.title));
	json_out_text(&out, "action", or_null(e.action));
	json_out_object_end(&out);
}

void http_explanation(struct http_response *r, const char *message_id,
		      const struct message_facts *facts, const struct estimate_rates *rates,
		      int64_t now_wall_us)
{
	http_response_init(r, 200);
	http_explanation_write(&r->body, message_id, facts, rates, now_wall_us);
}
