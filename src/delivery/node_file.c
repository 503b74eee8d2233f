#include "delivery/node_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/fd.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define TEXT_BYTES (MESSAGE_ID_TEXT_BYTES + NODE_FILE_BOOT_BYTES + 2)

void node_file_boot_id(char *text)
{
	const int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);
	const ssize_t n = fd < 0 ? -1 : read(fd, text, NODE_FILE_BOOT_BYTES - 1);

	text[n > 0 ? n : 0] = 0;
	text[strcspn(text, "\n")] = 0;
	if (fd >= 0)
		(void)close(fd);
}

static void describe(char *text, struct message_id id, const char *boot_id)
{
	char id_text[MESSAGE_ID_TEXT_BYTES];

	message_id_text(id, id_text);
	(void)snprintf(text, TEXT_BYTES, "%s %s\n", id_text, boot_id);
}

int node_file_open(const char *socket, struct message_id id, const char *boot_id, char *path,
		   struct err *ret_err)
{
	char id_text[MESSAGE_ID_TEXT_BYTES];
	char made[NODE_FILE_PATH_BYTES];
	char text[TEXT_BYTES];
	int fd;

	message_id_text(id, id_text);
	if (snprintf(made, sizeof(made), "%s.node-%s", socket, id_text) >= (int)sizeof(made)) {
		err_set(ret_err, ERR_INVALID, 0, "node file: %s is too long a name", socket);
		return -1;
	}
	fd = open(made, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0) {
		err_set(ret_err, ERR_PERMANENT, errno, "node file: cannot make %s: %s", made,
			strerror(errno));
		return -1;
	}
	describe(text, id, boot_id);
	if (flock(fd, LOCK_EX | LOCK_NB) ||
	    write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
		err_set(ret_err, ERR_PERMANENT, errno, "node file: cannot write %s: %s", made,
			strerror(errno));
		(void)unlink(made);
		fd_close(&fd);
		return -1;
	}
	memcpy(path, made, sizeof(made));
	return fd;
}

bool node_file_proves_gone(const char *path, struct message_id id, const char *boot_id)
{
	char expected[TEXT_BYTES];
	char text[TEXT_BYTES] = "";
	bool gone;
	int fd;

	if (!*path || !*boot_id)
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return false;
	describe(expected, id, boot_id);
	gone = read(fd, text, sizeof(text) - 1) == (ssize_t)strlen(expected) &&
	       strcmp(text, expected) == 0 && !flock(fd, LOCK_SH | LOCK_NB);
	(void)close(fd);
	return gone;
}
