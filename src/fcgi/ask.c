/*
 * FastCGI 1.0: BEGIN_REQUEST, PARAMS, an empty STDIN; then records until END_REQUEST, of which
 * STDOUT is kept: "Status: 200 OK", headers, an empty line, the body.
 */
#include "fcgi/ask.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <fastcgi.h>

#include "base/fd.h"
#include "base/text.h"

#define ANSWER_MAX ((size_t)4 * 1024 * 1024)
#define PATH_MAX_BYTES 4000

static void put_header(struct str *out, uint8_t type, size_t len)
{
	const char header[FCGI_HEADER_LEN] = { FCGI_VERSION_1,   (char)type,         0, 1,
					       (char)(len >> 8), (char)(len & 0xff), 0, 0 };

	(void)str_append(out, header, sizeof(header));
}

static void put_param(struct str *out, const char *name, const char *value)
{
	const size_t len = strlen(value);
	/* In the long form, which any length may have. */
	const char value_len[] = { (char)(len >> 24 | 0x80), (char)(len >> 16), (char)(len >> 8),
				   (char)len };

	(void)str_append_char(out, (char)strlen(name));
	(void)str_append(out, value_len, sizeof(value_len));
	(void)str_append_text(out, name);
	(void)str_append_text(out, value);
}

static bool build(struct str *out, const char *path)
{
	static const char begin[8] = { 0, FCGI_RESPONDER, 0, 0, 0, 0, 0, 0 };
	struct str params = STR_INIT(2 * PATH_MAX_BYTES);

	put_param(&params, "REQUEST_METHOD", "GET");
	put_param(&params, "REQUEST_URI", path);
	put_header(out, FCGI_BEGIN_REQUEST, sizeof(begin));
	(void)str_append(out, begin, sizeof(begin));
	put_header(out, FCGI_PARAMS, params.len);
	(void)str_append(out, params.data, params.len);
	put_header(out, FCGI_PARAMS, 0);
	put_header(out, FCGI_STDIN, 0);
	str_fini(&params);
	return str_ok(out);
}

static int fail(struct err *ret_err, const char *path)
{
	err_set(ret_err, ERR_TEMPORARY, errno, "%s: %s", path,
		errno == EAGAIN ? "no answer in time" : strerror(errno));
	return -1;
}

static int dial(const char *path, int64_t timeout_ms, struct err *ret_err)
{
	const struct timeval timeout = { .tv_sec = timeout_ms / 1000,
					 .tv_usec = timeout_ms % 1000 * 1000 };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (!text_copy(address.sun_path, sizeof(address.sun_path), path)) {
		err_set(ret_err, ERR_INVALID, 0, "%s: too long for a socket", path);
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) &&
	    !setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) &&
	    !connect(fd, (const struct sockaddr *)&address, sizeof(address)))
		return fd;
	(void)fail(ret_err, path);
	fd_close(&fd);
	return -1;
}

static bool send_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		const ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n < 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

static bool read_all(int fd, void *data, size_t len)
{
	const ssize_t n = len ? recv(fd, data, len, MSG_WAITALL) : 0;

	if (n >= 0 && (size_t)n < len)
		errno = ECONNRESET;
	return n >= 0 && (size_t)n == len;
}

/* All of STDOUT. */
static bool read_answer(int fd, struct str *out)
{
	char content[UINT16_MAX + UINT8_MAX];
	uint8_t header[FCGI_HEADER_LEN];

	while (read_all(fd, header, sizeof(header))) {
		const size_t len = (size_t)header[4] << 8 | header[5];

		if (!read_all(fd, content, len + header[6]))
			return false;
		if (header[1] == FCGI_END_REQUEST)
			return true;
		if (header[1] == FCGI_STDOUT && !str_append(out, content, len)) {
			errno = EMSGSIZE;
			return false;
		}
	}
	return false;
}

static int take_body(const char *path, const struct str *answer, struct str *ret_body,
		     struct err *ret_err)
{
	static const char ok[] = "Status: 200";
	const char *end = strstr(answer->data, "\r\n\r\n");

	if (!end || strncmp(answer->data, ok, sizeof(ok) - 1) != 0) {
		/* Its query may be secret. */
		err_set(ret_err, ERR_PERMANENT, 0, "%.*s: answered %.*s", (int)strcspn(path, "?"),
			path, (int)strcspn(answer->data, "\r\n"), answer->data);
		return -1;
	}
	if (str_append_text(ret_body, end + 4))
		return 0;
	err_set(ret_err, ERR_LIMIT, 0, "%.*s: the answer is too long", (int)strcspn(path, "?"),
		path);
	return -1;
}

int fcgi_ask(const char *socket_path, const char *path, int64_t timeout_ms, struct str *ret_body,
	     struct err *ret_err)
{
	struct str request = STR_INIT(3 * PATH_MAX_BYTES);
	struct str answer = STR_INIT(ANSWER_MAX);
	int result = -1;
	int fd;

	if (strlen(path) > PATH_MAX_BYTES || !build(&request, path)) {
		err_set(ret_err, ERR_INVALID, 0, "%.*s: too long", (int)strcspn(path, "?"), path);
		str_fini(&request);
		return -1;
	}
	fd = dial(socket_path, timeout_ms, ret_err);
	if (fd >= 0) {
		if (send_all(fd, request.data, request.len) && read_answer(fd, &answer))
			result = take_body(path, &answer, ret_body, ret_err);
		else
			result = fail(ret_err, socket_path);
	}
	fd_close(&fd);
	str_fini(&request);
	str_fini(&answer);
	return result;
}
