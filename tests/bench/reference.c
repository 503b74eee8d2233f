/*
 * bench-reference: the contract's six steps written plainly, to compare with.
 *
 * Threads that block in FCGX_Accept_r(), a libcurl handle and a connection of its own for
 * every call (with --keep one handle a thread, which keeps its connections), the quota and the
 * credentials asked for with every message, and a commit for each of its two writes.  It does
 * the work of a synchronous text message and of GET /health, and promises no more: a message
 * under way when it dies is lost or sent twice.
 *
 * The environment has the service's own names: DATABASE_URL, FCGI_SOCKET, TENANT_SERVICE_URL,
 * CONVERSATION_SERVICE_URL, GRAPH_API_URL, GRAPH_CA_FILE.
 */
#include <curl/curl.h>
#include <fcgiapp.h>
#include <getopt.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	BODY_MAX = 8192, /* of a request, and of a neighbour's answer */
	URL_SIZE = 512,
	ID_SIZE = 37,
	RETRIES = 3, /* after 1, 2 and 4 s */
	TIMEOUT_S = 10,
	SESSIONS_MAX = 512,
	THREADS_MAX = 8192,
	BACKLOG = 4096
};

struct service {
	const char *tenant_url, *conversation_url, *graph_url, *ca_file;
	int listener;
	int threads;
	bool keep;
	pthread_mutex_t lock; /* of the idle sessions */
	pthread_cond_t returned;
	PGconn *idle[SESSIONS_MAX];
	int idle_count;
};

/* What one thread works with, and the message it has in hand. */
struct worker {
	struct service *service;
	FCGX_Request request;
	CURL *curl; /* --keep: between calls */
	struct json_object *json;
	const char *tenant, *outlet, *conversation, *to, *text;
	char id[ID_SIZE];
	char body[BODY_MAX + 1];
	char answer[BODY_MAX + 1]; /* of the neighbour called last */
	size_t answer_len;
};

__attribute__((noreturn)) static void die(const char *what, const char *why)
{
	fprintf(stderr, "bench-reference: %s: %s\n", what, why);
	exit(1);
}

static const char *setting(const char *name)
{
	const char *value = getenv(name);

	if (value == NULL || *value == '\0')
		die(name, "is not set");
	return value;
}

/* --- the database: sessions shared by all threads, a transaction for each statement --- */

static const char table[] =
	"CREATE TABLE IF NOT EXISTS reference_message (message_id uuid PRIMARY KEY,"
	" tenant_id text NOT NULL, outlet_id text NOT NULL, conversation_id text,"
	" recipient text NOT NULL, body text NOT NULL, status text NOT NULL, wamid text,"
	" accepted_at timestamptz NOT NULL DEFAULT now(), sent_at timestamptz)";

static void open_sessions(struct service *s, const char *url, int count)
{
	for (int i = 0; i < count; i++) {
		PGconn *session = PQconnectdb(url);

		if (PQstatus(session) != CONNECTION_OK)
			die("database", PQerrorMessage(session));
		s->idle[s->idle_count++] = session;
	}
	PGresult *result = PQexec(s->idle[0], table);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		die("table", PQresultErrorMessage(result));
	PQclear(result);
}

static bool execute(struct service *s, const char *sql, int count, const char *const *values)
{
	pthread_mutex_lock(&s->lock);
	while (s->idle_count == 0)
		pthread_cond_wait(&s->returned, &s->lock);
	PGconn *session = s->idle[--s->idle_count];
	pthread_mutex_unlock(&s->lock);

	PGresult *result = PQexecParams(session, sql, count, NULL, values, NULL, NULL, 0);
	bool done = PQresultStatus(result) == PGRES_COMMAND_OK;

	if (!done)
		fprintf(stderr, "bench-reference: %s", PQresultErrorMessage(result));
	PQclear(result);

	pthread_mutex_lock(&s->lock);
	s->idle[s->idle_count++] = session;
	pthread_cond_signal(&s->returned);
	pthread_mutex_unlock(&s->lock);
	return done;
}

static bool insert_message(struct worker *w)
{
	const char *const values[] = {
		w->id, w->tenant, w->outlet, w->conversation, w->to, w->text
	};

	return execute(w->service,
		       "INSERT INTO reference_message (message_id, tenant_id, outlet_id,"
		       " conversation_id, recipient, body, status)"
		       " VALUES ($1, $2, $3, $4, $5, $6, 'queued')",
		       6, values);
}

static bool update_message(struct worker *w, const char *status, const char *wamid)
{
	const char *const values[] = { w->id, status, wamid };

	return execute(w->service,
		       "UPDATE reference_message SET status = $2, wamid = $3, sent_at = now()"
		       " WHERE message_id = $1",
		       3, values);
}

/* --- the neighbours --- */

static size_t on_bytes(char *bytes, size_t size, size_t count, void *arg)
{
	struct worker *w = arg;
	size_t len = size * count;

	if (len > BODY_MAX - w->answer_len)
		return 0;
	memcpy(w->answer + w->answer_len, bytes, len);
	w->answer_len += len;
	return len;
}

/* POST of `body`, or GET when it is NULL; the status, or 0 when there is no whole answer. */
static long call(struct worker *w, const char *url, const char *body, const char *const *headers)
{
	CURL *curl = w->curl != NULL ? w->curl : curl_easy_init();
	struct curl_slist *list = curl_slist_append(NULL, "Content-Type: application/json");
	long status = 0;

	if (curl == NULL)
		die("curl", "no memory");
	for (; *headers != NULL; headers++)
		list = curl_slist_append(list, *headers);
	w->answer_len = 0;
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)TIMEOUT_S);
	curl_easy_setopt(curl, CURLOPT_CAINFO, w->service->ca_file);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, w);
	if (body != NULL)
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
	CURLcode code = curl_easy_perform(curl);
	if (code == CURLE_OK)
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	else
		fprintf(stderr, "bench-reference: %s: %s\n", url, curl_easy_strerror(code));
	w->answer[w->answer_len] = '\0';
	curl_slist_free_all(list);
	if (w->service->keep) {
		curl_easy_reset(curl); /* its connections stay */
		w->curl = curl;
	} else {
		curl_easy_cleanup(curl);
	}
	return status;
}

static const char *text_of(struct json_object *object, const char *name)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, name, &value) ||
	    !json_object_is_type(value, json_type_string))
		return NULL;
	return json_object_get_string(value);
}

/* What the Tenant Service says there, to put; NULL when it does not answer 200. */
static struct json_object *ask(struct worker *w, const char *kind, const char *id, const char *what)
{
	char url[URL_SIZE], header[URL_SIZE];
	const char *const headers[] = { header, NULL };

	snprintf(url, sizeof(url), "%s/api/v1/%s/%s%s", w->service->tenant_url, kind, id, what);
	snprintf(header, sizeof(header), "X-Tenant-Id: %s", w->tenant);
	return call(w, url, NULL, headers) == 200 ? json_tokener_parse(w->answer) : NULL;
}

/* A check that fails lets the message pass, as the contract has it. */
static bool quota_allows(struct worker *w)
{
	struct json_object *json = ask(w, "tenants", w->tenant, "/quota/check"), *value;
	bool allowed = true;

	if (json_object_object_get_ex(json, "can_send_message", &value))
		allowed = json_object_get_boolean(value);
	json_object_put(json);
	return allowed;
}

static void add(struct json_object *object, const char *name, const char *value)
{
	json_object_object_add(object, name, json_object_new_string(value));
}

/* The Graph API's answer to put, or NULL: refused, or all retries used up. */
static struct json_object *send_message(struct worker *w, struct json_object *outlet)
{
	const char *number = text_of(outlet, "waba_phone_number_id");
	const char *token = text_of(outlet, "waba_access_token");
	struct json_object *json, *text;
	char url[URL_SIZE], header[URL_SIZE];
	const char *const headers[] = { header, NULL };
	long status = 0;

	if (number == NULL || token == NULL)
		return NULL;
	snprintf(url, sizeof(url), "%s/v25.0/%s/messages", w->service->graph_url, number);
	snprintf(header, sizeof(header), "Authorization: Bearer %s", token);
	json = json_object_new_object();
	text = json_object_new_object();
	add(json, "messaging_product", "whatsapp");
	add(json, "recipient_type", "individual");
	add(json, "to", w->to);
	add(json, "type", "text");
	add(text, "body", w->text);
	json_object_object_add(json, "text", text);
	add(json, "biz_opaque_callback_data", w->id);
	for (unsigned attempt = 0; attempt <= RETRIES; attempt++) {
		if (attempt > 0)
			sleep(1U << (attempt - 1));
		status = call(w, url, json_object_to_json_string(json), headers);
		if (status != 0 && status != 429 && status < 500)
			break;
	}
	json_object_put(json);
	return status == 200 ? json_tokener_parse(w->answer) : NULL;
}

static void store_copy(struct worker *w, const char *wamid)
{
	char url[URL_SIZE], tenant[URL_SIZE], key[URL_SIZE];
	const char *const headers[] = { tenant, key, NULL };
	struct json_object *json;

	if (w->conversation == NULL)
		return;
	snprintf(url, sizeof(url), "%s/api/v1/messages", w->service->conversation_url);
	snprintf(tenant, sizeof(tenant), "X-Tenant-Id: %s", w->tenant);
	snprintf(key, sizeof(key), "Idempotency-Key: %s", w->id);
	json = json_object_new_object();
	add(json, "conversation_id", w->conversation);
	add(json, "sender_type", "llm");
	add(json, "content", w->text);
	add(json, "whatsapp_message_id", wamid);
	if (call(w, url, json_object_to_json_string(json), headers) / 100 != 2)
		fprintf(stderr, "bench-reference: %s was not stored\n", w->id);
	json_object_put(json);
}

/* --- requests --- */

static void answer(struct worker *w, int status, const char *body)
{
	FCGX_FPrintF(w->request.out,
		     "Status: %d\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		     status, (int)strlen(body), body);
}

static void make_id(char id[ID_SIZE])
{
	uint64_t r[2];

	if (getrandom(r, sizeof(r), 0) != (ssize_t)sizeof(r))
		die("getrandom", "failed");
	snprintf(id, ID_SIZE, "%08" PRIx32 "-%04x-4%03x-a%03x-%012" PRIx64, (uint32_t)(r[0] >> 32),
		 (unsigned)(r[0] >> 16 & 0xffff), (unsigned)(r[0] & 0xfff),
		 (unsigned)(r[1] >> 48 & 0xfff), r[1] & UINT64_C(0xffffffffffff));
}

static bool read_message(struct worker *w)
{
	int len = FCGX_GetStr(w->body, BODY_MAX, w->request.in);

	w->body[len < 0 ? 0 : len] = '\0';
	w->json = json_tokener_parse(w->body);
	w->tenant = text_of(w->json, "tenant_id");
	w->outlet = text_of(w->json, "outlet_id");
	w->conversation = text_of(w->json, "conversation_id");
	w->to = text_of(w->json, "to");
	w->text = text_of(w->json, "message");
	return w->tenant != NULL && w->outlet != NULL && w->to != NULL && w->text != NULL;
}

/* Steps 3 to 6 of the contract; step 2, the quota, is behind the caller. */
static void deliver(struct worker *w)
{
	struct json_object *outlet = ask(w, "outlets", w->outlet, ""), *sent = NULL,
			   *messages = NULL;
	const char *wamid = NULL;

	if (outlet != NULL && insert_message(w))
		sent = send_message(w, outlet);
	if (json_object_object_get_ex(sent, "messages", &messages))
		wamid = text_of(json_object_array_get_idx(messages, 0), "id");
	if (update_message(w, wamid != NULL ? "sent" : "failed", wamid) && wamid != NULL) {
		store_copy(w, wamid);
		struct json_object *json = json_object_new_object();

		add(json, "message_id", w->id);
		add(json, "whatsapp_message_id", wamid);
		add(json, "status", "sent");
		answer(w, 200, json_object_to_json_string(json));
		json_object_put(json);
	} else {
		answer(w, 500,
		       "{\"error\":\"send_failed\",\"message\":\"Failed to send message\"}");
	}
	json_object_put(sent);
	json_object_put(outlet);
}

static void serve(struct worker *w)
{
	const char *path = FCGX_GetParam("REQUEST_URI", w->request.envp);

	if (path != NULL && strcmp(path, "/health") == 0) {
		answer(w, 200, "{\"status\":\"healthy\"}");
		return;
	}
	make_id(w->id);
	if (!read_message(w))
		answer(w, 400, "{\"error\":\"invalid_request\",\"code\":\"INVALID_REQUEST\"}");
	else if (!quota_allows(w))
		answer(w, 429, "{\"error\":\"quota_exceeded\",\"code\":\"QUOTA_EXCEEDED\"}");
	else
		deliver(w);
	json_object_put(w->json);
}

static void *run(void *arg)
{
	struct worker *w = arg;

	if (FCGX_InitRequest(&w->request, w->service->listener, 0) != 0)
		die("libfcgi", "no request");
	while (FCGX_Accept_r(&w->request) >= 0) {
		serve(w);
		FCGX_Finish_r(&w->request);
	}
	die("libfcgi", "accept failed");
}

static int count_of(const char *text, int highest)
{
	long value = strtol(text, NULL, 10);

	if (value < 1 || value > highest)
		die(text, "is out of range");
	return (int)value;
}

int main(int argc, char **argv)
{
	static const struct option names[] = { { "threads", required_argument, NULL, 't' },
					       { "sessions", required_argument, NULL, 's' },
					       { "keep", no_argument, NULL, 'k' },
					       { NULL, 0, NULL, 0 } };
	static struct service s = { .threads = 1024,
				    .lock = PTHREAD_MUTEX_INITIALIZER,
				    .returned = PTHREAD_COND_INITIALIZER };
	int option, sessions = 32;

	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (option == 't')
			s.threads = count_of(optarg, THREADS_MAX);
		else if (option == 's')
			sessions = count_of(optarg, SESSIONS_MAX);
		else if (option == 'k')
			s.keep = true;
		else
			die("usage", "bench-reference [--threads N] [--sessions N] [--keep]");
	}
	s.tenant_url = setting("TENANT_SERVICE_URL");
	s.conversation_url = setting("CONVERSATION_SERVICE_URL");
	s.graph_url = setting("GRAPH_API_URL");
	s.ca_file = setting("GRAPH_CA_FILE");
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || FCGX_Init() != 0)
		die("start", "libcurl or libfcgi");
	open_sessions(&s, setting("DATABASE_URL"), sessions);
	umask(0);
	s.listener = FCGX_OpenSocket(setting("FCGI_SOCKET"), BACKLOG);
	if (s.listener < 0)
		die("FCGI_SOCKET", "cannot be opened");
	for (int i = 0; i < s.threads; i++) {
		struct worker *w = calloc(1, sizeof(*w));
		pthread_t thread;

		if (w == NULL)
			die("thread", "no memory");
		w->service = &s;
		if (pthread_create(&thread, NULL, run, w) != 0)
			die("thread", "cannot be started");
	}
	pause();
	return 0;
}
