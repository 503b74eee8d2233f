/*
 * Two memory files (memfd_create), each mapped, so that filling and emptying them takes no
 * system call; libfcgi uses read() and write() on their descriptors.
 *
 *   in   A request is laid so that it ends where the file ends.  Whatever libfcgi believes
 *        about lengths, it meets the end of the file, never bytes of an earlier request.
 *   out  The first ANSWER_AT bytes hold a minimal request, BEGIN, empty PARAMS and STDIN,
 *        in which only the id changes.  libfcgi's first read takes exactly that many, so
 *        what it writes begins there.
 *
 * A FCGX_Request is set up with ipcFd (the memory file), keepConnection 1 (else Accept
 * closes ipcFd at once) and listen_sock -1 (so that a bad stream is an error, not a call of
 * accept).  On a bad stream libfcgi closes ipcFd: the file is then made anew.  Parameters
 * are checked before, because libfcgi allocates whatever length they announce and ends the
 * process when that fails.
 */
#include "fcgi/convert.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <fastcgi.h>
#include <fcgiapp.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/text.h"

#define ANSWER_AT 8192u /* bytes libfcgi reads at once */
#define HEAD_MAX 8192u  /* status line and headers of an answer */
#define PAGE_BYTES 4096u
#define KEEP_BYTES (64u * 1024u) /* scratch memory beyond this is given back after use */

struct memory_file {
	int fd;
	uint8_t *map;
	size_t size; /* bytes, of file and mapping */
};

struct convert {
	struct memory_file in;
	struct memory_file out;
	FCGX_Request request; /* between convert_request() and _done() */
	char *body;           /* owned; null or body_space bytes */
	size_t body_space;
	struct str head; /* of the answer at hand */
};

static void file_close(struct memory_file *f)
{
	if (f->map)
		(void)munmap(f->map, f->size);
	f->map = NULL;
	fd_close(&f->fd);
}

static int file_open(struct memory_file *f, const char *name, size_t size, struct err *ret_err)
{
	void *map;

	f->size = (size + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
	f->map = NULL;
	f->fd = memfd_create(name, MFD_CLOEXEC);
	if (f->fd == -1) {
		err_set(ret_err, ERR_TEMPORARY, errno, "memfd_create: %s", strerror(errno));
		return -1;
	}
	if (ftruncate(f->fd, (off_t)f->size) == -1) {
		err_set(ret_err, ERR_TEMPORARY, errno, "ftruncate: %s", strerror(errno));
		fd_close(&f->fd);
		return -1;
	}
	map = mmap(NULL, f->size, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
	if (map == MAP_FAILED) {
		err_set(ret_err, ERR_TEMPORARY, errno, "mmap: %s", strerror(errno));
		fd_close(&f->fd);
		return -1;
	}
	f->map = map;
	return 0;
}

static int in_open(struct memory_file *f, size_t size, struct err *ret_err)
{
	return file_open(f, "fcgi-in", size, ret_err);
}

static int out_open(struct memory_file *f, struct err *ret_err)
{
	/* A writer of libfcgi fills records of 8 KiB: 8 bytes of header, up to 7 of padding. */
	size_t payload = HEAD_MAX + HTTP_RESPONSE_BODY_MAX;
	size_t size = ANSWER_AT + payload + payload / 256 + 2 * PAGE_BYTES;

	return file_open(f, "fcgi-out", size, ret_err);
}

/* Gives pages beyond KEEP_BYTES at `from` back to the system. */
static void file_shrink(struct memory_file *f, size_t from, size_t to)
{
	from = (from + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
	to = to / PAGE_BYTES * PAGE_BYTES;
	if (to > from)
		(void)madvise(f->map + from, to - from, MADV_REMOVE);
}

struct convert *convert_new(size_t max_params_bytes, size_t max_body_bytes, struct err *ret_err)
{
	struct convert *c = calloc(1, sizeof(*c));
	struct collect_budget none = { 0 };
	struct collect largest;

	if (!c) {
		err_set(ret_err, ERR_TEMPORARY, ENOMEM, "no memory for the FastCGI buffers");
		return NULL;
	}
	c->in.fd = -1;
	c->out.fd = -1;
	str_init(&c->head, HEAD_MAX);
	collect_init(&largest, &none, max_params_bytes, max_body_bytes, NULL);
	if (in_open(&c->in, largest.stream.max, ret_err) == -1 ||
	    out_open(&c->out, ret_err) == -1) {
		collect_fini(&largest);
		convert_free(c);
		return NULL;
	}
	collect_fini(&largest);
	return c;
}

void convert_free(struct convert *c)
{
	if (!c)
		return;
	file_close(&c->in);
	file_close(&c->out);
	str_fini(&c->head);
	free(c->body);
	free(c);
}

/* Lets libfcgi read the head of a request from the file. */
static int accept_from(struct memory_file *f, size_t offset, FCGX_Request *ret_request,
		       struct err *ret_err)
{
	if (lseek(f->fd, (off_t)offset, SEEK_SET) == -1 ||
	    FCGX_InitRequest(ret_request, -1, 0) != 0) {
		err_set(ret_err, ERR_INTERNAL, errno, "libfcgi: no request can be set up");
		return -1;
	}
	ret_request->ipcFd = f->fd;
	ret_request->keepConnection = 1;
	if (FCGX_Accept_r(ret_request) == 0)
		return 0;
	f->fd = -1; /* libfcgi has closed it */
	err_set(ret_err, ERR_INTERNAL, 0, "libfcgi cannot read the request");
	return -1;
}

/* Next name-value length (FastCGI 1.0, section 3.4); SIZE_MAX at the end of the data. */
static size_t next_length(const uint8_t **at, const uint8_t *end)
{
	const uint8_t *p = *at;

	if (p < end && *p < 0x80) {
		*at = p + 1;
		return *p;
	}
	if (end - p < 4)
		return SIZE_MAX;
	*at = p + 4;
	return (size_t)(p[0] & 0x7f) << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
}

/* Whole name-value pairs, with names, without 0 bytes? */
static bool params_are_sound(const uint8_t *data, size_t len)
{
	const uint8_t *end = data + len;

	while (data < end) {
		size_t name = next_length(&data, end);
		size_t value = next_length(&data, end);
		size_t left = (size_t)(end - data);

		if (name == 0 || name > left || value > left - name ||
		    memchr(data, 0, name + value))
			return false;
		data += name + value;
	}
	return true;
}

static bool collected_params_are_sound(const struct collect *collected)
{
	/* BEGIN with its body, then the one PARAMS record: collect.h */
	const size_t at = sizeof(FCGI_BeginRequestRecord) + COLLECT_HEADER_BYTES;

	return collected->params_bytes == 0 ||
	       params_are_sound((const uint8_t *)collected->stream.data + at,
				collected->params_bytes);
}

static void request_clear(struct http_request *r, enum http_fault fault)
{
	*r = (struct http_request){
		.fault = fault,
		.method = "",
		.path = "",
		.query = "",
		.content_type = "",
		.request_id = "",
		.prefer = "",
		.idempotency_key = "",
		.traceparent = "",
		.authorization = "",
		.signature = "",
		.body = "",
	};
}

/* Takes the value of `name` if the parameter is that one and is the first of its name. */
static bool take(const char *param, const char *name, size_t name_len, const char **field)
{
	if (strncmp(param, name, name_len) != 0 || param[name_len] != '=')
		return false;
	if (!*field)
		*field = param + name_len + 1;
	return true;
}

#define TAKE(param, name, field) take(param, name, sizeof(name) - 1, field)

struct params {
	const char *method, *uri, *content_type, *content_length;
	const char *request_id, *prefer, *idempotency_key, *traceparent, *authorization;
	const char *signature;
};

static void params_read(char **envp, struct params *p)
{
	for (; *envp; envp++) {
		const char *s = *envp;

		if (s[0] == 'H' && strncmp(s, "HTTP_", 5) == 0) {
			(void)(TAKE(s, "HTTP_X_REQUEST_ID", &p->request_id) ||
			       TAKE(s, "HTTP_PREFER", &p->prefer) ||
			       TAKE(s, "HTTP_IDEMPOTENCY_KEY", &p->idempotency_key) ||
			       TAKE(s, "HTTP_TRACEPARENT", &p->traceparent) ||
			       TAKE(s, "HTTP_AUTHORIZATION", &p->authorization) ||
			       TAKE(s, "HTTP_X_HUB_SIGNATURE_256", &p->signature));
		} else if (s[0] == 'C' || s[0] == 'R') {
			(void)(TAKE(s, "REQUEST_METHOD", &p->method) ||
			       TAKE(s, "REQUEST_URI", &p->uri) ||
			       TAKE(s, "CONTENT_TYPE", &p->content_type) ||
			       TAKE(s, "CONTENT_LENGTH", &p->content_length));
		}
	}
}

static const char *text_or_empty(const char *text)
{
	return text ? text : "";
}

/* CONTENT_LENGTH against the bytes that came; absent or empty (nginx sends it so with GET)
 * says nothing. */
static enum http_fault check_length(const char *content_length, size_t body_bytes)
{
	uint64_t announced;

	if (!content_length || !*content_length)
		return HTTP_FAULT_NONE;
	if (!text_to_u64(content_length, 0, UINT64_MAX, &announced))
		return HTTP_FAULT_MALFORMED;
	return announced == body_bytes ? HTTP_FAULT_NONE : HTTP_FAULT_BODY_INCOMPLETE;
}

static void request_fill(struct http_request *r, const struct params *p, size_t body_bytes)
{
	/* The URI is split in libfcgi's own copy, ours until the request is done. */
	char *query = p->uri ? strchr(p->uri, '?') : NULL;

	if (query)
		*query++ = '\0';
	r->method = text_or_empty(p->method);
	r->path = text_or_empty(p->uri);
	r->query = text_or_empty(query);
	r->content_type = text_or_empty(p->content_type);
	r->request_id = text_or_empty(p->request_id);
	r->prefer = text_or_empty(p->prefer);
	r->idempotency_key = text_or_empty(p->idempotency_key);
	r->traceparent = text_or_empty(p->traceparent);
	r->authorization = text_or_empty(p->authorization);
	r->signature = text_or_empty(p->signature);
	if (r->fault == HTTP_FAULT_NONE)
		r->fault = check_length(p->content_length, body_bytes);
	if (r->fault == HTTP_FAULT_NONE && (!*r->method || !*r->path))
		r->fault = HTTP_FAULT_MALFORMED;
}

static int body_read(struct convert *c, size_t body_bytes, struct http_request *r,
		     struct err *ret_err)
{
	if (body_bytes + 1 > c->body_space) {
		char *grown = realloc(c->body, body_bytes + 1);

		if (!grown) {
			err_set(ret_err, ERR_TEMPORARY, ENOMEM, "no memory for a body");
			return -1;
		}
		c->body = grown;
		c->body_space = body_bytes + 1;
	}
	if (FCGX_GetStr(c->body, (int)body_bytes, c->request.in) != (int)body_bytes) {
		err_set(ret_err, ERR_INTERNAL, 0, "libfcgi cannot read the body");
		return -1;
	}
	c->body[body_bytes] = '\0';
	r->body = c->body;
	r->body_len = body_bytes;
	return 0;
}

int convert_request(struct convert *c, const struct collect *collected,
		    struct http_request *ret_request, struct err *ret_err)
{
	size_t len = collected->stream.len;
	const bool head_is_whole = collected->fault != HTTP_FAULT_HEAD_TOO_LARGE &&
				   collected->fault != HTTP_FAULT_OVERLOADED;
	struct params params = { 0 };
	struct http_request r;

	request_clear(&r, collected->fault);
	if (r.fault == HTTP_FAULT_BODY_TOO_LARGE)
		r.limit_bytes = collect_body_limit(collected);
	if (head_is_whole && !collected_params_are_sound(collected))
		r.fault = HTTP_FAULT_MALFORMED;
	if (!head_is_whole || r.fault == HTTP_FAULT_MALFORMED) {
		*ret_request = r;
		return 0;
	}
	if (c->in.fd == -1) {
		file_close(&c->in);
		if (in_open(&c->in, c->in.size, ret_err) == -1)
			return -1;
	}
	memcpy(c->in.map + c->in.size - len, collected->stream.data, len);
	if (accept_from(&c->in, c->in.size - len, &c->request, ret_err) == -1)
		return -1;
	params_read(c->request.envp, &params);
	request_fill(&r, &params, collected->body_bytes);
	if (r.fault == HTTP_FAULT_NONE && collected->large) {
		r.body = collected->body.data;
		r.body_len = collected->body.len;
	} else if (r.fault == HTTP_FAULT_NONE && collected->body_bytes > 0 &&
		   body_read(c, collected->body_bytes, &r, ret_err) == -1) {
		convert_request_done(c);
		return -1;
	}
	if (len > KEEP_BYTES)
		file_shrink(&c->in, c->in.size - len, c->in.size - KEEP_BYTES);
	*ret_request = r;
	return 0;
}

void convert_request_done(struct convert *c)
{
	if (c->request.in)
		FCGX_Free(&c->request, 0);
	if (c->body_space > KEEP_BYTES) {
		free(c->body);
		c->body = NULL;
		c->body_space = 0;
	}
}

static bool head_write(struct str *s, const struct http_response *r)
{
	str_reset(s);
	(void)str_append_format(s, "Status: %d %s\r\nContent-Type: %s\r\n", r->status,
				http_status_text(r->status), r->type);
	for (unsigned i = 0; i < r->header_count; i++)
		(void)str_append_format(s, "%s: %s\r\n", r->headers[i].name, r->headers[i].value);
	(void)str_append_format(s, "Content-Length: %zu\r\n\r\n", r->body.len);
	return str_ok(s);
}

/* The minimal request at the beginning of the file, with this id. */
static void write_question(uint8_t *at, uint16_t id)
{
	const uint8_t hi = (uint8_t)(id >> 8), lo = (uint8_t)id;
	const uint8_t records[] = {
		FCGI_VERSION_1,
		FCGI_BEGIN_REQUEST,
		hi,
		lo,
		0,
		8,
		0,
		0,
		0,
		FCGI_RESPONDER,
		FCGI_KEEP_CONN,
		0,
		0,
		0,
		0,
		0,
		FCGI_VERSION_1,
		FCGI_PARAMS,
		hi,
		lo,
		0,
		0,
		0,
		0,
		FCGI_VERSION_1,
		FCGI_STDIN,
		hi,
		lo,
		0,
		0,
		0,
		0,
	};

	memcpy(at, records, sizeof(records));
}

static bool put(FCGX_Stream *out, const char *data, size_t len)
{
	return FCGX_PutStr(data, (int)len, out) == (int)len;
}

int convert_answer(struct convert *c, uint16_t id, const struct http_response *response,
		   const uint8_t **ret_data, size_t *ret_len, struct err *ret_err)
{
	FCGX_Request request;
	off_t end;
	bool ok;

	if (!str_ok(&response->body) || !head_write(&c->head, response) ||
	    response->body.len > HTTP_RESPONSE_BODY_MAX) {
		err_set(ret_err, ERR_LIMIT, 0, "the answer is too large, or there is no memory");
		return -1;
	}
	if (c->out.fd == -1) {
		file_close(&c->out);
		if (out_open(&c->out, ret_err) == -1)
			return -1;
	}
	write_question(c->out.map, id);
	if (accept_from(&c->out, 0, &request, ret_err) == -1)
		return -1;
	/* What libfcgi has read says where it writes. */
	ok = lseek(c->out.fd, 0, SEEK_CUR) == (off_t)ANSWER_AT &&
	     put(request.out, c->head.data, c->head.len) &&
	     put(request.out, response->body.data, response->body.len) &&
	     FCGX_FClose(request.err) == 0 && FCGX_FClose(request.out) == 0;
	FCGX_Free(&request, 0);
	end = lseek(c->out.fd, 0, SEEK_CUR);
	if (!ok || end < (off_t)ANSWER_AT || end > (off_t)c->out.size) {
		err_set(ret_err, ERR_INTERNAL, 0, "libfcgi cannot write the answer");
		return -1;
	}
	*ret_data = c->out.map + ANSWER_AT;
	*ret_len = (size_t)end - ANSWER_AT;
	return 0;
}
