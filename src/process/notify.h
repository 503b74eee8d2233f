/*
 * notify - tells the service manager how the service stands, as sd_notify(3): one datagram to
 * the socket that NOTIFY_SOCKET names.  Without it nobody asked, and nothing is sent.
 *
 * Only the master has it: the manager believes no one else (NotifyAccess=main).
 */
#ifndef PROCESS_NOTIFY_H
#define PROCESS_NOTIFY_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/compiler.h"

struct notify {
	int fd; /* -1: nobody asked */
	struct sockaddr_un to;
	socklen_t to_len;
	int64_t watchdog_ms; /* a life sign is wanted at least so often; 0: never */
};

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and takes them out of the environment,
 * as children must not speak for us.  What it cannot use counts as not asked. */
void notify_open(struct notify *n);
void notify_close(struct notify *n);

/* "READY=1", "STATUS=…", one a line.  A manager that does not listen costs us nothing. */
void notify_send(const struct notify *n, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
