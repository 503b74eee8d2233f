/*
 * graph_error_rows - the rows of the error table; included once, by graph_error.c.
 *
 * ROW(first code, last code, subcode, name, title, class, wait, first s, last s, action)
 * CASE(case, name, title, class, wait, first s, last s, action)
 *
 * Codes, titles and classes are Meta's (Cloud API error codes, Graph API error handling);
 * waits are Meta's where it gives one, our proposal elsewhere.  Order within the file has no
 * meaning: the exact code wins over its range.
 */

ROW(0, 0, 0, "0", "AuthException", AUTH, NONE, 0, 0,
    "The outlet's token is invalid or expired: refresh it in the Tenant Service.")
ROW(3, 3, 0, "3", "API Method (capability)", AUTH, NONE, 0, 0,
    "The app lacks a capability or permission: grant whatsapp_business_messaging to it at "
    "Meta, then refresh the outlet's token.")
ROW(5, 5, 0, "5", "Unauthorized source IP", AUTH, NONE, 0, 0,
    "Meta refuses this server's address: add it to the app's allowed server IPs at Meta.")
ROW(10, 10, 0, "10", "Permission Denied", AUTH, NONE, 0, 0,
    "The token may not do this: grant whatsapp_business_messaging for the outlet's account "
    "at Meta, then refresh the token in the Tenant Service.")
ROW(102, 102, 0, "102", "API Session", AUTH, NONE, 0, 0,
    "The token's login is no longer valid: make a new token and store it in the Tenant "
    "Service.")
ROW(104, 104, 0, "104", "Access token required", AUTH, NONE, 0, 0,
    "Meta saw no token: store the outlet's token in the Tenant Service.")
ROW(190, 190, 0, "190", "Access token expired or invalid", AUTH, NONE, 0, 0,
    "The outlet's token is invalid or expired: refresh it in the Tenant Service.")
ROW(200, 200, 0, "200", "API Permission / no token", AUTH, NONE, 0, 0,
    "The token lacks a permission: grant whatsapp_business_messaging for the outlet's "
    "account at Meta, then refresh the token in the Tenant Service.")
ROW(200, 299, 0, "200-299", "API Permission", AUTH, NONE, 0, 0,
    "The token lacks a permission: grant the one Meta names, then refresh the token in the "
    "Tenant Service.")
ROW(131005, 131005, 0, "131005", "Access denied", AUTH, NONE, 0, 0,
    "Meta denies access: check the token's permissions for this number and that all terms "
    "are accepted at Meta.")

ROW(368, 368, 0, "368", "Temporarily blocked for policy violations", PERMANENT_ACCOUNT, NONE, 0, 0,
    "Meta has restricted the account for breaking its policy: read the notice in Meta's "
    "Business Support Home and appeal or wait for its end.")
ROW(130497, 130497, 0, "130497", "Country restricted", PERMANENT_ACCOUNT, NONE, 0, 0,
    "This account may not message the recipient's country: send from a number that may, or "
    "drop the recipient.")
ROW(131031, 131031, 0, "131031", "Business Account locked", PERMANENT_ACCOUNT, NONE, 0, 0,
    "Meta has locked the account: read the reason in Meta's Business Support Home and "
    "appeal there.")

ROW(4, 4, 0, "4", "API Too Many Calls", RATE_LIMITED, DOUBLE, 60, 3600,
    "The app has used up its calls at Meta: wait before sending more, and ask Meta for "
    "more or spread the load if this repeats.")
ROW(17, 17, 0, "17", "User request limit", RATE_LIMITED, DOUBLE, 60, 3600,
    "The token's user has used up its calls at Meta: wait before sending more, and use a "
    "system user's token.")
ROW(341, 341, 0, "341", "Application limit reached", RATE_LIMITED, DOUBLE, 60, 3600,
    "The app has used up its calls at Meta: wait before sending more, and spread the load "
    "if this repeats.")
ROW(613, 613, 0, "613", "Custom rate limit", RATE_LIMITED, DOUBLE, 60, 3600,
    "Meta limits this kind of call: wait before sending more, and spread the load if this "
    "repeats.")
ROW(80007, 80007, 0, "80007", "Rate limit issues (WABA)", RATE_LIMITED, DOUBLE, 60, 3600,
    "The account has used up its calls at Meta: wait before sending more, and spread the "
    "load if this repeats.")
ROW(80008, 80008, 0, "80008", "Too many calls to WABA (management API)", RATE_LIMITED, DOUBLE, 60,
    3600,
    "The account has used up its management calls at Meta: wait before sending more, and "
    "make fewer calls that are not sends.")
ROW(130429, 130429, 0, "130429", "Rate limit hit (throughput)", RATE_LIMITED, DOUBLE, 1, 60,
    "The number sends faster than Meta allows: wait before sending more, and ask Meta for "
    "a throughput upgrade if this repeats.")
ROW(131048, 131048, 0, "131048", "Spam rate limit hit", RATE_LIMITED, FIXED, 86400, 86400,
    "Too many recipients block or report this number: stop campaigns on it and raise the "
    "quality of its messages before sending again.")
ROW(131056, 131056, 0, "131056", "Pair rate limit hit", RATE_LIMITED, POWER4, 1, 3600,
    "Too many messages to this recipient in a short time: wait before sending more, and "
    "send this recipient fewer messages.")
ROW(131064, 131064, 0, "131064", "Messaging limit (template classification)", RATE_LIMITED, FIXED,
    3600, 3600,
    "Meta holds the account for wrongly categorised templates: correct their categories at "
    "Meta and wait for the release.")
ROW(133016, 133016, 0, "133016", "Register/deregister limit", RATE_LIMITED, FIXED, 259200, 259200,
    "The number was registered too often: wait 72 hours before the next try.")
ROW(132069, 132069, 0, "132069", "Flow throttled", RATE_LIMITED, FIXED, 3600, 3600,
    "This flow has sent its ten messages of the hour: wait before sending more, and repair "
    "the flow at Meta.")

ROW(2494100, 2494100, 0, "2494100", "Phone number in maintenance mode", TRANSIENT, FIXED, 120, 120,
    "The number is being migrated or upgraded at Meta: send again in a few minutes.")
ROW(1, 1, 0, "1", "API Unknown", TRANSIENT, DOUBLE, 2, 120,
    "Meta failed without saying why: look at Meta's status page and the network, then send "
    "again.")
ROW(2, 2, 0, "2", "API Service", TRANSIENT, DOUBLE, 2, 120,
    "Meta's service is down or overloaded: look at Meta's status page, then send again.")
ROW(131000, 131000, 0, "131000", "Something went wrong", TRANSIENT, DOUBLE, 2, 120,
    "Meta failed without saying why: look at Meta's status page, then send again.")
ROW(131016, 131016, 0, "131016", "Service unavailable", TRANSIENT, DOUBLE, 2, 120,
    "Meta's service is down for now: look at Meta's status page, then send again.")
ROW(131057, 131057, 0, "131057", "Account in maintenance mode", TRANSIENT, FIXED, 20, 20,
    "Meta is upgrading the account: send again in a few minutes.")
ROW(133004, 133004, 0, "133004", "Server temporarily unavailable", TRANSIENT, FIXED, 60, 60,
    "Meta's registration service is down for now: register again later.")
ROW(133015, 133015, 0, "133015", "Number deletion not finished", TRANSIENT, FIXED, 300, 300,
    "The number's deletion at Meta is not finished: wait five minutes, then register "
    "again.")
ROW(134101, 134101, 0, "134101", "Template still syncing", TRANSIENT, FIXED, 600, 600,
    "The template is still being synchronised at Meta: send again in ten minutes.")

ROW(135000, 135000, 0, "135000", "Generic user error", PERMANENT_REQUEST, NONE, 0, 0,
    "Meta objects to the request without saying to what: check text and parameters, then "
    "send again once.")

ROW(33, 33, 0, "33", "Object missing / number deleted", PERMANENT_ACCOUNT, NONE, 0, 0,
    "The number is gone at Meta or the token cannot see it: check the outlet's "
    "waba_phone_number_id in the Tenant Service.")

ROW(100, 100, 0, "100", "Invalid parameter", PERMANENT_REQUEST, NONE, 0, 0,
    "Meta does not understand a field: correct the one that the details name.")

ROW(100, 100, 33, "100/33", "Object missing or not permitted", PERMANENT_ACCOUNT, NONE, 0, 0,
    "The number does not exist at Meta or the token cannot see it: check "
    "waba_phone_number_id and token of the outlet in the Tenant Service.")

ROW(506, 506, 0, "506", "Duplicate post", PERMANENT_REQUEST, NONE, 0, 0,
    "Meta takes this for a repetition: change the message or wait before sending it again.")
ROW(803, 803, 0, "803", "Unknown object", PERMANENT_REQUEST, NONE, 0, 0,
    "Meta does not know the object: check the outlet's waba_phone_number_id in the Tenant "
    "Service.")
ROW(130501, 130501, 0, "130501", "Type not allowed in groups", PERMANENT_REQUEST, NONE, 0, 0,
    "Groups take text, media and simple templates only: send another type.")
ROW(131008, 131008, 0, "131008", "Required parameter missing", PERMANENT_REQUEST, NONE, 0, 0,
    "A required field is missing: add the one that the details name.")
ROW(131009, 131009, 0, "131009", "Parameter value invalid", PERMANENT_REQUEST, NONE, 0, 0,
    "A field has a value that Meta does not take: correct the one that the details name.")
ROW(131021, 131021, 0, "131021", "Recipient cannot be sender", PERMANENT_REQUEST, NONE, 0, 0,
    "Recipient and sender are the same number: send to another one.")
ROW(131051, 131051, 0, "131051", "Unsupported message type", PERMANENT_REQUEST, NONE, 0, 0,
    "Meta does not support this type of message: send another type.")
ROW(131052, 131052, 0, "131052", "Media download error", PERMANENT_REQUEST, NONE, 0, 0,
    "The media a user sent could not be fetched: ask the user to send it again.")
ROW(131053, 131053, 0, "131053", "Media upload error", PERMANENT_REQUEST, NONE, 0, 0,
    "Meta could not take the media: check its type, size and that its link can be fetched "
    "from the internet.")
ROW(131055, 131055, 0, "131055", "Method not allowed", PERMANENT_REQUEST, NONE, 0, 0,
    "This endpoint takes marketing templates only: send other messages the ordinary way.")
ROW(131062, 131062, 0, "131062", "BSUID recipient not supported", PERMANENT_REQUEST, NONE, 0, 0,
    "This template needs a phone number as its recipient: send it to one.")

ROW(131063, 131063, 0, "131063", "Marketing templates disabled on Cloud API", PERMANENT_ACCOUNT,
    NONE, 0, 0,
    "The account sends marketing templates through the marketing endpoint only: change "
    "that at Meta or use the endpoint.")

ROW(132000, 132000, 0, "132000", "Template parameter count mismatch", PERMANENT_REQUEST, NONE, 0, 0,
    "The template wants another number of parameters: give as many as it was approved "
    "with.")
ROW(132001, 132001, 0, "132001", "Template does not exist", PERMANENT_REQUEST, NONE, 0, 0,
    "The template does not exist in this language or is not approved: check its name, "
    "language and approval at Meta.")
ROW(132005, 132005, 0, "132005", "Template text too long after filling", PERMANENT_REQUEST, NONE, 0,
    0, "The template's text is too long once filled in: shorten its parameters.")
ROW(132007, 132007, 0, "132007", "Template content policy", PERMANENT_REQUEST, NONE, 0, 0,
    "The text breaks Meta's policy for templates: change the parameters that the details "
    "name.")
ROW(132012, 132012, 0, "132012", "Template parameter format mismatch", PERMANENT_REQUEST, NONE, 0,
    0,
    "A template parameter has the wrong form: give it in the form the template was "
    "approved with.")
ROW(132015, 132015, 0, "132015", "Template paused", PERMANENT_REQUEST, NONE, 0, 0,
    "Meta has paused the template for low quality: stop its campaign, improve it and wait "
    "until Meta reinstates it.")
ROW(132016, 132016, 0, "132016", "Template disabled", PERMANENT_REQUEST, NONE, 0, 0,
    "Meta has disabled the template for good: have a new one approved.")
ROW(132018, 132018, 0, "132018", "Template validation error", PERMANENT_REQUEST, NONE, 0, 0,
    "The template's parameters do not pass Meta's validation: correct those that the "
    "details name.")
ROW(132068, 132068, 0, "132068", "Flow blocked", PERMANENT_REQUEST, NONE, 0, 0,
    "Meta has blocked the flow: repair it at Meta and publish it again.")
ROW(134100, 134100, 0, "134100", "Only marketing templates here", PERMANENT_REQUEST, NONE, 0, 0,
    "This endpoint takes marketing templates only: send this template the ordinary way.")

ROW(130403, 130403, 0, "130403", "Recipient blocked by this business", PERMANENT_RECIPIENT, NONE, 0,
    0, "Your business has blocked this recipient: unblock it at Meta first.")
ROW(130472, 130472, 0, "130472", "Recipient is in an experiment", PERMANENT_RECIPIENT, NONE, 0, 0,
    "Meta withholds marketing from this recipient for an experiment: do not send it again; "
    "other categories may pass.")
ROW(131026, 131026, 0, "131026", "Message undeliverable", PERMANENT_RECIPIENT, NONE, 0, 0,
    "The recipient cannot be reached: check that the number is on WhatsApp, with a current "
    "app and its terms accepted.")
ROW(131030, 131030, 0, "131030", "Recipient not in allowed list", PERMANENT_RECIPIENT, NONE, 0, 0,
    "A test number sends to its allowed recipients only: add the recipient at Meta or use "
    "a real number.")
ROW(131043, 131043, 0, "131043", "Message expired", PERMANENT_RECIPIENT, NONE, 0, 0,
    "Meta could not deliver in time: send again if the message still matters.")
ROW(131047, 131047, 0, "131047", "Re-engagement message (window closed)", PERMANENT_RECIPIENT, NONE,
    0, 0, "The recipient last wrote more than 24 hours ago: send an approved template instead.")
ROW(131049, 131049, 0, "131049", "Not delivered, ecosystem health", PERMANENT_RECIPIENT, NONE, 0, 0,
    "Meta withholds this marketing message to keep the recipient's inbox usable: wait at "
    "least 24 hours before another.")
ROW(131050, 131050, 0, "131050", "Recipient stopped marketing", PERMANENT_RECIPIENT, NONE, 0, 0,
    "The recipient has stopped marketing from your business: record that and send no more "
    "of it.")
ROW(137000, 137000, 0, "137000", "Identity key hash mismatch", PERMANENT_RECIPIENT, NONE, 0, 0,
    "The recipient's identity has changed: make sure who it is, then send without the "
    "identity hash.")

ROW(131037, 131037, 0, "131037", "Display name not approved", PERMANENT_ACCOUNT, NONE, 0, 0,
    "The number's display name is not approved: have it approved at Meta.")
ROW(131042, 131042, 0, "131042", "Payment issue", PERMANENT_ACCOUNT, NONE, 0, 0,
    "Meta has no valid payment method for the account: set one up in Meta's billing "
    "settings.")
ROW(131045, 131045, 0, "131045", "Number registration error", PERMANENT_ACCOUNT, NONE, 0, 0,
    "The number is not properly registered: register it with Meta.")
ROW(133000, 133000, 0, "133000", "Incomplete deregistration", PERMANENT_ACCOUNT, NONE, 0, 0,
    "An earlier deregistration was not finished: deregister the number again, then "
    "register it.")
ROW(133001, 133001, 0, "133001", "Decryption error (old list)", PERMANENT_ACCOUNT, NONE, 0, 0,
    "The number's registration data cannot be read: register it with Meta again.")
ROW(133002, 133002, 0, "133002", "Backup decryption error (old list)", PERMANENT_ACCOUNT, NONE, 0,
    0, "The number's backup cannot be read: register it with Meta again without the backup.")
ROW(133003, 133003, 0, "133003", "Recovery token decryption error (old list)", PERMANENT_ACCOUNT,
    NONE, 0, 0, "The number's recovery token cannot be read: register it with Meta again.")
ROW(133007, 133007, 0, "133007", "Account blocked (old list)", PERMANENT_ACCOUNT, NONE, 0, 0,
    "Meta has blocked the account: read the reason in Meta's Business Support Home and "
    "appeal there.")
ROW(133005, 133005, 0, "133005", "Two-step PIN mismatch", PERMANENT_ACCOUNT, NONE, 0, 0,
    "The two-step PIN is wrong: register the number with the right one or set a new one at "
    "Meta.")
ROW(133006, 133006, 0, "133006", "Number needs verification", PERMANENT_ACCOUNT, NONE, 0, 0,
    "The number is not verified: verify it at Meta, then register it.")
ROW(133008, 133008, 0, "133008", "Too many PIN guesses", PERMANENT_ACCOUNT, NONE, 0, 0,
    "The two-step PIN was wrong too often: wait as long as the details say, then register "
    "with the right one.")
ROW(133009, 133009, 0, "133009", "PIN guessed too fast", PERMANENT_ACCOUNT, NONE, 0, 0,
    "The two-step PIN was tried too fast: wait as long as the details say, then register "
    "again.")
ROW(133010, 133010, 0, "133010", "Number not registered", PERMANENT_ACCOUNT, NONE, 0, 0,
    "The number is not registered: register it with Meta.")
ROW(134011, 134011, 0, "134011", "Payments terms not accepted", PERMANENT_ACCOUNT, NONE, 0, 0,
    "The payment terms are not accepted: accept them at Meta.")
ROW(134102, 134102, 0, "134102", "Template unavailable (marketing API)", PERMANENT_ACCOUNT, NONE, 0,
    0,
    "The template cannot be used for marketing messages: check its state and category at "
    "Meta.")

CASE(HTTP_429, "http:429", "429 without a Graph body", RATE_LIMITED, DOUBLE, 5, 300,
     "Meta or a proxy before it asks for fewer calls: wait before sending more, and spread "
     "the load if this repeats.")

CASE(HTTP_500, "http:500", "500 or 503 without a Graph body", TRANSIENT, DOUBLE, 2, 120,
     "Meta answers with errors: look at Meta's status page and the network, then send "
     "again.")

CASE(HTTP_5XX, "http:5xx", "Other 5xx without a Graph body (502, 504 of a gateway)", AMBIGUOUS,
     NONE, 0, 0,
     "The reply was lost behind a gateway and the message may have been sent: look for it "
     "in WhatsApp before sending again.")

CASE(HTTP_4XX, "http:4xx", "4xx without a Graph body", PERMANENT_REQUEST, NONE, 0, 0,
     "The request was refused before Meta's messaging service saw it: check GRAPH_API_URL, "
     "GRAPH_API_VERSION and proxies.")

CASE(HTTP_2XX, "http:2xx", "2xx without messages[0].id", AMBIGUOUS, NONE, 0, 0,
     "Meta answered without the message's id, so it may have been sent: look for it in "
     "WhatsApp before sending again.")

CASE(NET_BEFORE, "net:before_send", "DNS, connect or TLS failure", TRANSIENT, DOUBLE, 1, 60,
     "Meta could not be reached: look at the network, DNS and GRAPH_API_URL, then send "
     "again.")

CASE(NET_AFTER, "net:after_send", "Timeout, reset or broken stream after the request went out",
     AMBIGUOUS, NONE, 0, 0,
     "The connection broke before the reply, so the message may have been sent: look for it "
     "in WhatsApp before sending again.")

CASE(UNKNOWN_4XX, "unknown_4xx", "Any other Graph code, 4xx", PERMANENT_REQUEST, NONE, 0, 0,
     "Meta refused the request with a code that is not known here: look the code up in "
     "Meta's documentation.")

CASE(UNKNOWN_5XX, "unknown_5xx", "Any other Graph code, 5xx", TRANSIENT, DOUBLE, 2, 120,
     "Meta failed with a code that is not known here: look at Meta's status page, then send "
     "again.")

CASE(ACCEPTED, "accepted", "Accepted", NONE, NONE, 0, 0, "Nothing to do.")
CASE(CREDENTIALS, "credentials", "No credentials for the outlet", TRANSIENT, DOUBLE, 2, 120,
     "The Tenant Service gave no token for the outlet: check that it runs and knows the outlet.")
CASE(EXPIRED, "expired", "Validity ran out", PERMANENT_REQUEST, NONE, 0, 0,
     "The message could not be sent in time: see its attempts for why, then send it again.")
CASE(BREAKER, "breaker", "Circuit breaker open", TRANSIENT, DOUBLE, 1, 60,
     "Calls to the Graph API keep failing, so messages nobody waits for wait until a probe comes "
     "through: look at Meta's status page and the network.")
CASE(RESTORED, "restored", "PostgreSQL was restored or failed over", AMBIGUOUS, NONE, 0, 0,
     "The message may have been sent after the moment the database went back to: look for it in "
     "WhatsApp before sending again.")
CASE(CANCELLED, "cancelled", "Cancelled", PERMANENT_REQUEST, NONE, 0, 0,
     "Its caller cancelled it before it was sent: send a new message if it is wanted after all.")
