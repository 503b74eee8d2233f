#include "process/beacon_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"

#define LINE_BYTES 64

/* FNV-1a; fixed for ever, as files are named by it. */
static uint64_t hash(const char *text)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
	return h;
}

void beacon_file_path(const char *dir, const char *socket, char *path)
{
	const char *slash = strrchr(socket, '/');
	const char *name = slash ? slash + 1 : socket;

	if (*dir)
		(void)snprintf(path, BEACON_FILE_PATH_BYTES, "%s/%s-%016llx.beacon", dir, name,
			       (unsigned long long)hash(socket));
	else
		(void)snprintf(path, BEACON_FILE_PATH_BYTES, "%s.beacon", socket);
}

struct beacon_known beacon_file_read(const char *path)
{
	struct beacon_known known = { .any = false };
	char line[LINE_BYTES] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	const ssize_t n = fd < 0 ? 0 : read(fd, line, sizeof(line) - 1);
	char *blank = n > 0 ? strchr(line, ' ') : NULL;

	fd_close(&fd);
	if (!blank)
		return known;
	*blank = '\0';
	blank[1 + strcspn(blank + 1, "\n")] = '\0';
	known.any = message_id_parse(line, &known.id) &&
		    text_to_i64(blank + 1, 0, INT64_MAX, &known.ticks);
	return known;
}

static bool put(int fd, const struct beacon_known *known)
{
	char id[MESSAGE_ID_TEXT_BYTES];
	char line[LINE_BYTES];
	int len;

	message_id_text(known->id, id);
	len = snprintf(line, sizeof(line), "%s %lld\n", id, (long long)known->ticks);
	return write(fd, line, (size_t)len) == len && !fsync(fd);
}

int beacon_file_write(const char *path, const struct beacon_known *known, struct err *ret_err)
{
	char made[BEACON_FILE_PATH_BYTES + 16];
	bool done;
	int fd;

	errno = 0; /* a write that is cut short sets none */
	(void)snprintf(made, sizeof(made), "%s.%d", path, (int)getpid());
	(void)unlink(made); /* of a process before us with this number */
	fd = open(made, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	done = fd >= 0 && put(fd, known) && !rename(made, path);
	if (!done) {
		/* The path last: a long one is cut. */
		err_set(ret_err, ERR_TEMPORARY, errno, "%s: cannot write %s",
			errno ? strerror(errno) : "cut short", path);
		(void)unlink(made);
	}
	fd_close(&fd);
	return done ? 0 : -1;
}
