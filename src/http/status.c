#include "http/status.h"

#include "base/clock.h"
#include "http/problem_private.h"
#include "http/shipped.h"
#include "json/json_out.h"

void http_health(struct http_response *r, const char *version, const char *environment)
{
	struct json_out out;

	http_response_init(r, 200);
	json_out_begin(&out, &r->body);
	json_out_object(&out, NULL);
	json_out_text(&out, "status", "healthy");
	json_out_text(&out, "service", "message-sender-service");
	json_out_text(&out, "version", version);
	json_out_text(&out, "environment", environment);
	json_out_object_end(&out);
}

void http_openapi(struct http_response *r)
{
	http_response_init(r, 200);
	r->type = "application/yaml";
	for (const char *const *part = shipped_openapi; *part; part++)
		(void)str_append_text(&r->body, *part);
}

static void write_time(struct json_out *out, const char *key, int64_t wall_us)
{
	char text[CLOCK_RFC3339_BYTES];

	if (wall_us == 0) {
		json_out_null(out, key);
		return;
	}
	clock_rfc3339(wall_us, text);
	json_out_text(out, key, text);
}

void http_status(struct http_response *r, const struct message_status *status)
{
	struct json_out out;

	http_response_init(r, 200);
	json_out_begin(&out, &r->body);
	json_out_object(&out, NULL);
	json_out_text(&out, "message_id", status->message_id);
	json_out_text(&out, "whatsapp_message_id", status->wamid[0] != '\0' ? status->wamid : NULL);
	json_out_text(&out, "status",
		      state_status(status->state, status->failure_code, status->was_sent));
	write_time(&out, "delivered_at", status->delivered_wall_us);
	write_time(&out, "read_at", status->read_wall_us);
	json_out_text(&out, "failure_reason", status->failure_reason);
	json_out_text(&out, "state_detail", state_detail(status->state, status->failure_code));
	json_out_object_end(&out);
}

static void refuse_as_it_stands(struct http_response *r, const struct message_status *status,
				enum problem problem, const char *why)
{
	struct json_out out;

	http_problem_begin(r, problem, why, &out);
	json_out_object(&out, "details");
	json_out_text(&out, "message_id", status->message_id);
	json_out_text(&out, "status",
		      state_status(status->state, status->failure_code, status->was_sent));
	json_out_text(&out, "state_detail", state_detail(status->state, status->failure_code));
	json_out_object_end(&out);
	json_out_object_end(&out);
}

void http_status_not_cancellable(struct http_response *r, const struct message_status *status)
{
	refuse_as_it_stands(r, status, PROBLEM_NOT_CANCELLABLE, NULL);
}

void http_status_not_resolvable(struct http_response *r, const struct message_status *status,
				const char *why)
{
	refuse_as_it_stands(r, status, PROBLEM_NOT_RESOLVABLE, why);
}
