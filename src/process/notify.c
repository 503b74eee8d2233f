#include "process/notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"

#define MESSAGE_BYTES 512
#define USEC_PER_MS 1000u

static bool address(struct notify *n, const char *name)
{
	const size_t len = strlen(name);

	if ((*name != '/' && *name != '@') || len >= sizeof(n->to.sun_path))
		return false;
	n->to.sun_family = AF_UNIX;
	(void)memcpy(n->to.sun_path, name, len + 1);
	if (*name == '@')
		n->to.sun_path[0] = '\0'; /* an abstract name, without an end */
	n->to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (*name == '/'));
	return true;
}

static int64_t watchdog_ms(void)
{
	const char *usec_text = getenv("WATCHDOG_USEC");
	const char *pid_text = getenv("WATCHDOG_PID");
	uint64_t usec, pid;

	if (!usec_text || !text_to_u64(usec_text, USEC_PER_MS, INT64_MAX, &usec))
		return 0;
	if (pid_text && (!text_to_u64(pid_text, 1, INT32_MAX, &pid) || (pid_t)pid != getpid()))
		return 0;
	return (int64_t)(usec / USEC_PER_MS);
}

void notify_open(struct notify *n)
{
	const char *name = getenv("NOTIFY_SOCKET");

	*n = (struct notify){ .fd = -1 };
	if (name && address(n, name))
		n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (n->fd >= 0)
		n->watchdog_ms = watchdog_ms();
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
}

void notify_close(struct notify *n)
{
	fd_close(&n->fd);
}

void notify_send(const struct notify *n, const char *format, ...)
{
	char text[MESSAGE_BYTES];
	va_list args;
	int len;

	if (n->fd < 0)
		return;
	va_start(args, format);
	len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (len > 0 && (size_t)len < sizeof(text))
		(void)sendto(n->fd, text, (size_t)len, MSG_NOSIGNAL,
			     (const struct sockaddr *)&n->to, n->to_len);
}
