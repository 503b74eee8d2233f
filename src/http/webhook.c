#include "http/webhook.h"

#include <string.h>

#include "base/text.h"
#include "http/problem.h"
#include "http/query.h"
#include "json/json_out.h"

bool http_webhook_setup_read(const char *query, struct http_webhook_setup *ret)
{
	struct http_webhook_setup setup = { .token = "" };
	char mode[32];

	if (!http_query_find(query, "hub.mode", mode, sizeof(mode)) ||
	    strcmp(mode, "subscribe") != 0 ||
	    !http_query_find(query, "hub.verify_token", setup.token, sizeof(setup.token)) ||
	    !http_query_find(query, "hub.challenge", setup.challenge, sizeof(setup.challenge)) ||
	    !text_visible_ascii(setup.challenge, strlen(setup.challenge), sizeof(setup.challenge)))
		return false;
	*ret = setup;
	return true;
}

void http_webhook_set_up(struct http_response *r, const char *challenge)
{
	http_response_init(r, 200);
	r->type = "text/plain";
	http_response_header(r, "X-Content-Type-Options", "nosniff");
	(void)str_append_text(&r->body, challenge);
}

void http_webhook_not_set_up(struct http_response *r)
{
	http_problem(
		r, PROBLEM_FORBIDDEN,
		"hub.verify_token: is missing, or is not WHATSAPP_VERIFY_TOKEN; hub.mode=subscribe "
		"and hub.challenge belong to it");
}

void http_webhook_off(struct http_response *r)
{
	http_problem(
		r, PROBLEM_FORBIDDEN,
		"Webhooks are refused: WHATSAPP_APP_SECRET is not set, so that nobody could tell "
		"whether they are WhatsApp's");
}

void http_webhook_taken(struct http_response *r, unsigned statuses, unsigned changes)
{
	struct json_out out;

	http_response_init(r, 200);
	json_out_begin(&out, &r->body);
	json_out_object(&out, NULL);
	json_out_int(&out, "statuses", statuses);
	json_out_int(&out, "changes", changes);
	json_out_object_end(&out);
}
