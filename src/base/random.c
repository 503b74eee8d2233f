/*
 * One buffer a thread, filled by getrandom() and handed out once: what was given is wiped at
 * once, so nothing that was used can be read back.  After a fork the child's only thread is
 * the one that forked, so its handler empties the one buffer the child has.
 */
#include "base/random.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/compiler.h"
#include "base/die.h"

#define BUFFER_BYTES 256 /* getrandom() gives that many or fails: never less */

struct buffer {
	uint8_t data[BUFFER_BYTES];
	size_t left; /* the last bytes of data, not yet handed out */
};

static _Thread_local struct buffer buffer;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void forget(void)
{
	memset(&buffer, 0, sizeof(buffer));
}

static void watch_fork(void)
{
	if (pthread_atfork(NULL, NULL, forget) != 0)
		die("pthread_atfork");
}

static void fill(uint8_t *data, size_t len)
{
	ssize_t n;

	do
		n = getrandom(data, len, 0);
	while (n == -1 && errno == EINTR);
	if (n != (ssize_t)len)
		die("getrandom");
}

void random_bytes(void *data, size_t len)
{
	uint8_t *out = data;

	(void)pthread_once(&once, watch_fork);
	while (len > 0) {
		size_t n;
		uint8_t *from;

		if (buffer.left == 0) {
			fill(buffer.data, sizeof(buffer.data));
			buffer.left = sizeof(buffer.data);
		}
		n = len < buffer.left ? len : buffer.left;
		from = buffer.data + sizeof(buffer.data) - buffer.left;
		memcpy(out, from, n);
		memset(from, 0, n);
		buffer.left -= n;
		out += n;
		len -= n;
	}
}

uint32_t random_u32(void)
{
	uint32_t value;

	random_bytes(&value, sizeof(value));
	return value;
}
