#include <string.h>

#include "webhook/change.h"

/* As Meta names them
 * (developers.facebook.com/documentation/business-messaging/whatsapp/webhooks). */
static const char *const names[WEBHOOK_FIELDS] = {
	[WEBHOOK_MESSAGES] = "messages",
	[WEBHOOK_USER_PREFERENCES] = "user_preferences",
	[WEBHOOK_NUMBER_QUALITY] = "phone_number_quality_update",
	[WEBHOOK_ACCOUNT] = "account_update",
	[WEBHOOK_CAPABILITY] = "business_capability_update",
	[WEBHOOK_ACCOUNT_ALERTS] = "account_alerts",
	[WEBHOOK_TEMPLATE_STATUS] = "message_template_status_update",
	[WEBHOOK_TEMPLATE_QUALITY] = "message_template_quality_update",
	[WEBHOOK_TEMPLATE_CATEGORY] = "template_category_update",
	[WEBHOOK_TEMPLATE_COMPONENTS] = "message_template_components_update",
	[WEBHOOK_NUMBER_NAME] = "phone_number_name_update",
	[WEBHOOK_SECURITY] = "security",
	[WEBHOOK_OTHER] = "other",
};

enum webhook_field webhook_field_parse(const char *text)
{
	unsigned i = 0;

	while (i < WEBHOOK_OTHER && strcmp(names[i], text) != 0)
		i++;
	return (enum webhook_field)i;
}

const char *webhook_field_name(enum webhook_field field)
{
	return names[field];
}
