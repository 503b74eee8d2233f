/* The settings file, read over the defaults. */
#include "fuzz.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/text.h"
#include "config/settings.h"

/* A text of the settings' is a text: on one line, inside its field. */
static void look_at(const struct settings *s)
{
	MUST_HOLD(memchr(s->graph_api_url, 0, sizeof(s->graph_api_url)) != NULL);
	MUST_HOLD(strpbrk(s->graph_api_url, "\r\n") == NULL);
	MUST_HOLD(memchr(s->fcgi_socket, 0, sizeof(s->fcgi_socket)) != NULL);
	MUST_HOLD(s->workers >= 1 && s->workers <= 64);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct settings settings;
	static struct settings_report report;
	static int fd = -1;
	char path[64];

	if (fd == -1)
		fd = memfd_create("settings", MFD_CLOEXEC);
	MUST_HOLD(fd != -1 && ftruncate(fd, 0) == 0);
	MUST_HOLD(pwrite(fd, data, size, 0) == (ssize_t)size);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (settings_load(&settings, path, NULL, &report) == 0)
		look_at(&settings);
	else
		MUST_HOLD(report.errors > 0);
	for (unsigned i = 0; i < report.count; i++)
		MUST_HOLD(strpbrk(report.faults[i].text, "\r\n\x1b") == NULL);
	return 0;
}
