#include "simulator/graph_error.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* clang-format off */
static const struct graph_error rows[] = {
	{ 0, 0, 401,
	  "(#0) AuthException",
	  "App user could not be authenticated." },
	{ 1, 0, 400,
	  "An unknown error occurred",
	  NULL },
	{ 2, 0, 503,
	  "Service temporarily unavailable",
	  NULL },
	{ 3, 0, 500,
	  "(#3) API Method (capability)",
	  "Made by the simulator." },
	{ 4, 0, 429,
	  "(#4) Application request limit reached",
	  NULL },
	{ 5, 0, 400,
	  "(#5) Unauthorized source IP",
	  "Made by the simulator." },
	{ 10, 0, 403,
	  "(#10) Application does not have permission for this action",
	  NULL },
	{ 17, 0, 400,
	  "(#17) User request limit",
	  "Made by the simulator." },
	{ 33, 0, 400,
	  "(#33) Object missing / number deleted",
	  "Made by the simulator." },
	{ 100, 0, 400,
	  "(#100) Invalid parameter",
	  "Field text.body exceeds its maximum of 4096 characters." },
	{ 100, 33, 400,
	  "Unsupported post request. Object with this ID does not exist, cannot be loaded "
	  "due to missing permissions, or does not support this operation",
	  NULL },
	{ 102, 0, 401,
	  "(#102) API Session",
	  "Made by the simulator." },
	{ 104, 0, 400,
	  "(#104) Access token required",
	  "Made by the simulator." },
	{ 190, 0, 401,
	  "Invalid OAuth access token - Cannot parse access token",
	  NULL },
	{ 190, 463, 401,
	  "Error validating access token: Session has expired on Monday, 23-Nov-26 "
	  "09:00:00 PST. The current time is Monday, 23-Nov-26 09:00:07 PST.",
	  NULL },
	{ 200, 0, 403,
	  "(#200) You do not have the necessary permissions required to send messages on "
	  "behalf of this WhatsApp Business Account",
	  NULL },
	{ 341, 0, 400,
	  "(#341) Application limit reached",
	  "Made by the simulator." },
	{ 368, 0, 403,
	  "(#368) Temporarily blocked for policies violations",
	  "Account restricted after a policy violation." },
	{ 506, 0, 400,
	  "(#506) Duplicate post",
	  "Made by the simulator." },
	{ 613, 0, 400,
	  "(#613) Custom rate limit",
	  "Made by the simulator." },
	{ 803, 0, 404,
	  "(#803) Unknown object",
	  "Made by the simulator." },
	{ 80007, 0, 429,
	  "(#80007) Rate limit issues",
	  "Account-level request quota used up." },
	{ 80008, 0, 400,
	  "(#80008) Too many calls to WABA (management API)",
	  "Made by the simulator." },
	{ 130403, 0, 400,
	  "(#130403) Recipient blocked by this business",
	  "Made by the simulator." },
	{ 130429, 0, 429,
	  "(#130429) Rate limit hit",
	  "Per-number throughput exceeded." },
	{ 130472, 0, 400,
	  "(#130472) User's number is part of an experiment",
	  "Withheld from this recipient by an experiment." },
	{ 130497, 0, 403,
	  "(#130497) Business account is restricted from messaging users in this country.",
	  "Destination country not allowed for this account." },
	{ 130501, 0, 400,
	  "(#130501) Type not allowed in groups",
	  "Made by the simulator." },
	{ 131000, 0, 500,
	  "(#131000) Something went wrong",
	  "Unknown failure while sending." },
	{ 131005, 0, 403,
	  "(#131005) Access denied",
	  "Token lacks the messaging permission." },
	{ 131008, 0, 400,
	  "(#131008) Required parameter is missing",
	  "Parameter to is missing." },
	{ 131009, 0, 400,
	  "(#131009) Parameter value is not valid",
	  "Value of type is not one of the allowed values." },
	{ 131016, 0, 500,
	  "(#131016) Service unavailable",
	  "A backend is temporarily down." },
	{ 131021, 0, 400,
	  "(#131021) Recipient cannot be sender",
	  "Sender and recipient are the same number." },
	{ 131026, 0, 400,
	  "(#131026) Message undeliverable",
	  "Recipient cannot receive this message." },
	{ 131030, 0, 400,
	  "(#131030) Recipient phone number not in allowed list",
	  "Test numbers may only message verified recipients." },
	{ 131031, 0, 403,
	  "(#131031) Business Account locked",
	  "Account disabled or verification data mismatch." },
	{ 131037, 0, 400,
	  "(#131037) WhatsApp provided number needs display name approval before message "
	  "can be sent",
	  "Display name not approved yet." },
	{ 131042, 0, 400,
	  "(#131042) Business eligibility payment issue",
	  "No usable payment method on the account." },
	{ 131043, 0, 400,
	  "(#131043) Message expired",
	  "Made by the simulator." },
	{ 131045, 0, 500,
	  "(#131045) Incorrect certificate",
	  "Sending number is not registered correctly." },
	{ 131047, 0, 400,
	  "(#131047) Re-engagement message",
	  "Customer service window is closed; use a template." },
	{ 131048, 0, 400,
	  "(#131048) Spam rate limit hit",
	  "Sending number restricted because of blocks or reports." },
	{ 131049, 0, 400,
	  "(#131049) Not delivered, ecosystem health",
	  "Made by the simulator." },
	{ 131050, 0, 400,
	  "(#131050) Recipient stopped marketing",
	  "Made by the simulator." },
	{ 131051, 0, 400,
	  "(#131051) Unsupported message type",
	  "Type not supported for this recipient." },
	{ 131052, 0, 400,
	  "(#131052) Media download error",
	  "Made by the simulator." },
	{ 131053, 0, 400,
	  "(#131053) Media upload error",
	  "Link returned content type text/html." },
	{ 131055, 0, 400,
	  "(#131055) Method not allowed",
	  "Made by the simulator." },
	{ 131056, 0, 400,
	  "(#131056) (Business Account, Consumer Account) pair rate limit hit",
	  "Too many messages to this recipient from this number." },
	{ 131057, 0, 500,
	  "(#131057) Business Account is in maintenance mode",
	  "Number is being upgraded." },
	{ 131062, 0, 400,
	  "(#131062) Business-scoped User ID recipients are not supported for this message",
	  "One-tap, zero-tap and copy-code templates need a phone number." },
	{ 131063, 0, 400,
	  "(#131063) Marketing templates disabled on Cloud API",
	  "Made by the simulator." },
	{ 131064, 0, 400,
	  "(#131064) Messaging limit (template classification)",
	  "Made by the simulator." },
	{ 132000, 0, 400,
	  "(#132000) Number of parameters does not match the expected number of params",
	  "body: got 2, template defines 3." },
	{ 132001, 0, 404,
	  "(#132001) Template name does not exist in the translation",
	  "template order_shipped not approved in id." },
	{ 132005, 0, 400,
	  "(#132005) Template text too long after filling",
	  "Made by the simulator." },
	{ 132007, 0, 400,
	  "(#132007) Template content policy violated",
	  "Text contains characters the policy forbids." },
	{ 132012, 0, 400,
	  "(#132012) Parameter format does not match format in the created template",
	  "header: expected IMAGE, received TEXT." },
	{ 132015, 0, 400,
	  "(#132015) Template is Paused",
	  "Quality too low; template paused." },
	{ 132016, 0, 400,
	  "(#132016) Template is Disabled",
	  "Paused too often; disabled for good." },
	{ 132018, 0, 400,
	  "(#132018) Template validation error",
	  "Made by the simulator." },
	{ 132068, 0, 400,
	  "(#132068) Flow blocked",
	  "Made by the simulator." },
	{ 132069, 0, 400,
	  "(#132069) Flow is throttled",
	  "Ten messages already sent with this flow in the last hour." },
	{ 133000, 0, 500,
	  "(#133000) Incomplete deregistration",
	  "Made by the simulator." },
	{ 133001, 0, 400,
	  "(#133001) Decryption error (old list)",
	  "Made by the simulator." },
	{ 133002, 0, 400,
	  "(#133002) Backup decryption error (old list)",
	  "Made by the simulator." },
	{ 133003, 0, 400,
	  "(#133003) Recovery token decryption error (old list)",
	  "Made by the simulator." },
	{ 133004, 0, 503,
	  "(#133004) Server temporarily unavailable",
	  "Made by the simulator." },
	{ 133005, 0, 400,
	  "(#133005) Two-step PIN mismatch",
	  "Made by the simulator." },
	{ 133006, 0, 400,
	  "(#133006) Number needs verification",
	  "Made by the simulator." },
	{ 133007, 0, 400,
	  "(#133007) Account blocked (old list)",
	  "Made by the simulator." },
	{ 133008, 0, 400,
	  "(#133008) Too many PIN guesses",
	  "Made by the simulator." },
	{ 133009, 0, 400,
	  "(#133009) PIN guessed too fast",
	  "Made by the simulator." },
	{ 133010, 0, 400,
	  "(#133010) Account not registered",
	  "Sending number is not registered for Cloud API." },
	{ 133015, 0, 400,
	  "(#133015) Number deletion not finished",
	  "Made by the simulator." },
	{ 133016, 0, 400,
	  "(#133016) Register/deregister limit",
	  "Made by the simulator." },
	{ 134011, 0, 400,
	  "(#134011) Payments terms not accepted",
	  "Made by the simulator." },
	{ 134100, 0, 400,
	  "(#134100) Only marketing templates here",
	  "Made by the simulator." },
	{ 134101, 0, 400,
	  "(#134101) Template still syncing",
	  "Made by the simulator." },
	{ 134102, 0, 500,
	  "(#134102) Template unavailable (marketing API)",
	  "Made by the simulator." },
	{ 135000, 0, 400,
	  "(#135000) Generic user error",
	  "Unknown problem with the request parameters." },
	{ 137000, 0, 400,
	  "(#137000) Identity key hash mismatch",
	  "Made by the simulator." },
	{ 2494100, 0, 400,
	  "(#2494100) Phone number in maintenance mode",
	  "Made by the simulator." },
};
/* clang-format on */

const struct graph_error *graph_error_find(int code, int subcode, struct graph_error *spare)
{
	const struct graph_error *found = NULL;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].code != code)
			continue;
		if (rows[i].subcode == subcode)
			return &rows[i];
		if (!found)
			found = &rows[i];
	}
	if (found)
		return found;
	*spare = (struct graph_error){ .code = code,
				       .status = 400,
				       .message = "An error of a code nobody knows",
				       .details = "Made by the simulator." };
	return spare;
}

/* The headers some errors come with; the usage header counts minutes. */
static void add_fields(struct answer *answer, int code, int status)
{
	if (status == 401)
		answer_field(answer, "www-authenticate",
			     "OAuth \"Facebook Platform\" \"invalid_token\" "
			     "\"Error validating access token\"");
	if (code == 4)
		answer_field(answer, "x-app-usage",
			     "{\"call_count\":100,\"total_cputime\":12,\"total_time\":18}");
	if (code == 80007 || code == 80008)
		answer_field(answer, "x-business-use-case-usage",
			     "{\"210987654321098\":[{\"type\":\"whatsapp\",\"call_count\":100,"
			     "\"total_cputime\":25,\"total_time\":25,"
			     "\"estimated_time_to_regain_access\":7}]}");
}

void graph_error_write(struct answer *answer, const struct graph_error *error, int status,
		       int subcode, int is_transient, const char *details, uint64_t serial)
{
	struct buf *body = &answer->body;
	bool lacks_object = error->code == 100 && (subcode == 33 || error->subcode == 33);

	answer->status = status > 0 ? status : error->status;
	answer_field(answer, "content-type", "application/json; charset=UTF-8");
	add_fields(answer, error->code, answer->status);
	if (subcode < 0)
		subcode = error->subcode;
	if (is_transient < 0)
		is_transient = error->code == 2 || error->code == 4 ? 1 : -1;
	if (!details)
		details = error->details;
	buf_text(body, "{\"error\":{\"message\":");
	buf_json(body, error->message, strlen(error->message));
	buf_printf(body, ",\"type\":\"%s\",\"code\":%d",
		   lacks_object ? "GraphMethodException" : "OAuthException", error->code);
	if (subcode > 0)
		buf_printf(body, ",\"error_subcode\":%d", subcode);
	if (is_transient >= 0)
		buf_printf(body, ",\"is_transient\":%s", is_transient ? "true" : "false");
	if (details) {
		buf_text(body, ",\"error_data\":{\"messaging_product\":\"whatsapp\",\"details\":");
		buf_json(body, details, strlen(details));
		buf_text(body, "}");
	}
	buf_printf(body, ",\"fbtrace_id\":\"A%022" PRIX64 "\"}}", serial);
}
