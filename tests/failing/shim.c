/*
 * LD_PRELOAD shim: lets one call of the system fail, or all from one on, in the workers of a
 * service.  Which one is written by the driver into a file that both have mapped (struct
 * control); the shim counts.  Not the process that loaded it: the master.
 *
 *   memory  malloc, calloc, realloc, posix_memalign: null, ENOMEM
 *   io      read, write, send, recv, accept, connect, socket, open, poll, epoll...: an error that
 *           this call may really have, which one depends on the number of the call, or a short
 *           count
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum class { MEMORY = 1, IO = 2, LEAK = 3 };

struct control {
	_Atomic uint32_t class;    /* 0: nothing fails, nothing is counted */
	_Atomic uint32_t for_good; /* all from there on */
	_Atomic uint64_t at;       /* the number of the call, from 1 */
	_Atomic uint64_t count;    /* of calls so far */
	_Atomic uint64_t failed;   /* so many failed */
};

static struct control *control;
static pid_t loader;
static bool begun;

static struct {
	void *(*malloc)(size_t);
	void *(*calloc)(size_t, size_t);
	void *(*realloc)(void *, size_t);
	int (*posix_memalign)(void **, size_t, size_t);
	void (*free)(void *);
} memory;

static void find_memory(void)
{
	*(void **)&memory.malloc = dlsym(RTLD_NEXT, "malloc");
	*(void **)&memory.calloc = dlsym(RTLD_NEXT, "calloc");
	*(void **)&memory.realloc = dlsym(RTLD_NEXT, "realloc");
	*(void **)&memory.posix_memalign = dlsym(RTLD_NEXT, "posix_memalign");
	*(void **)&memory.free = dlsym(RTLD_NEXT, "free");
	begun = true;
}

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("FAILING_CONTROL");
	int fd = path ? (int)syscall(257 /* openat */, AT_FDCWD, path, O_RDWR | O_CLOEXEC) : -1;
	void *map;

	find_memory();
	loader = getpid();
	if (fd == -1)
		return;
	map = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map != MAP_FAILED)
		control = map;
}

/* Counts a call; the number of it if it is to fail, or 0. */
static uint64_t fails(enum class class)
{
	uint64_t n, at;

	if (control == NULL || atomic_load(&control->class) != class || getpid() == loader)
		return 0;
	n = atomic_fetch_add(&control->count, 1) + 1;
	at = atomic_load(&control->at);
	if (n != at && !(atomic_load(&control->for_good) && n > at))
		return 0;
	atomic_fetch_add(&control->failed, 1);
	return n;
}

/* --- memory --- */

/* Before the sanitizers have begun nobody else may be asked: what is taken so early stays. */
static char early[1 << 20] __attribute__((aligned(16)));
static size_t early_used;

static void *early_take(size_t alignment, size_t size)
{
	uintptr_t at = (uintptr_t)early + early_used + 16;

	if (alignment < 16)
		alignment = 16;
	at = (at + alignment - 1) & ~(alignment - 1);
	early_used = at + size - (uintptr_t)early;
	if (early_used > sizeof(early))
		abort();
	memcpy((char *)at - 16, &size, sizeof(size));
	return (void *)at;
}

static bool is_early(const void *at)
{
	return (const char *)at >= early && (const char *)at < early + sizeof(early);
}

#define REAL(type, name)          \
	static type *real;        \
	if (real == NULL)         \
		*(void **)&real = dlsym(RTLD_NEXT, #name)

static void *none(void)
{
	errno = ENOMEM;
	return NULL;
}

void *malloc(size_t size)
{
	if (!begun)
		return early_take(16, size);
	if (fails(LEAK))
		memset(memory.malloc(4711), 1, 4711); /* nobody has it any more */
	return fails(MEMORY) ? none() : memory.malloc(size);
}

void *calloc(size_t count, size_t size)
{
	if (!begun)
		return early_take(16, count * size);
	return fails(MEMORY) ? none() : memory.calloc(count, size);
}

void *realloc(void *old, size_t size)
{
	size_t before = 0;
	void *new;

	if (begun && !is_early(old))
		return fails(MEMORY) ? none() : memory.realloc(old, size);
	new = malloc(size);
	if (old != NULL && new != NULL) {
		memcpy(&before, (char *)old - 16, sizeof(before));
		memcpy(new, old, before < size ? before : size);
	}
	return new;
}

int posix_memalign(void **ret, size_t alignment, size_t size)
{
	if (!begun) {
		*ret = early_take(alignment, size);
		return 0;
	}
	return fails(MEMORY) ? ENOMEM : memory.posix_memalign(ret, alignment, size);
}

void free(void *at)
{
	if (at != NULL && !is_early(at))
		memory.free(at);
}

/* --- io --- */

/* One of the errors, or 0: it is not to fail.  SHORT: one byte only. */
#define SHORT (-1)

static int error_of(const int *errors, unsigned count)
{
	const uint64_t n = fails(IO);

	if (n == 0)
		return 0;
	errno = errors[n % count];
	return errors[n % count];
}

#define ERROR_OF(...) \
	error_of((const int[]){ __VA_ARGS__ }, sizeof((const int[]){ __VA_ARGS__ }) / sizeof(int))

ssize_t read(int fd, void *data, size_t len)
{
	typedef ssize_t fn(int, void *, size_t);
	int error = ERROR_OF(EINTR, EIO, SHORT);
	REAL(fn, read);

	return error > 0 ? -1 : real(fd, data, error == SHORT && len > 1 ? 1 : len);
}

ssize_t write(int fd, const void *data, size_t len)
{
	typedef ssize_t fn(int, const void *, size_t);
	int error = ERROR_OF(EINTR, ENOSPC, EPIPE, EAGAIN, SHORT);
	REAL(fn, write);

	return error > 0 ? -1 : real(fd, data, error == SHORT && len > 1 ? 1 : len);
}

ssize_t recv(int fd, void *data, size_t len, int flags)
{
	typedef ssize_t fn(int, void *, size_t, int);
	int error = ERROR_OF(EINTR, ECONNRESET, EAGAIN, ETIMEDOUT, SHORT);
	REAL(fn, recv);

	return error > 0 ? -1 : real(fd, data, error == SHORT && len > 1 ? 1 : len, flags);
}

ssize_t send(int fd, const void *data, size_t len, int flags)
{
	typedef ssize_t fn(int, const void *, size_t, int);
	int error = ERROR_OF(EINTR, ECONNRESET, EAGAIN, EPIPE, ENOBUFS, SHORT);
	int type = 0;
	socklen_t size = sizeof(type);
	REAL(fn, send);

	/* A packet is sent whole or not at all. */
	if (error == SHORT &&
	    (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM))
		error = 0;
	return error > 0 ? -1 : real(fd, data, error == SHORT && len > 1 ? 1 : len, flags);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	typedef ssize_t fn(int, struct msghdr *, int);
	REAL(fn, recvmsg);

	return ERROR_OF(EINTR, ECONNRESET, EAGAIN) ? -1 : real(fd, message, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	typedef ssize_t fn(int, const struct msghdr *, int);
	REAL(fn, sendmsg);

	return ERROR_OF(EINTR, ECONNRESET, EAGAIN, ENOBUFS) ? -1 : real(fd, message, flags);
}

int accept4(int fd, struct sockaddr *at, socklen_t *len, int flags)
{
	typedef int fn(int, struct sockaddr *, socklen_t *, int);
	REAL(fn, accept4);

	return ERROR_OF(EINTR, EMFILE, ECONNABORTED, ENFILE, ENOMEM) ? -1
								     : real(fd, at, len, flags);
}

int connect(int fd, const struct sockaddr *at, socklen_t len)
{
	typedef int fn(int, const struct sockaddr *, socklen_t);
	REAL(fn, connect);

	return ERROR_OF(ECONNREFUSED, EINTR, ETIMEDOUT, ENETUNREACH) ? -1 : real(fd, at, len);
}

int socket(int domain, int type, int protocol)
{
	typedef int fn(int, int, int);
	REAL(fn, socket);

	return ERROR_OF(EMFILE, ENFILE, ENOBUFS) ? -1 : real(domain, type, protocol);
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
		struct addrinfo **ret)
{
	typedef int fn(const char *, const char *, const struct addrinfo *, struct addrinfo **);
	REAL(fn, getaddrinfo);

	return ERROR_OF(ENOENT) ? EAI_AGAIN : real(name, service, hints, ret);
}

int poll(struct pollfd *fds, nfds_t count, int ms)
{
	typedef int fn(struct pollfd *, nfds_t, int);
	REAL(fn, poll);

	return ERROR_OF(EINTR, ENOMEM) ? -1 : real(fds, count, ms);
}

int epoll_wait(int fd, struct epoll_event *events, int count, int ms)
{
	typedef int fn(int, struct epoll_event *, int, int);
	REAL(fn, epoll_wait);

	return ERROR_OF(EINTR) ? -1 : real(fd, events, count, ms);
}

int epoll_ctl(int fd, int what, int of, struct epoll_event *event)
{
	typedef int fn(int, int, int, struct epoll_event *);
	REAL(fn, epoll_ctl);

	/* Taking away is never refused. */
	if (what != EPOLL_CTL_DEL && ERROR_OF(ENOMEM, ENOSPC))
		return -1;
	return real(fd, what, of, event);
}

int memfd_create(const char *name, unsigned flags)
{
	typedef int fn(const char *, unsigned);
	REAL(fn, memfd_create);

	return ERROR_OF(EMFILE, ENOMEM) ? -1 : real(name, flags);
}

int open(const char *path, int flags, ...)
{
	typedef int fn(const char *, int, ...);
	mode_t mode = 0;
	va_list args;
	REAL(fn, open);

	if (flags & O_CREAT) {
		va_start(args, flags);
		mode = va_arg(args, mode_t);
		va_end(args);
	}
	return ERROR_OF(EMFILE, ENFILE, EACCES, EIO) ? -1 : real(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list args;

	if (flags & O_CREAT) {
		va_start(args, flags);
		mode = va_arg(args, mode_t);
		va_end(args);
	}
	return open(path, flags, mode);
}

off_t lseek(int fd, off_t offset, int whence)
{
	typedef off_t fn(int, off_t, int);
	REAL(fn, lseek);

	return ERROR_OF(EIO) ? -1 : real(fd, offset, whence);
}
