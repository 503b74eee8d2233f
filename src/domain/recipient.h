/*
 * recipient - who a message goes to: an E.164 number, normalised as the contract says:
 * spaces, hyphens and brackets are taken out, "628…" becomes "+628…", "+" and 8 to 15
 * digits remain; a leading 0 is refused with the advice to write +62….  Pure.
 */
#ifndef DOMAIN_RECIPIENT_H
#define DOMAIN_RECIPIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

#define RECIPIENT_BYTES 17 /* '+', 15 digits, 0 */

/* On false *ret_why is a static sentence: what is wrong and what would be right. */
bool recipient_normalise(const char *text, char ret_recipient[RECIPIENT_BYTES],
			 const char **ret_why) MUST_CHECK;

#endif
