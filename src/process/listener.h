/*
 * listener - the listening socket of the node, opened by the master before it forks.
 *
 * In this order: what systemd hands over (LISTEN_FDS=1, LISTEN_PID is us), a listening
 * socket as descriptor 0 (lighttpd, spawn-fcgi), or our own unix socket at `path`.  An own
 * path is replaced without asking who listens there; that only one master serves it is
 * secured by a lock on `path`.lock, held as long as the master lives.
 */
#ifndef PROCESS_LISTENER_H
#define PROCESS_LISTENER_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/err.h"

struct listener_settings {
	const char *setting; /* static; its name, for errors: "FCGI_SOCKET" */
	const char *path;
	unsigned mode;     /* of the socket file, 0660 */
	const char *group; /* "": the process's own */
};

struct listener {
	int fd;      /* non-blocking, close-on-exec */
	int lock_fd; /* -1 when inherited; workers close it at birth */
	bool inherited;
	const char *setting;
	char path[108]; /* "" when inherited */
};

int listener_open(struct listener *l, const struct listener_settings *settings,
		  struct err *ret_err) MUST_CHECK;
/* The same, but always our own socket. */
int listener_open_own(struct listener *l, const struct listener_settings *settings,
		      struct err *ret_err) MUST_CHECK;
/* Takes the path away, so that nobody new connects; what waits in the backlog stays. */
void listener_unlink(struct listener *l);
/* Closes the descriptors; the path is left alone. */
void listener_close(struct listener *l);

#endif
