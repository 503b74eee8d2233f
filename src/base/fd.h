/*
 * fd - descriptors: always close-on-exec, never leaked.  errno errors as struct err.
 */
#ifndef BASE_FD_H
#define BASE_FD_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/compiler.h"
#include "base/err.h"

/* Closes *fd unless it is -1 and sets it to -1. */
void fd_close(int *fd);
int fd_set_nonblocking(int fd, bool on, struct err *ret_err) MUST_CHECK;
int fd_set_cloexec(int fd, bool on, struct err *ret_err) MUST_CHECK;
/* Raises the soft limit of open files to the hard one; returns the limit now in force. */
long fd_raise_limit(void);

#endif
