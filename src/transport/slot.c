/*
 * How a call can end, and what proves it:
 *
 *   never got a connection (on_ready did not run)        NOT_SENT
 *   gated: body not asked for, or the gate refused       NOT_SENT: a request without the body
 *                                                        it announced is no request
 *   gated: body begun, others: head begun; no answer     LOST
 *   curl got the whole answer                            ANSWERED
 *
 * An answer longer than allowed, or cut, is LOST: it came, yet nothing can be said of it.
 *
 * curl 7.88 sends again when a connection it used before is found dead.  A gated call must
 * not be: our seek callback says no and the call ends with error 65, counted apart by
 * rewind_refused.  curl may begin such a call twice as long as it has not asked for the body;
 * after that it never can, as on_seek refuses and on_read gives no byte a second time.
 *
 * Any other call may be repeated (transport.h), so curl has its body in memory: head and body
 * leave by one send, whereas what a callback gives is sent, and waited for, apart.
 */
#include "transport/slot.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "transport/wait_header.h"

#define ANSWER_KEEP_BYTES 16384 /* more is given back to the system after the call */
#define READ_BUFFER_BYTES 4096L
#define UPLOAD_BUFFER_BYTES 16384L /* curl's least */
#define DNS_CACHE_SECONDS 60L
#define KEEPALIVE_SECONDS 30L

static int on_ready(void *arg, char *remote UNUSED, char *local UNUSED, int remote_port UNUSED,
		    int local_port UNUSED)
{
	struct slot *s = arg;

	if (!s->ready) {
		s->ready = true;
		--*s->rules->setting_up;
		driver_opened(&s->user);
	}
	return CURL_PREREQFUNC_OK;
}

static bool may_leave(const struct slot *s)
{
	return s->rules->gate != NULL && s->rules->gate(s->rules->arg, s->call->tag);
}

static size_t on_read(char *buffer, size_t size, size_t count, void *arg)
{
	struct slot *s = arg;
	const struct call *c = s->call;
	size_t space = size * count;
	size_t left = c->body_len - s->body_at;

	if (!s->body_begun && !may_leave(s)) {
		s->gate_refused = true;
		return CURL_READFUNC_ABORT;
	}
	/* Asked beyond the end: curl began anew without asking to rewind. */
	if (left == 0)
		return CURL_READFUNC_ABORT;
	s->body_begun = true;
	if (left > space)
		left = space;
	memcpy(buffer, c->body + s->body_at, left);
	s->body_at += left;
	return left;
}

static int on_seek(void *arg, curl_off_t offset UNUSED, int origin UNUSED)
{
	struct slot *s = arg;

	s->rewind_refused = true;
	return CURL_SEEKFUNC_FAIL;
}

static size_t on_answer(char *data, size_t size, size_t count, void *arg)
{
	struct slot *s = arg;
	size_t len = size * count;

	if (len > s->call->answer_max - s->answer.len) {
		s->too_large = true;
		return 0;
	}
	return str_append(&s->answer, data, len) ? len : 0;
}

/* curl keeps all headers until the call ends. */
static size_t on_header(char *data UNUSED, size_t size, size_t count, void *arg)
{
	struct slot *s = arg;

	s->header_bytes += size * count;
	return s->header_bytes <= SLOT_HEADERS_MAX ? size * count : 0;
}

/* A directory of hashed certificates is read only where a chain leads, whereas 7.88 parses a
 * bundle anew for each connection; the extra bundle is a small file. */
static void trust(CURL *easy, const struct transport_settings *settings)
{
	const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);

	if (info->capath != NULL) {
		curl_easy_setopt(easy, CURLOPT_CAPATH, info->capath);
		curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
	}
	if (settings->ca_file[0] != 0)
		curl_easy_setopt(easy, CURLOPT_CAINFO, settings->ca_file);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	/* A cache per handle, and any handle may open the next connection: memory for little. */
	curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
}

static void connect_rules(CURL *easy, const struct transport_settings *settings)
{
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)settings->connect_timeout_ms);
	curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)((settings->idle_max_ms + 999) / 1000));
	curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, DNS_CACHE_SECONDS);
	curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_SECONDS);
	/* 7.88 would wait for its resolver thread when a call is over before the answer. */
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
}

static void callbacks(struct slot *s)
{
	curl_easy_setopt(s->easy, CURLOPT_PRIVATE, s);
	curl_easy_setopt(s->easy, CURLOPT_ERRORBUFFER, s->error);
	curl_easy_setopt(s->easy, CURLOPT_PREREQFUNCTION, on_ready);
	curl_easy_setopt(s->easy, CURLOPT_PREREQDATA, s);
	curl_easy_setopt(s->easy, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(s->easy, CURLOPT_READDATA, s);
	curl_easy_setopt(s->easy, CURLOPT_SEEKFUNCTION, on_seek);
	curl_easy_setopt(s->easy, CURLOPT_SEEKDATA, s);
	curl_easy_setopt(s->easy, CURLOPT_WRITEFUNCTION, on_answer);
	curl_easy_setopt(s->easy, CURLOPT_WRITEDATA, s);
	curl_easy_setopt(s->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(s->easy, CURLOPT_HEADERDATA, s);
}

struct slot *slot_new(const struct slot_rules *rules, struct driver *driver, struct err *ret_err)
{
	struct slot *s = calloc(1, sizeof(*s));

	if (s != NULL)
		s->easy = curl_easy_init();
	if (s == NULL || s->easy == NULL) {
		err_set(ret_err, ERR_TEMPORARY, 0, "curl: no memory");
		free(s);
		return NULL;
	}
	list_init(&s->node);
	str_init(&s->answer, 0);
	s->rules = rules;
	connect_rules(s->easy, rules->settings);
	trust(s->easy, rules->settings);
	callbacks(s);
	driver_prepare(driver, s->easy, &s->user);
	curl_easy_setopt(s->easy, CURLOPT_BUFFERSIZE, READ_BUFFER_BYTES);
	curl_easy_setopt(s->easy, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BUFFER_BYTES);
	curl_easy_setopt(s->easy, CURLOPT_USERAGENT, rules->settings->user_agent);
	return s;
}

void slot_free(struct slot *s)
{
	if (s == NULL)
		return;
	curl_easy_cleanup(s->easy);
	str_fini(&s->answer);
	call_free(s->call);
	free(s);
}

void slot_begin(struct slot *s, struct call *call)
{
	int64_t left = call->deadline_boot_ms - clock_boot_ms();

	s->call = call;
	s->answer.max = call->answer_max;
	s->body_at = 0;
	s->ready = false;
	s->body_begun = false;
	s->gate_refused = false;
	s->rewind_refused = false;
	s->too_large = false;
	s->header_bytes = 0;
	s->error[0] = 0;
	++*s->rules->setting_up;
	curl_easy_setopt(s->easy, CURLOPT_URL, call->url);
	curl_easy_setopt(s->easy, CURLOPT_HTTPHEADER, call->headers);
	curl_easy_setopt(s->easy, CURLOPT_TIMEOUT_MS, left > 0 ? (long)left : 1L);
	if (call->post) {
		curl_easy_setopt(s->easy, CURLOPT_POST, 1L);
		curl_easy_setopt(s->easy, CURLOPT_POSTFIELDSIZE, (long)call->body_len);
		/* Null: by on_read. */
		curl_easy_setopt(s->easy, CURLOPT_POSTFIELDS, call->gated ? NULL : call->body);
	} else {
		curl_easy_setopt(s->easy, CURLOPT_HTTPGET, 1L);
	}
}

static const char *header(CURL *easy, const char *name)
{
	struct curl_header *found;

	return curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &found) == CURLHE_OK ? found->value
										      : NULL;
}

static void answered(struct slot *s, struct transport_result *r)
{
	long status = 0;

	r->end = TRANSPORT_ANSWERED;
	curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
	r->status = (int)status;
	r->body = s->answer.data;
	r->body_len = s->answer.len;
	if (status < 200 || status > 299)
		r->retry_after_ms = wait_header_read(header(s->easy, "Retry-After"),
						     header(s->easy, "X-Business-Use-Case-Usage"));
}

static void failed(struct slot *s, CURLcode code, struct transport_result *r)
{
	bool begun = s->call->gated ? s->body_begun : s->ready;
	enum err_class class = begun ? ERR_UNCERTAIN : ERR_TEMPORARY;

	r->end = begun ? TRANSPORT_LOST : TRANSPORT_NOT_SENT;
	if (s->gate_refused)
		err_set(&r->err, class, 0, "too late to be sent");
	else if (s->too_large)
		err_set(&r->err, class, 0, "answer longer than %zu bytes", s->call->answer_max);
	else if (s->header_bytes > SLOT_HEADERS_MAX)
		err_set(&r->err, class, 0, "headers longer than %u bytes", SLOT_HEADERS_MAX);
	else if (s->rewind_refused)
		err_set(&r->err, class, (int)code, "connection ended without an answer");
	else
		err_set(&r->err, class, (int)code, "%s",
			s->error[0] != 0 ? s->error : curl_easy_strerror(code));
}

void slot_result(struct slot *s, CURLcode code, int64_t now_boot_ms,
		 struct transport_result *ret_result)
{
	*ret_result = (struct transport_result){
		.tag = s->call->tag,
		.body = "",
		.rewind_refused = s->rewind_refused,
		.gate_refused = s->gate_refused,
		.took_ms = now_boot_ms - s->call->submitted_boot_ms,
	};
	if (code == CURLE_OK)
		answered(s, ret_result);
	else
		failed(s, code, ret_result);
}

/* What was sent and what came holds tokens. */
void slot_end(struct slot *s)
{
	if (!s->ready)
		--*s->rules->setting_up;
	driver_opened(&s->user);
	call_free(s->call);
	s->call = NULL;
	explicit_bzero(s->answer.data, s->answer.len);
	if (s->answer.space > ANSWER_KEEP_BYTES)
		str_fini(&s->answer);
	str_reset(&s->answer);
}
