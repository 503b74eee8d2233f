#include "config/rows.h"

#include "config/settings.h"

#define FIELD(f) .offset = offsetof(struct settings, f)
#define TEXT_FIELD(f) FIELD(f), .size = sizeof(((struct settings *)0)->f)
#define RANGE(low, high, of) .min = (low), .max = (high), .unit = (of)

const struct settings_row settings_rows[] = {
	{ "PORT", ROW_INTEGER, FIELD(port), RANGE(1, 65535, ""), .default_value = "3006",
	  .meaning = "Port on which the web server listens. The service itself does not open it: "
		     "the shipped web-server configuration and the quickstart read it." },
	{ "ENVIRONMENT", ROW_TEXT, TEXT_FIELD(environment), .default_value = "development",
	  .example = "production", .reloadable = true,
	  .meaning = "Name of this installation, shown by GET /health." },
	{ "AUTH", ROW_CHOICE, FIELD(auth_keys), .choices = "none|keys", .default_value = "none",
	  .reloadable = true,
	  .meaning =
		  "Who may call: `keys`: who shows a key of `message-sender key create`; `none`: "
		  "whoever reaches the port, which then belongs in a closed network. With "
		  "ENVIRONMENT=production it must be written out." },
	{ "TENANT_SERVICE_URL", ROW_URL, TEXT_FIELD(tenant_service_url), .default_value = "",
	  .example = "http://tenant-service:3001", .optional = true, .reloadable = true,
	  .meaning = "Base of the Tenant Service: quota and outlet credentials. Empty: there is "
		     "none, and tenants, outlets and quotas are those of the command line "
		     "(`message-sender tenant add`)." },
	{ "CONVERSATION_SERVICE_URL", ROW_URL, TEXT_FIELD(conversation_service_url),
	  .default_value = "", .example = "http://conversation-service:3004", .optional = true,
	  .reloadable = true,
	  .meaning = "Base of the Conversation Service: keeps what was sent. Empty: there is none, "
		     "and what was sent is kept in the database of this service only." },
	{ "MASTER_KEY_FILE", ROW_FILE, TEXT_FIELD(master_key_file), .default_value = "",
	  .reloadable = true,
	  .meaning = "File of the keys under which outlets' tokens and app secrets are stored: "
		     "lines `ID KEY`, the key being base64 of 32 random bytes (`openssl rand "
		     "-base64 32`); the first one is used for what is stored, all for what is "
		     "read. Nobody but its owner and group may read it. Empty: "
		     "`message-sender-master-key` where the secrets are, if it is there; without a "
		     "key only storing a secret is refused." },
	{ "GRAPH_API_URL", ROW_URL, TEXT_FIELD(graph_api_url),
	  .default_value = "https://graph.facebook.com", .example = "https://graph.facebook.com",
	  .reloadable = true, .meaning = "Base of Meta's Graph API." },
	{ "GRAPH_API_VERSION", ROW_VERSION, TEXT_FIELD(graph_api_version), .default_value = "v25.0",
	  .example = "v25.0", .reloadable = true,
	  .meaning = "Version of the Graph API, as it stands in the path. Meta retires a version "
		     "about two years after its release." },
	{ "GRAPH_CA_FILE", ROW_FILE, TEXT_FIELD(graph_ca_file), .default_value = "",
	  .reloadable = true,
	  .meaning = "Bundle of certificate authorities (PEM) to trust as well, for tests and "
		     "proxies. Verification cannot be switched off." },
	{ "GRAPH_AMBIGUOUS_5XX", ROW_CHOICE, FIELD(graph_ambiguous_5xx_unknown),
	  .choices = "retry|unknown", .default_value = "retry", .reloadable = true,
	  .meaning = "What a 500 or 503 of the Graph API means that does not say whether the "
		     "message was taken: `retry` sends again, `unknown` treats it as a lost "
		     "reply." },
	{ "GRAPH_MAX_CONNECTIONS", ROW_INTEGER, FIELD(graph_max_connections), RANGE(1, 4096, ""),
	  .default_value = "256", .reloadable = true,
	  .meaning = "Connections each worker may have open to the Graph API." },
	{ "GRAPH_STREAMS_PER_CONNECTION", ROW_INTEGER, FIELD(graph_streams_per_connection),
	  RANGE(1, 100, ""), .default_value = "24", .reloadable = true,
	  .meaning = "HTTP/2 requests that share one connection to the Graph API." },
	{ "MAX_RETRIES", ROW_INTEGER, FIELD(max_retries), RANGE(0, 10, ""), .default_value = "3",
	  .reloadable = true, .meaning = "Attempts after the first, while a caller waits." },
	{ "INITIAL_BACKOFF_SECONDS", ROW_INTEGER, FIELD(initial_backoff_seconds),
	  RANGE(1, 60, "seconds"), .default_value = "1", .reloadable = true,
	  .meaning = "Wait before the second attempt; doubles with each further one." },
	{ "MAX_BACKOFF_SECONDS", ROW_INTEGER, FIELD(max_backoff_seconds), RANGE(1, 3600, "seconds"),
	  .default_value = "30", .reloadable = true,
	  .meaning = "Longest wait between two attempts." },
	{ "RETRY_FAILED_RECEIPTS", ROW_CHOICE, FIELD(retry_failed_receipts), .choices = "no|yes",
	  .default_value = "yes", .reloadable = true,
	  .meaning = "Whether a message that WhatsApp accepted and reported later, by webhook, as "
		     "failed for a transient cause (131000) or a rate limit is sent again: within "
		     "MAX_RETRIES, the waits between attempts and its validity. Meanwhile its "
		     "status stays `sent`. `no`: it fails at once." },
	{ "REQUEST_TIMEOUT_SECONDS", ROW_INTEGER, FIELD(request_timeout_seconds),
	  RANGE(1, 60, "seconds"), .default_value = "10", .reloadable = true,
	  .meaning = "Time one call to the Graph API may take." },
	{ "DATABASE_URL", ROW_TEXT, TEXT_FIELD(database_url), .default_value = "",
	  .example = "postgresql://user@host/message_sender", .reloadable = true, .secret = true,
	  .meaning = "PostgreSQL connection string of libpq, URL or `host=… dbname=…`." },
	{ "FCGI_SOCKET", ROW_PATH, TEXT_FIELD(fcgi_socket),
	  .default_value = "/run/message-sender/fcgi.sock",
	  .example = "/run/message-sender/fcgi.sock",
	  .meaning = "Unix socket on which the web server is served; not used when a listening "
		     "socket is inherited." },
	{ "FCGI_SOCKET_MODE", ROW_OCTAL, FIELD(fcgi_socket_mode), RANGE(0, 0777, ""),
	  .default_value = "0660", .meaning = "Permissions of that socket." },
	{ "FCGI_SOCKET_GROUP", ROW_TEXT, TEXT_FIELD(fcgi_socket_group), .default_value = "",
	  .meaning = "Group of that socket, so that the web server may connect; empty leaves the "
		     "group of the process." },
	{ "MANAGEMENT_SOCKET", ROW_PATH, TEXT_FIELD(management_socket), .default_value = "",
	  .meaning = "Unix socket (FastCGI, as FCGI_SOCKET, with its mode and group) on which "
		     "metrics, liveness and readiness are read: /metrics, /livez, /readyz. They "
		     "are never served on FCGI_SOCKET. Empty: off." },
	{ "STATE_DIR", ROW_PATH, TEXT_FIELD(state_dir), .default_value = "",
	  .meaning = "Directory in which a node remembers how far its database was, so that an "
		     "earlier copy put in its place is noticed at the next start. Nodes with other "
		     "FCGI_SOCKETs may share it: each has a file of its own, named after it. "
		     "Empty: the directory of FCGI_SOCKET, which may not outlive a restart of the "
		     "host." },
	{ "WORKERS", ROW_INTEGER, FIELD(workers), RANGE(0, 64, ""), .default_value = "0",
	  .meaning = "Worker processes; 0 means one for each core." },
	{ "SYNC_WAIT_SECONDS", ROW_INTEGER, FIELD(sync_wait_seconds), RANGE(1, 64, "seconds"),
	  .default_value = "55", .reloadable = true,
	  .meaning = "How long a caller is kept waiting for the outcome before it is told 202. "
		     "The web servers give up after 65 seconds, so this must end before." },
	{ "DRAIN_SECONDS", ROW_INTEGER, FIELD(drain_seconds), RANGE(1, 600, "seconds"),
	  .default_value = "60", .reloadable = true,
	  .meaning = "Time in which requests may end when the service stops." },
	{ "MAX_IN_FLIGHT", ROW_INTEGER, FIELD(max_in_flight), RANGE(1, 100000, ""),
	  .default_value = "4000", .reloadable = true,
	  .meaning = "Requests in flight, all workers together; beyond it callers are told 503 "
		     "OVERLOADED." },
	{ "MAX_BACKLOG", ROW_INTEGER, FIELD(max_backlog), RANGE(1, 2000000, "messages"),
	  .default_value = "1000000", .reloadable = true,
	  .meaning = "Messages that may wait for something still to be done, in all; beyond it "
		     "callers are told 429 QUEUE_FULL." },
	{ "MAX_BACKLOG_PER_TENANT", ROW_INTEGER, FIELD(max_backlog_per_tenant),
	  RANGE(1, 2000000, "messages"), .default_value = "100000", .reloadable = true,
	  .meaning = "The same for each tenant. Choose it well above what one tenant sends in "
		     "two seconds." },
	{ "MAX_BODY_BYTES", ROW_INTEGER, FIELD(max_body_bytes), RANGE(1024, 4194304, "bytes"),
	  .default_value = "262144", .reloadable = true,
	  .meaning = "Longest request body; a longer one is refused with 413." },
	{ "MAX_BULK_BYTES", ROW_INTEGER, FIELD(max_bulk_bytes), RANGE(1024, 67108864, "bytes"),
	  .default_value = "8388608", .reloadable = true,
	  .meaning = "The same for POST /api/v1/messages/bulk. The shipped web server "
		     "configurations take a little more than the default: raise theirs too." },
	{ "MAX_RECEIVING_BYTES", ROW_INTEGER, FIELD(max_receiving_bytes),
	  RANGE(8388608, 1073741824, "bytes"), .default_value = "67108864", .reloadable = true,
	  .meaning =
		  "What one worker holds of requests that are still coming in; beyond it callers "
		  "are told 503 OVERLOADED." },
	{ "QUOTA_CACHE_SECONDS", ROW_INTEGER, FIELD(quota_cache_seconds), RANGE(0, 3600, "seconds"),
	  .default_value = "0", .reloadable = true,
	  .meaning = "How long an answer of the quota check is used again; 0 asks every time." },
	{ "QUOTA_TIMEOUT_MS", ROW_INTEGER, FIELD(quota_timeout_ms),
	  RANGE(50, 10000, "milliseconds"), .default_value = "1000", .reloadable = true,
	  .meaning = "Time the quota check may take; after it the message is allowed." },
	{ "CREDENTIALS_CACHE_SECONDS", ROW_INTEGER, FIELD(credentials_cache_seconds),
	  RANGE(0, 86400, "seconds"), .default_value = "60", .reloadable = true,
	  .meaning = "How long an outlet's credentials are used again." },
	{ "CREDENTIALS_TIMEOUT_MS", ROW_INTEGER, FIELD(credentials_timeout_ms),
	  RANGE(50, 10000, "milliseconds"), .default_value = "2000", .reloadable = true,
	  .meaning = "Time the look-up of credentials may take." },
	{ "CONVERSATION_TIMEOUT_SECONDS", ROW_INTEGER, FIELD(conversation_timeout_seconds),
	  RANGE(1, 60, "seconds"), .default_value = "10", .reloadable = true,
	  .meaning = "Time one call to the Conversation Service may take; a caller never waits "
		     "longer than a second for it." },
	{ "MESSAGE_TTL_SECONDS", ROW_INTEGER, FIELD(message_ttl_seconds),
	  RANGE(60, 31536000, "seconds"), .default_value = "86400", .reloadable = true,
	  .meaning = "Validity of a message nobody waits for; unsent at its end, it expires." },
	{ "RETENTION_DAYS", ROW_INTEGER, FIELD(retention_days), RANGE(1, 36500, "days"),
	  .default_value = "90", .reloadable = true,
	  .meaning = "How long messages that have ended are kept, with attempts and receipts. "
		     "`message-sender maintain` drops whole months that ended longer ago, and what "
		     "customers wrote that long ago; what was counted for reports stays." },
	{ "ORDER_HOLD_SECONDS", ROW_INTEGER, FIELD(order_hold_seconds), RANGE(0, 3600, "seconds"),
	  .default_value = "10", .reloadable = true,
	  .meaning = "How long a message that waits may delay later ones to the same recipient." },
	{ "NUMBER_RATE", ROW_INTEGER, FIELD(number_rate), RANGE(0, 1000, "messages a second"),
	  .default_value = "80", .reloadable = true,
	  .meaning = "What WhatsApp takes from one number: 80 a second, 1000 after an upgrade, 20 "
		     "when the number is used in the Business app as well. Messages wait for it "
		     "instead of being refused. For single outlets: `message-sender outlet set`. "
		     "0: no limit." },
	{ "TENANT_RATE", ROW_INTEGER, FIELD(tenant_rate), RANGE(0, 100000, "messages a second"),
	  .default_value = "0", .reloadable = true,
	  .meaning = "What each tenant may send from all its numbers together. For single tenants: "
		     "`message-sender tenant set`. 0: no limit." },
	{ "PAIR_SECONDS", ROW_INTEGER, FIELD(pair_seconds), RANGE(0, 60, "seconds"),
	  .default_value = "6", .reloadable = true,
	  .meaning = "WhatsApp takes one message in so many seconds from a number to one "
		     "recipient; those beyond PAIR_BURST wait. 0: no limit." },
	{ "PAIR_BURST", ROW_INTEGER, FIELD(pair_burst), RANGE(1, 1000, "messages"),
	  .default_value = "45", .reloadable = true,
	  .meaning = "Messages that may go to one recipient at once, and are paid back by waiting "
		     "later. For PAIR_SECONDS times this long after a worker has taken a tenant "
		     "over, none are lent." },
	{ "BREAKER_FAILURES", ROW_INTEGER, FIELD(breaker_failures), RANGE(0, 1000, ""),
	  .default_value = "5", .reloadable = true,
	  .meaning = "Failures in a row (no connection, no reply, 5xx) of a number, or of the "
		     "Graph API's host, that open its circuit breaker: messages nobody waits for "
		     "then wait for a probe to come through. Each worker counts for itself; 0 "
		     "switches it off." },
	{ "BREAKER_OPEN_SECONDS", ROW_INTEGER, FIELD(breaker_open_seconds),
	  RANGE(1, 3600, "seconds"), .default_value = "5", .reloadable = true,
	  .meaning = "From the opening of a circuit breaker to its first probe; doubles with each "
		     "probe that fails." },
	{ "BREAKER_MAX_SECONDS", ROW_INTEGER, FIELD(breaker_max_seconds), RANGE(1, 3600, "seconds"),
	  .default_value = "60", .reloadable = true,
	  .meaning = "Longest time from one probe to the next." },
	{ "TOKEN_PROBE_SECONDS", ROW_INTEGER, FIELD(token_probe_seconds),
	  RANGE(1, 86400, "seconds"), .default_value = "60", .reloadable = true,
	  .meaning = "How often it is looked whether an outlet's token, which Meta refused, was "
		     "mended: its credentials are asked for again, and a new token is tried with "
		     "one message. The old one is tried so too, ever more rarely, up to 16 times "
		     "this long." },
	{ "UNKNOWN_POLICY", ROW_CHOICE, FIELD(unknown_policy),
	  .choices = "hold|evidence|resend|fail", .default_value = "evidence", .reloadable = true,
	  .meaning =
		  "What becomes of a message when WhatsApp's reply was lost: `hold` keeps it until "
		  "a person decides, `evidence` sends it once more when 3 later messages of its "
		  "number have receipts and it has none, `resend` sends it again, `fail` gives it "
		  "up. A tenant may have its own: `message-sender tenant set`." },
	{ "UNKNOWN_QUARANTINE_SECONDS", ROW_INTEGER, FIELD(unknown_quarantine_seconds),
	  RANGE(1, 604800, "seconds"), .default_value = "120", .reloadable = true,
	  .meaning = "How long after a lost reply nothing is decided by policy, so that a late "
		     "reply or a receipt can still tell." },
	{ "LOG_LEVEL", ROW_CHOICE, FIELD(log_level), .choices = "debug|info|warning|error",
	  .default_value = "info", .reloadable = true, .meaning = "Least level that is logged." },
	{ "MAX_WEBHOOK_BYTES", ROW_INTEGER, FIELD(max_webhook_bytes),
	  RANGE(1024, 67108864, "bytes"), .default_value = "4194304", .reloadable = true,
	  .meaning =
		  "Longest body of a webhook; WhatsApp sends up to 3 MB. A longer one is refused "
		  "with 413. The shipped web server configurations take a little more than "
		  "the default: raise theirs too." },
	{ "WHATSAPP_APP_SECRET", ROW_WORDS, TEXT_FIELD(whatsapp_app_secret), .default_value = "",
	  .reloadable = true, .secret = true,
	  .meaning = "The secret of the Meta app, with which webhooks are signed; several while it "
		     "is changed, or for several apps. Empty: webhooks are refused." },
	{ "WHATSAPP_VERIFY_TOKEN", ROW_WORDS, TEXT_FIELD(whatsapp_verify_token),
	  .default_value = "", .reloadable = true, .secret = true,
	  .meaning = "The word that Meta is given with the webhook's address, and sends when it is "
		     "set up; one of several. Empty: no address can be set up." },
	{ "WEBHOOK_KEEP_DAYS", ROW_INTEGER, FIELD(webhook_keep_days), RANGE(1, 365, "days"),
	  .default_value = "7", .reloadable = true,
	  .meaning = "How long webhooks are kept as they came, to the end of a day, so that "
		     "`message-sender webhook replay` can apply them again." },
	{ "WEBHOOK_UNSIGNED", ROW_CHOICE, FIELD(webhook_unsigned), .choices = "refuse|allow",
	  .default_value = "refuse", .reloadable = true,
	  .meaning = "What becomes of webhooks without WHATSAPP_APP_SECRET: `allow` takes them "
		     "from anybody, for trying things out, with ENVIRONMENT=development only." },
};

const unsigned settings_row_count = sizeof(settings_rows) / sizeof(settings_rows[0]);

_Static_assert(sizeof(settings_rows) / sizeof(settings_rows[0]) <= SETTINGS_MAX,
	       "struct settings has a source for every row");
