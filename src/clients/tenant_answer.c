#include "clients/tenant_answer.h"

#include <string.h>

#include "base/text.h"
#include "clients/endpoint.h"
#include "json/json_in.h"

#define QUOTA "quota check"
#define OUTLET "outlet look-up"

void tenant_answer_quota(const struct transport_result *result, struct quota_answer *ret_answer)
{
	struct json_doc *doc;
	const struct json_value *root;
	const char *reason;
	bool can_send;

	*ret_answer = (struct quota_answer){ .verdict = QUOTA_UNCHECKED };
	doc = endpoint_answer(result, QUOTA, &ret_answer->err);
	if (doc == NULL)
		return;
	root = json_doc_root(doc);
	if (!json_bool(json_member(root, "can_send_message"), &can_send)) {
		err_set(&ret_answer->err, ERR_TEMPORARY, result->status,
			QUOTA ": answer has no can_send_message that is true or false");
	} else {
		ret_answer->verdict = can_send ? QUOTA_ALLOWED : QUOTA_EXCEEDED;
		reason = json_text(json_member(root, "reason"), NULL);
		if (!can_send && reason != NULL)
			text_copy_cut(ret_answer->reason, sizeof(ret_answer->reason), reason);
	}
	json_doc_free(doc);
}

static enum credentials_verdict
read_outlet(const struct json_value *root, struct credentials *ret_credentials, struct err *ret_err)
{
	const char *number = json_text(json_member(root, "waba_phone_number_id"), NULL);
	const char *token = json_text(json_member(root, "waba_access_token"), NULL);

	/* An empty text says that the outlet has none; anything else is a bad answer. */
	if ((number != NULL && number[0] == 0) || (token != NULL && token[0] == 0)) {
		err_set(ret_err, ERR_PERMANENT, 0,
			OUTLET ": outlet has no waba_phone_number_id or no waba_access_token");
		return CREDENTIALS_UNKNOWN;
	}
	if (number == NULL || strspn(number, "0123456789") != strlen(number) ||
	    strlen(number) >= CREDENTIALS_NUMBER_BYTES) {
		err_set(ret_err, ERR_TEMPORARY, 0,
			OUTLET ": answer has no waba_phone_number_id of 1 to %d digits",
			CREDENTIALS_NUMBER_BYTES - 1);
		return CREDENTIALS_AWAY;
	}
	if (token == NULL ||
	    !text_visible_ascii(token, strlen(token), CREDENTIALS_TOKEN_BYTES - 1)) {
		err_set(ret_err, ERR_TEMPORARY, 0,
			OUTLET ": answer has no waba_access_token of 1 to %d visible characters",
			CREDENTIALS_TOKEN_BYTES - 1);
		return CREDENTIALS_AWAY;
	}
	text_copy_cut(ret_credentials->number, sizeof(ret_credentials->number), number);
	text_copy_cut(ret_credentials->token, sizeof(ret_credentials->token), token);
	return CREDENTIALS_OK;
}

enum credentials_verdict tenant_answer_credentials(const struct transport_result *result,
						   struct credentials *ret_credentials,
						   struct err *ret_err)
{
	enum credentials_verdict verdict;
	struct json_doc *doc = endpoint_answer(result, OUTLET, ret_err);

	if (doc == NULL)
		return result->end == TRANSPORT_ANSWERED &&
				       (result->status == 404 || result->status == 410)
			       ? CREDENTIALS_UNKNOWN
			       : CREDENTIALS_AWAY;
	verdict = read_outlet(json_doc_root(doc), ret_credentials, ret_err);
	json_doc_free(doc);
	return verdict;
}
